/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An account's archive, read by MAM as one of its clients does, page by page, oldest first. Each
 * page is one transaction, which also notes how far it was; what was taken before is known by its
 * id. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strophe.h>

#include <jansson.h>

#include "bridge/archive/tool.h"
#include "bridge/base/id.h"
#include "bridge/tool/admin_sql.h"
#include "bridge/tool/import_mam.h"
#include "xep/0313_mam_query.h"
#include "xep/0313_mam_result.h"
#include "xep/0359_ids.h"
#include "xep/error.h"
#include "xep/jid.h"
#include "xep/message.h"
#include "xep/stanza_text.h"

#define PAGE 50
#define PASSWORD_MAX 4096
#define AUTHORITIES "/etc/ssl/certs"
#define ENTRIES_MAX 1000 /* of a page, whatever the server sends */

struct import {
    PGconn *database;
    xmpp_ctx_t *context;
    xmpp_conn_t *connection;
    char *jid;       /* of the account */
    char *query;     /* id of the page that is under way */
    char *last;      /* the server's id of the newest that is here; NULL: none */
    json_t *entries; /* of the page */
    long long seen, stored;
    bool finished;
    char *problem;
};

static void import_end(struct import *import, char *problem)
{
    if (problem && !import->problem)
        import->problem = problem;
    else
        g_free(problem);
    xmpp_disconnect(import->connection);
}

/* ---- The database ---------------------------------------------------------------------------- */

