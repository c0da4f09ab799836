/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands from the shell, as a transport of operations. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridge/adhoc/form.h"
#include "bridge/adhoc/shell.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/operation.h"
#include "bridge/core/request.h"
#include "bridge/loop/loop.h"

#define CLIENTS_MAX 16
#define IDLE_SECONDS 10
#define REPLY_MAX (32 * 1024 * 1024)

struct client {
    struct loop_watch watch;
    struct buffer in, out;
    struct request *request; /* that runs; NULL: none */
    char *who;               /* "shell 0" */
    gint64 since;
};

struct run {
    struct request request; /* first: transports cast */
    struct client *client;  /* NULL: it has left */
    char *who;
};

static struct core *shell_core;
static struct loop_watch listener = {.fd = -1};
static char *socket_path;
static GPtrArray *clients; /* struct client * */
static guint timer;

static void client_free(struct client *client)
{
    if (client->request)
        ((struct run *)(void *)client->request)->client = NULL;
    loop_remove(&client->watch);
    close(client->watch.fd);
    buffer_clear(&client->in);
    buffer_clear(&client->out);
    g_free(client->who);
    g_ptr_array_remove_fast(clients, client);
    g_free(client);
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void client_write(struct client *client)
{
    while (client->out.length > 0) {
        ssize_t written =
            send(client->watch.fd, client->out.data, client->out.length, MSG_NOSIGNAL);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            loop_modify(&client->watch, EPOLLOUT);
            return;
        }
        if (written < 0)
            break;
        buffer_consume(&client->out, (size_t)written);
    }
    client_free(client); /* an answer is the end */
}

static void client_answer(struct client *client, const char *member, const char *json)
{
    buffer_append_printf(&client->out, "{\"%s\":", member);
    buffer_append_string(&client->out, json && *json ? json : "null");
    buffer_append_string(&client->out, "}\n");
    client->since = clock_monotonic();
    client_write(client);
}

static void client_refuse(struct client *client, enum error_code code, const char *detail)
{
    g_auto(buffer) problem = BUFFER_INIT(4096);
    problem_write(&problem, &(struct problem){.code = code, .detail = detail});
    client_answer(client, "problem", problem.data);
}

/* ---- As a transport -------------------------------------------------------------------------- */

static void run_end(struct request *request, const char *member, struct buffer *json)
{
    struct run *run = (struct run *)(void *)request;
    struct client *client = run->client;
    if (client) {
        client->request = NULL;
        if (json->overflow)
            client_refuse(client, ERROR_INTERNAL, "the answer is too long; ask for less");
        else
            client_answer(client, member, json->length > 0 ? json->data : NULL);
    }
    buffer_clear(json);
    json_decref(request->body);
    g_free(request->set_cookie);
    g_free(run->who);
    g_free(run);
}

static void transport_reply(struct request *request, unsigned status, struct buffer *json)
{
    (void)status;
    run_end(request, "reply", json);
}

static void transport_fail(struct request *request, enum error_code code, struct buffer *problem)
{
    (void)code;
    run_end(request, "problem", problem);
}

static const struct request_transport transport = {
    .door = "shell", .reply = transport_reply, .fail = transport_fail};

/* ---- Requests -------------------------------------------------------------------------------- */

/* "disable-user" of "http://jabber.org/protocol/admin#disable-user", "status" of
 * "urn:trestle:admin:status". */
static const char *command_of(const struct operation *operation)
{
    const char *node = operation->adhoc->node;
    const char *end = strrchr(node, '#');
    end = end ? end : strrchr(node, ':');
    return end ? end + 1 : node;
}

static bool is_for_shell(const struct operation *operation)
{
    return operation->adhoc && operation->role; /* what is for users themselves is not */
}

static const struct operation *operation_find(const char *command)
{
    struct operation_walk walk = {shell_core->operations, NULL};
    const struct operation *row;
    while ((row = operation_next(&walk))) {
        if (is_for_shell(row) && strcmp(command_of(row), command) == 0)
            return row;
    }
    return NULL;
}

static json_t *fields_named(const struct operation *operation)
{
    json_t *names = json_array();
    for (const struct field *field = operation->fields; field && field->name; field++)
        json_array_append_new(names, json_pack("{s:s, s:b}", "name", field->name, "required",
                                               (field->flags & FIELD_REQUIRED) != 0));
    return names;
}

static void commands_list(struct client *client)
{
    json_t *list = json_array();
    struct operation_walk walk = {shell_core->operations, NULL};
    const struct operation *row;
    while ((row = operation_next(&walk))) {
        if (is_for_shell(row))
            json_array_append_new(list,
                                  json_pack("{s:s, s:s, s:o}", "command", command_of(row), "name",
                                            row->adhoc->name, "fields", fields_named(row)));
    }
    char *text = json_dumps(list, JSON_COMPACT);
    client_answer(client, "commands", text);
    free(text);
    json_decref(list);
}

static void operation_begin(struct client *client, const struct operation *operation,
                            json_t *values)
{
    struct run *run = g_new0(struct run, 1);
    run->client = client;
    run->who = g_strdup(client->who);
    run->request = (struct request){.transport = &transport,
                                    .operation = operation,
                                    .core = shell_core,
                                    .body = json_incref(values),
                                    .admin = run->who};
    client->request = &run->request;
    operation_run_form(&run->request);
}

