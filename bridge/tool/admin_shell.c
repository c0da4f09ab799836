/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client of the service's socket (bridge/adhoc/shell.h has what is said there). */
#include "config.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/base/options.h"
#include "bridge/tool/admin_shell.h"
#include "bridge/tool/cli.h"

#define REPLY_MAX (64u * 1024 * 1024)

static json_t *request_of(char **words)
{
    json_t *fields = json_object();
    for (size_t i = 1; words[0] && words[i]; i++) {
        const char *equals = strchr(words[i], '=');
        if (!equals || equals == words[i]) {
            fprintf(stderr, "trestle: '%s' is no NAME=VALUE\n", words[i]);
            json_decref(fields);
            return NULL;
        }
        g_autofree char *name = g_strndup(words[i], (gsize)(equals - words[i]));
        json_t *value = json_string(equals + 1);
        if (!value) {
            fprintf(stderr, "trestle: %s: must be UTF-8\n", name);
            json_decref(fields);
            return NULL;
        }
        json_object_set_new(fields, name, value);
    }
    return json_pack("{s:s?, s:o}", "command", words[0], "fields", fields);
}

static int socket_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int failed = errno;
    if (fd >= 0)
        close(fd);
    errno = failed;
    return -1;
}

static bool request_send(int fd, const char *text)
{
    for (size_t sent = 0, length = strlen(text); sent < length;) {
        ssize_t count = send(fd, text + sent, length - sent, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        sent += (size_t)count;
    }
    return true;
}

static json_t *reply_read(int fd)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char bytes[16384];
    ssize_t count;
    while (text->len < REPLY_MAX &&
           ((count = recv(fd, bytes, sizeof bytes, 0)) > 0 || (count < 0 && errno == EINTR))) {
        if (count > 0)
            g_string_append_len(text, bytes, count);
    }
    return json_loadb(text->str, text->len, 0, NULL);
}

static void commands_print(const json_t *commands)
{
    size_t i, k;
    json_t *command, *field;
    json_array_foreach((json_t *)(guintptr)commands, i, command)
    {
        printf("%s", json_string_value(json_object_get(command, "command")));
        json_array_foreach(json_object_get(command, "fields"), k, field)
        {
            bool required = json_is_true(json_object_get(field, "required"));
            printf(required ? " %s=…" : " [%s=…]",
                   json_string_value(json_object_get(field, "name")));
        }
        printf("\n    %s\n", json_string_value(json_object_get(command, "name")));
    }
}

static void problem_print(const json_t *problem)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *title = json_string_value(json_object_get(problem, "title"));
    const char *pointer = json_string_value(
        json_object_get(json_array_get(json_object_get(problem, "errors"), 0), "pointer"));
    fprintf(stderr, "trestle: %s%s%s\n", pointer ? pointer + 1 : "", pointer ? ": " : "",
            detail  ? detail
            : title ? title
                    : "the service has not answered");
}

static int reply_print(const json_t *reply)
{
    const json_t *commands = json_object_get(reply, "commands");
    const json_t *answer = json_object_get(reply, "reply");
    if (commands) {
        commands_print(commands);
    } else if (answer && !json_is_null(answer)) {
        char *text = json_dumps(answer, JSON_INDENT(2));
        puts(text);
        free(text);
    } else if (!answer) {
        problem_print(json_object_get(reply, "problem"));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static int request_run(const char *path, const json_t *request)
{
    int fd = socket_connect(path);
    if (fd < 0) {
        fprintf(stderr, "trestle: %s: %s; does the service run, and are you root or its user?\n",
                path, g_strerror(errno));
        return EXIT_FAILURE;
    }
    char *dump = json_dumps(request, JSON_COMPACT);
    g_autofree char *line = g_strconcat(dump, "\n", NULL);
    free(dump);
    json_t *reply = request_send(fd, line) ? reply_read(fd) : NULL;
    close(fd);
    int status = reply_print(reply);
    json_decref(reply);
    return status;
}

int admin_shell_run(const struct options *options, char **words)
{
    if (!options->admin_socket || !*options->admin_socket) {
        fputs("trestle: [admin] socket is not set in the configuration\n", stderr);
        return EXIT_FAILURE;
    }
    json_t *request = request_of(words);
    if (!request)
        return EXIT_USAGE;
    int status = request_run(options->admin_socket, request);
    json_decref(request);
    return status;
}
