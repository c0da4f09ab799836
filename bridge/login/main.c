/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tries one password. Standard input: lines with the bare JID, the server's address (empty: DNS
 * says), its port, "tls" or "plain", and the file of authorities (empty: the system's); then the
 * password, up to the end. Standard output: one line, "right", "wrong", or "failed" when nobody
 * could be asked. The one who started it kills it when it takes too long. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strophe.h>
#include <sys/resource.h>
#include <unistd.h>

#include <glib.h>

#define INPUT_MAX 16384
/* A sanitizer reserves more memory than any limit allows. */
#if defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif
#define MEMORY_MAX (256UL * 1024 * 1024)
#define AUTHORITIES "/etc/ssl/certs"

struct attempt {
    char *jid, *server, *authorities, *password;
    unsigned short port;
    bool tls;
    const char *verdict;
    xmpp_ctx_t *context;
};

/* The library tells why it ends a stream to its log alone. */
static void log_read(void *data, xmpp_log_level_t level, const char *area, const char *text)
{
    struct attempt *attempt = data;
    (void)level;
    (void)area;
    if (strstr(text, "<failure") && strstr(text, "urn:ietf:params:xml:ns:xmpp-sasl") &&
        !strstr(text, "temporary-auth-failure") && !strstr(text, "aborted"))
        attempt->verdict = "wrong";
}

static void on_connection(xmpp_conn_t *connection, xmpp_conn_event_t event, int error,
                          xmpp_stream_error_t *stream_error, void *data)
{
    struct attempt *attempt = data;
    (void)error;
    (void)stream_error;
    if (event == XMPP_CONN_CONNECT) {
        attempt->verdict = "right";
        xmpp_disconnect(connection);
    } else if (event == XMPP_CONN_DISCONNECT || event == XMPP_CONN_FAIL) {
        xmpp_stop(attempt->context);
    }
}

static bool attempt_make(struct attempt *attempt)
{
    xmpp_log_t log = {log_read, attempt};
    attempt->context = xmpp_ctx_new(NULL, &log);
    xmpp_conn_t *connection = attempt->context ? xmpp_conn_new(attempt->context) : NULL;
    if (!connection)
        return false;
    xmpp_conn_set_flags(connection,
                        XMPP_CONN_FLAG_DISABLE_SM | (attempt->tls ? XMPP_CONN_FLAG_MANDATORY_TLS
                                                                  : XMPP_CONN_FLAG_DISABLE_TLS));
    xmpp_conn_set_jid(connection, attempt->jid);
    xmpp_conn_set_pass(connection, attempt->password);
    if (*attempt->authorities)
        xmpp_conn_set_cafile(connection, attempt->authorities);
    else
        xmpp_conn_set_capath(connection, AUTHORITIES);
    const char *server = *attempt->server ? attempt->server : NULL;
    if (xmpp_connect_client(connection, server, attempt->port, on_connection, attempt) == XMPP_EOK)
        xmpp_run(attempt->context);
    xmpp_conn_release(connection);
    xmpp_ctx_free(attempt->context);
    return true;
}

/* TEXT stays alive. */
static bool attempt_read(struct attempt *attempt, char *text)
{
    char *rest = text;
    char *jid = strsep(&rest, "\n");
    char *server = strsep(&rest, "\n");
    char *port = strsep(&rest, "\n");
    char *security = strsep(&rest, "\n");
    char *authorities = strsep(&rest, "\n");
    if (!rest || !*jid || !*rest)
        return false;
    attempt->jid = jid;
    attempt->server = server;
    attempt->port = (unsigned short)g_ascii_strtoull(port, NULL, 10);
    attempt->tls = strcmp(security, "plain") != 0;
    attempt->authorities = authorities;
    attempt->password = rest;
    return true;
}

int main(void)
{
    static char input[INPUT_MAX];
    const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX}, none = {0, 0};
    struct attempt attempt = {.verdict = "failed"};
    size_t length = fread(input, 1, sizeof input - 1, stdin);
    if (!SANITIZED)
        setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_CORE, &none); /* it holds a password */
    if (length == sizeof input - 1 || strlen(input) != length || !attempt_read(&attempt, input))
        return 1;
    xmpp_initialize();
    bool made = attempt_make(&attempt);
    xmpp_shutdown();
    explicit_bzero(input, sizeof input);
    printf("%s\n", made ? attempt.verdict : "failed");
    return 0;
}