static void command_take(struct client *client, const json_t *asked)
{
    const char *command = json_string_value(json_object_get(asked, "command"));
    const struct operation *operation = command ? operation_find(command) : NULL;
    struct field_problem problem = {0};
    if (!command) {
        commands_list(client);
        return;
    }
    if (!operation) {
        client_refuse(client, ERROR_UNPROCESSABLE, "there is no such command");
        return;
    }
    json_t *values = json_object();
    if (form_read_texts(operation, json_object_get(asked, "fields"), values, &problem)) {
        operation_begin(client, operation, values);
    } else {
        g_autofree char *detail = g_strdup_printf("%s: %s", problem.pointer, problem.detail);
        client_refuse(client, problem.code, detail);
    }
    json_decref(values);
}

/* One line is a request. */
static void client_parse(struct client *client)
{
    const char *end = memchr(client->in.data, '\n', client->in.length);
    if (!end)
        return;
    json_t *asked = json_loadb(client->in.data, (size_t)(end - client->in.data), 0, NULL);
    if (json_is_object(asked))
        command_take(client, asked);
    else
        client_refuse(client, ERROR_BAD_REQUEST, "this is no JSON object");
    json_decref(asked);
}

static void client_read(struct client *client)
{
    char bytes[16384];
    ssize_t count = recv(client->watch.fd, bytes, sizeof bytes, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR || errno == EWOULDBLOCK))
        return;
    if (count <= 0 || client->request || !buffer_append(&client->in, bytes, (size_t)count)) {
        client_free(client);
        return;
    }
    client_parse(client);
}

static void client_ready(struct loop_watch *watch, uint32_t events)
{
    struct client *client = loop_owner(watch, struct client, watch);
    if (client->out.length > 0)
        client_write(client);
    else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        client_read(client);
}

/* ---- Listening ------------------------------------------------------------------------------- */

static void client_new(int fd)
{
    struct ucred peer;
    socklen_t length = sizeof peer;
    bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0;
    if (!known || (peer.uid != 0 && peer.uid != geteuid()) || clients->len >= CLIENTS_MAX) {
        log_warning(AREA_AUTH, "shell-refused", "uid=%u", known ? (unsigned)peer.uid : 0);
        close(fd);
        return;
    }
    struct client *client = g_new0(struct client, 1);
    client->watch = (struct loop_watch){.fd = fd, .ready = client_ready};
    client->who = g_strdup_printf("shell %u", (unsigned)peer.uid);
    client->since = clock_monotonic();
    buffer_init(&client->in, SHELL_REQUEST_MAX);
    buffer_init(&client->out, REPLY_MAX);
    g_ptr_array_add(clients, client);
    if (!loop_add(&client->watch, EPOLLIN))
        client_free(client);
}

static void listener_ready(struct loop_watch *watch, uint32_t events)
{
    (void)events;
    int fd = accept4(watch->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        client_new(fd);
}

/* Who says nothing, or does not read, goes. */
static gboolean clients_tick(void *data)
{
    (void)data;
    gint64 limit = clock_monotonic() - IDLE_SECONDS * G_USEC_PER_SEC;
    for (guint i = clients->len; i > 0; i--) {
        struct client *client = clients->pdata[i - 1];
        if (!client->request && client->since < limit)
            client_free(client);
    }
    return G_SOURCE_CONTINUE;
}

/* A file that an earlier process has left is taken away; one at which somebody answers is not. */
static int socket_open(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct stat there;
    bool is_old = lstat(path, &there) == 0 && S_ISSOCK(there.st_mode) &&
                  connect(fd, (const struct sockaddr *)&address, sizeof address) != 0 &&
                  errno == ECONNREFUSED;
    if (is_old)
        unlink(path);
    mode_t mask = umask(0177);
    bool bound = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    int failed = errno;
    umask(mask);
    if (bound && listen(fd, CLIENTS_MAX) == 0)
        return fd;
    close(fd);
    errno = bound ? errno : failed;
    return -1;
}

bool shell_start(struct core *core)
{
    const char *path = core->options->admin_socket;
    if (!path || !*path)
        return true;
    int fd = socket_open(path);
    if (fd < 0) {
        log_error(AREA_MAIN, "admin-socket-failed", "path=\"%s\" reason=\"%s\"", path,
                  g_strerror(errno));
        return false;
    }
    shell_core = core;
    socket_path = g_strdup(path);
    clients = g_ptr_array_new();
    listener = (struct loop_watch){.fd = fd, .ready = listener_ready};
    loop_add(&listener, EPOLLIN);
    timer = g_timeout_add_seconds(1, clients_tick, NULL);
    return true;
}

void shell_stop(void)
{
    if (listener.fd < 0)
        return;
    g_source_remove(timer);
    while (clients->len > 0)
        client_free(clients->pdata[0]);
    loop_remove(&listener);
    close(listener.fd);
    unlink(socket_path);
    g_clear_pointer(&clients, g_ptr_array_unref);
    g_clear_pointer(&socket_path, g_free);
    listener.fd = -1;
}