static char *state_read(struct import *import)
{
    const char *values[] = {import->jid};
    g_autoptr(PGresult) result = PQexecParams(
        import->database, tool_query_text(TOOL_MAM_IMPORT_STATE), 1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return admin_sql_explain(PQerrorMessage(import->database));
    if (PQntuples(result) == 1) {
        const char *last = PQgetvalue(result, 0, 0);
        import->last = *last ? g_strdup(last) : NULL;
        printf("%s: %s message(s) are here already, going on\n", import->jid,
               PQgetvalue(result, 0, 1));
    }
    return NULL;
}

/* Stores the page. */
static char *page_store(struct import *import, const char *last, bool finished)
{
    char *entries = json_dumps(import->entries, JSON_COMPACT);
    const char *values[] = {import->jid, entries, last, finished ? "t" : "f"};
    g_autoptr(PGresult) result = PQexecParams(import->database, tool_query_text(TOOL_MAM_IMPORT), 4,
                                              NULL, values, NULL, NULL, 0);
    free(entries);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return admin_sql_explain(PQerrorMessage(import->database));
    import->stored += g_ascii_strtoll(PQgetvalue(result, 0, 0), NULL, 10);
    import->seen += (long long)json_array_size(import->entries);
    json_array_clear(import->entries);
    return NULL;
}

/* ---- Pages ----------------------------------------------------------------------------------- */

static int on_page(xmpp_conn_t *connection, xmpp_stanza_t *iq, void *data);

static void page_ask(struct import *import)
{
    char name[UUID_TEXT_SIZE];
    uuid_generate_text(name);
    g_free(import->query);
    import->query = g_strdup(name);
    struct mam_query query = {.query_id = name,
                              .page = {.has_max = true, .max = PAGE, .after = import->last}};
    xmpp_stanza_t *iq = xmpp_iq_new(import->context, "set", name);
    mam_query_add(iq, &query);
    xmpp_id_handler_add(import->connection, on_page, name, import);
    xmpp_send(import->connection, iq);
    xmpp_stanza_release(iq);
}

/* What the server does not have any more it cannot go on from: then from the beginning. */
static bool page_refused(struct import *import, xmpp_stanza_t *iq)
{
    struct stanza_error error = {0};
    const char *type = xmpp_stanza_get_type(iq);
    if (g_strcmp0(type, "error") != 0)
        return false;
    if (stanza_error_parse(iq, &error) && import->last &&
        g_strcmp0(error.condition, "item-not-found") == 0) {
        printf("%s: the server's archive has moved on, reading it from its beginning\n",
               import->jid);
        g_clear_pointer(&import->last, g_free);
        page_ask(import);
        return true;
    }
    import_end(import, g_strdup_printf("the server refuses to show the archive: %s",
                                       error.condition ? error.condition : "no reason given"));
    return true;
}

static int on_page(xmpp_conn_t *connection, xmpp_stanza_t *iq, void *data)
{
    (void)connection;
    struct import *import = data;
    struct mam_fin fin;
    if (page_refused(import, iq))
        return 0;
    if (!mam_fin_parse(iq, &fin)) {
        import_end(import, g_strdup("the server's answer is no page of an archive"));
        return 0;
    }
    /* A server that says there is more, but shows nothing, would go on for ever. */
    bool finished = fin.is_complete || !fin.page.last;
    char *problem = page_store(import, fin.page.last, finished);
    if (problem) {
        import_end(import, problem);
        return 0;
    }
    if (fin.page.last) {
        g_free(import->last);
        import->last = g_strdup(fin.page.last);
    }
    printf("%s: %lld read, %lld new\n", import->jid, import->seen, import->stored);
    fflush(stdout);
    import->finished = finished;
    if (finished)
        import_end(import, NULL);
    else
        page_ask(import);
    return 0;
}

/* What an archive has added for its owner alone. */
static bool is_added(xmpp_stanza_t *child, const void *data)
{
    const char *by = stanza_attr(child, "by");
    return stanza_is(child, "archived", "urn:xmpp:mam:tmp") ||
           (stanza_is(child, "stanza-id", NS_SID) && by && strcmp(by, data) == 0);
}

static void entry_add(struct import *import, const struct mam_result *found)
{
    xmpp_stanza_t *message = found->forward.stanza;
    const char *type = stanza_attr(message, "type");
    const char *from = stanza_attr(message, "from");
    const char *to = stanza_attr(message, "to");
    from = from ? from : import->jid;
    to = to ? to : import->jid;
    if (g_strcmp0(type, "groupchat") == 0 || !found->forward.has_delay || !jid_is_valid(from) ||
        !jid_is_valid(to))
        return;
    bool outgoing = jid_same_bare(from, import->jid);
    g_autofree char *peer = jid_bare(outgoing ? to : from);
    g_autoptr(xmpp_stanza_t) kept = stanza_copy_without(message, is_added, import->jid);
    g_autofree char *text = stanza_to_text(kept, NULL);
    const char *origin = origin_id_parse(message);
    origin = origin ? origin : stanza_attr(message, "id");
    json_t *entry = json_pack("{s:s, s:b, s:s, s:s, s:s*, s:s, s:I}", "id", found->id, "outgoing",
                              outgoing, "peer", peer, "sender", from, "origin", origin, "stanza",
                              text, "stamp", (json_int_t)found->forward.delay.stamp_us);
    if (entry)
        json_array_append_new(import->entries, entry);
}

static int on_message(xmpp_conn_t *connection, xmpp_stanza_t *message, void *data)
{
    (void)connection;
    struct import *import = data;
    struct mam_result found;
    const char *from = stanza_attr(message, "from");
    if ((!from || strcmp(from, import->jid) == 0) && mam_result_parse(message, &found) &&
        g_strcmp0(found.query_id, import->query) == 0 &&
        json_array_size(import->entries) < ENTRIES_MAX)
        entry_add(import, &found);
    return 1;
}

/* ---- The connection -------------------------------------------------------------------------- */

static void on_connection(xmpp_conn_t *connection, xmpp_conn_event_t event, int error,
                          xmpp_stream_error_t *stream_error, void *data)
{
    struct import *import = data;
    (void)error;
    (void)stream_error;
    if (event == XMPP_CONN_CONNECT) {
        xmpp_handler_add(connection, on_message, NULL, "message", NULL, import);
        page_ask(import);
    } else if (event == XMPP_CONN_DISCONNECT || event == XMPP_CONN_FAIL) {
        xmpp_stop(import->context);
    }
}

/* SERVER as host and port. */
static char *server_split(const char *server, unsigned short *ret_port)
{
    const char *colon = server ? strrchr(server, ':') : NULL;
    *ret_port = colon ? (unsigned short)g_ascii_strtoull(colon + 1, NULL, 10) : 0;
    return colon ? g_strndup(server, (gsize)(colon - server)) : g_strdup(server);
}

static void import_connect(struct import *import, const struct import_request *request,
                           const char *password)
{
    unsigned short port;
    g_autofree char *host = server_split(request->server, &port);
    xmpp_initialize();
    import->context = xmpp_ctx_new(NULL, NULL);
    import->connection = xmpp_conn_new(import->context);
    xmpp_conn_set_flags(import->connection,
                        XMPP_CONN_FLAG_DISABLE_SM |
                            (g_strcmp0(request->tls, "none") == 0 ? XMPP_CONN_FLAG_DISABLE_TLS
                                                                  : XMPP_CONN_FLAG_MANDATORY_TLS));
    xmpp_conn_set_jid(import->connection, import->jid);
    xmpp_conn_set_pass(import->connection, password);
    xmpp_conn_set_capath(import->connection, AUTHORITIES);
    if (xmpp_connect_client(import->connection, host, port, on_connection, import) == XMPP_EOK)
        xmpp_run(import->context);
    if (!import->finished && !import->problem)
        import->problem =
            g_strdup("the server let nobody in, or the connection ended; what was read is stored, "
                     "repeat the command to go on");
    xmpp_conn_release(import->connection);
    xmpp_ctx_free(import->context);
    xmpp_shutdown();
}

static bool password_read(const struct import_request *request, char *ret_password, size_t size)
{
    FILE *file = request->password_file ? fopen(request->password_file, "re") : stdin;
    bool read = file && fgets(ret_password, (int)size, file);
    if (file && file != stdin)
        fclose(file);
    if (read)
        ret_password[strcspn(ret_password, "\r\n")] = '\0';
    return read && *ret_password;
}

const char *import_problem(const struct import_request *request)
{
    bool known =
        !request->tls || strcmp(request->tls, "none") == 0 || strcmp(request->tls, "required") == 0;
    return !request->jid ? "'import' needs --from-mam ADDRESS"
           : !known      ? "--tls must be required or none"
                         : NULL;
}

static int import_fail(const char *problem)
{
    fprintf(stderr, "trestle: import: %s\n", problem);
    return EXIT_FAILURE;
}

int import_run(const struct options *options, const struct import_request *request)
{
    char password[PASSWORD_MAX];
    struct import import = {.jid = jid_prepare_bare(request->jid)};
    g_autofree char *jid = import.jid;
    if (!jid || !strchr(jid, '@'))
        return import_fail("--from-mam must be the address of an account");
    if (!password_read(request, password, sizeof password))
        return import_fail("there is no password to read");
    import.database = admin_sql_connect(options, &import.problem);
    if (import.database)
        import.problem = state_read(&import);
    import.entries = json_array();
    if (!import.problem)
        import_connect(&import, request, password);
    explicit_bzero(password, sizeof password);
    PQfinish(import.database);
    json_decref(import.entries);
    g_free(import.query);
    g_free(import.last);
    g_autofree char *problem = import.problem;
    if (problem)
        return import_fail(problem);
    printf("%s: done, %lld read, %lld new\n", jid, import.seen, import.stored);
    return EXIT_SUCCESS;
}
