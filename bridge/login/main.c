/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tries one password. Standard input: lines with the bare JID, the server's address (empty: DNS
 * says), its port, "tls" or "plain", and the file of authorities (empty: the system's); then the
 * password, up to the end. Standard output: a line, "right", "wrong", or "failed" when nobody could
 * be asked; then a line with the mechanism, or with a word of what failed (connect, tls,
 * certificate, mechanism, stream) and perhaps a text about it. The one who started it kills it when
 * it takes too long. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strophe.h>
#include <sys/resource.h>
#include <unistd.h>

#include <glib.h>

#define INPUT_MAX 16384
#define DETAIL_SIZE 160
#define SASL "urn:ietf:params:xml:ns:xmpp-sasl"
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
    const char *fault;        /* a word */
    char detail[DETAIL_SIZE]; /* about the fault, for people */
    char mechanism[DETAIL_SIZE];
    xmpp_ctx_t *context;
};

/* The library hands no data to whom it asks about a certificate. */
static struct attempt attempt = {.verdict = "failed", .fault = "connect"};

static void attempt_fail(const char *fault, const char *detail)
{
    attempt.fault = fault;
    g_strlcpy(attempt.detail, detail, sizeof attempt.detail);
    g_strdelimit(attempt.detail, "\r\n", ' ');
}

static void note_mechanism(const char *text)
{
    const char *name = strstr(text, "mechanism=\"");
    if (!name)
        return;
    name += strlen("mechanism=\"");
    g_strlcpy(attempt.mechanism, name, MIN(sizeof attempt.mechanism, strcspn(name, "\"") + 1));
}

/* The library tells why it ends a stream to its log alone. */
static void log_read(void *data, xmpp_log_level_t level, const char *area, const char *text)
{
    (void)data;
    (void)level;
    (void)area;
    if (strstr(text, "<failure") && strstr(text, SASL)) {
        if (strstr(text, "temporary-auth-failure") || strstr(text, "aborted"))
            attempt_fail("stream", "the server cannot check passwords right now");
        else
            attempt.verdict = "wrong";
    } else if (strstr(text, "<auth ") && strstr(text, SASL)) {
        note_mechanism(text);
    } else if (strstr(text, "<failure") && strstr(text, "urn:ietf:params:xml:ns:xmpp-tls")) {
        attempt_fail("tls", "it offers TLS and refuses it");
    } else if (strstr(text, "TLS is not supported, but set as mandatory")) {
        attempt_fail("tls", "it offers no TLS");
    } else if (strstr(text, "Couldn't start TLS") && strcmp(attempt.fault, "certificate") != 0) {
        attempt_fail("tls", "it begins TLS and does not go on");
    } else if (strstr(text, "Cannot authenticate with known methods")) {
        attempt_fail("mechanism", "");
    } else if (strstr(text, "<stream:stream") && strcmp(attempt.fault, "connect") == 0) {
        attempt_fail("stream", "");
    }
}

/* Whatever is wrong with it: 0, no. */
static int certificate_refuse(const xmpp_tlscert_t *certificate, const char *problem)
{
    const char *name = xmpp_tlscert_get_string(certificate, XMPP_CERT_SUBJECT);
    g_autofree char *detail =
        name ? g_strdup_printf("%s, it is for %s", problem, name) : g_strdup(problem);
    attempt_fail("certificate", detail);
    return 0;
}

static void on_connection(xmpp_conn_t *connection, xmpp_conn_event_t event, int error,
                          xmpp_stream_error_t *stream_error, void *data)
{
    (void)data;
    if (event == XMPP_CONN_CONNECT) {
        attempt.verdict = "right";
        xmpp_disconnect(connection);
    } else if (event == XMPP_CONN_DISCONNECT || event == XMPP_CONN_FAIL) {
        if (strcmp(attempt.fault, "stream") == 0 && stream_error && stream_error->text)
            attempt_fail("stream", stream_error->text);
        else if (strcmp(attempt.fault, "connect") == 0 && error > 0)
            attempt_fail("connect", g_strerror(error));
        xmpp_stop(attempt.context);
    }
}

static bool attempt_make(void)
{
    xmpp_log_t log = {log_read, NULL};
    attempt.context = xmpp_ctx_new(NULL, &log);
    xmpp_conn_t *connection = attempt.context ? xmpp_conn_new(attempt.context) : NULL;
    if (!connection)
        return false;
    xmpp_conn_set_flags(connection,
                        XMPP_CONN_FLAG_DISABLE_SM | (attempt.tls ? XMPP_CONN_FLAG_MANDATORY_TLS
                                                                 : XMPP_CONN_FLAG_DISABLE_TLS));
    xmpp_conn_set_jid(connection, attempt.jid);
    xmpp_conn_set_pass(connection, attempt.password);
    xmpp_conn_set_certfail_handler(connection, certificate_refuse);
    if (*attempt.authorities)
        xmpp_conn_set_cafile(connection, attempt.authorities);
    else
        xmpp_conn_set_capath(connection, AUTHORITIES);
    const char *server = *attempt.server ? attempt.server : NULL;
    if (xmpp_connect_client(connection, server, attempt.port, on_connection, NULL) == XMPP_EOK)
        xmpp_run(attempt.context);
    xmpp_conn_release(connection);
    xmpp_ctx_free(attempt.context);
    return true;
}

/* TEXT stays alive. */
static bool attempt_read(char *text)
{
    char *rest = text;
    char *jid = strsep(&rest, "\n");
    char *server = strsep(&rest, "\n");
    char *port = strsep(&rest, "\n");
    char *security = strsep(&rest, "\n");
    char *authorities = strsep(&rest, "\n");
    if (!rest || !*jid || !*rest)
        return false;
    attempt.jid = jid;
    attempt.server = server;
    attempt.port = (unsigned short)g_ascii_strtoull(port, NULL, 10);
    attempt.tls = strcmp(security, "plain") != 0;
    attempt.authorities = authorities;
    attempt.password = rest;
    return true;
}

int main(void)
{
    static char input[INPUT_MAX];
    const struct rlimit memory = {MEMORY_MAX, MEMORY_MAX}, none = {0, 0};
    size_t length = fread(input, 1, sizeof input - 1, stdin);
    if (!SANITIZED)
        setrlimit(RLIMIT_AS, &memory);
    setrlimit(RLIMIT_CORE, &none); /* it holds a password */
    if (length == sizeof input - 1 || strlen(input) != length || !attempt_read(input))
        return 1;
    xmpp_initialize();
    bool made = attempt_make();
    xmpp_shutdown();
    explicit_bzero(input, sizeof input);
    bool failed = !made || strcmp(attempt.verdict, "failed") == 0;
    printf("%s\n%s %s\n", failed ? "failed" : attempt.verdict,
           failed ? attempt.fault : attempt.mechanism, failed ? attempt.detail : "");
    return 0;
}
