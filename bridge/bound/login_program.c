/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "bridge/base/options.h"
#include "bridge/bound/login_program.h"

static void input_free(gpointer data)
{
    GString *input = data;
    explicit_bzero(input->str, input->len);
    g_string_free(input, TRUE);
}

GBytes *login_secret_new(const char *password)
{
    GString *input = g_string_sized_new(strlen(password) + 1);
    g_string_append_len(input, password, (gssize)strlen(password) + 1);
    return g_bytes_new_with_free_func(input->str, input->len, input_free, input);
}

GBytes *login_input_new(const struct options *options, const char *jid, const char *password)
{
    guint64 port;
    g_autofree char *server = options_login_server(options, strchr(jid, '@') + 1, &port);
    GString *input = g_string_sized_new(512 + strlen(password)); /* one piece, to be wiped */
    g_string_append_printf(input, "%s\n%s\n%" G_GUINT64_FORMAT "\n%s\n%s\n", jid, server, port,
                           strcmp(options->bound_login_tls, "none") == 0 ? "plain" : "tls",
                           options->bound_login_ca);
    g_string_append(input, password);
    return g_bytes_new_with_free_func(input->str, input->len, input_free, input);
}

void login_result_read(const char *text, struct login_result *ret)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 3);
    const char *first = lines[0] ? lines[0] : "";
    const char *second = lines[0] && lines[1] ? lines[1] : "";
    size_t word = strcspn(second, " ");
    struct login_result result = {.verdict = strcmp(first, "right") == 0   ? ERROR_NONE
                                             : strcmp(first, "wrong") == 0 ? ERROR_UNAUTHENTICATED
                                                                           : ERROR_UNAVAILABLE};
    if (*first)
        g_strlcpy(result.word, second, MIN(sizeof result.word, word + 1));
    else
        g_strlcpy(result.word, "timeout", sizeof result.word);
    g_strlcpy(result.detail, second[word] ? second + word + 1 : "", sizeof result.detail);
    g_strdelimit(result.detail, "\"\r", '\'');
    *ret = result;
}
