/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions by cookie, tickets for sockets, signing out, and suspension of users by the backend. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/lookup.h"
#include "bridge/account/revocation.h"
#include "bridge/account/secret.h"
#include "bridge/account/session.h"
#include "bridge/account/sign_in.h"
#include "bridge/account/token.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/options.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/login.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/relation.h"

#define REPLY_MAX 65536
#define COOKIE_NAME "trestle_session"
#define TOPIC "revoked"
#define CODE_PREFIX "tsc_" /* of what a session may be begun with: tickets of sockets lack it */
#define PASSWORD_MAX 1023

static void reply_session(struct request *request, unsigned status, const char *csrf,
                          gint64 expires)
{
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_raw(&json, "user", request->account->json);
    json_member_string(&json, "csrf_token", csrf);
    json_member_time(&json, "expires_at", expires);
    if (request->account->bound)
        bound_state_members(&json, request->core, request->account);
    json_end_object(&json);
    request_reply(request, status, &buf);
}

static void set_cookie(struct request *request, const char *secret, gint64 seconds)
{
    const char *secure = request->core->options->session_cookie_secure;
    request->set_cookie = g_strdup_printf(
        COOKIE_NAME "=%s; Path=/; Max-Age=%" G_GINT64_FORMAT "; HttpOnly; SameSite=Strict%s",
        secret, seconds, g_str_equal(secure, "true") ? "; Secure" : "");
}

static char *number_text(gint64 value)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, value);
}

/* ---- Beginning a session --------------------------------------------------------------------- */

static const struct field open_fields[] = {
    {.name = "token",
     .type = FIELD_TEXT,
     .flags = FIELD_ONE_OF,
     .minimum = 1,
     .maximum = TOKEN_MAX},
    {.name = "code", .type = FIELD_TEXT, .flags = FIELD_ONE_OF, .minimum = 1, .maximum = TOKEN_MAX},
    {.name = "jid",
     .type = FIELD_TEXT,
     .flags = FIELD_ONE_OF | FIELD_JID,
     .minimum = 1,
     .maximum = FIELD_USERS_JID_MAX},
    {.name = "password", .type = FIELD_TEXT, .minimum = 1, .maximum = PASSWORD_MAX},
    {0},
};

ARCHIVE_SAME_COLUMN(SESSION_OPEN_STATE, TICKET_ADD_STATE);

/* False, and the answer is given, if ROWS say that the user may not come in (any more).
 */
static bool is_granted(struct request *request, const struct rows *rows, enum error_code error)
{
    enum error_code code = error != ERROR_NONE ? error : ERROR_INTERNAL;
    const char *detail = NULL;
    if (error == ERROR_NONE && rows_count(rows) == 1 &&
        access_is_granted(rows, SESSION_OPEN_STATE, &code, &detail))
        return true;
    request_fail(request, code, detail);
    return false;
}

static void session_opened(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    g_autofree char *secret = g_steal_pointer(&request->data);
    if (!is_granted(request, rows, error))
        return;
    g_autofree char *csrf = secret_csrf(secret);
    /* When it is over for want of use is for the server to say. */
    set_cookie(request, secret, request->core->options->session_lifetime_max);
    reply_session(request, 201, csrf, rows_integer(rows, 0, SESSION_OPEN_EXPIRES));
}

/* Of the account of REQUEST, with a credential that was issued at ISSUED. The statement decides
 * whether what was known of it still holds. */
static void session_store(struct request *request, const struct uuid *credential, gint64 issued)
{
    char *secret = secret_new();
    if (!secret) {
        request_fail(request, ERROR_INTERNAL, NULL);
        return;
    }
    request->data = secret;
    struct uuid digest = secret_digest(secret);
    char digest_text[UUID_TEXT_SIZE], token[UUID_TEXT_SIZE];
    uuid_format(&digest, digest_text);
    uuid_format(credential, token);
    const struct options *options = request->core->options;
    g_autofree char *lifetime = number_text(options->session_lifetime);
    g_autofree char *most = number_text(options->session_lifetime_max);
    g_autofree char *issued_text = number_text(issued);
    const char *values[] = {digest_text, request->account->id_text, lifetime, most, token,
                            issued_text};
    archive_query(request->core->archive, QUERY_SESSION_OPEN, values, session_opened, request);
}

static void open_with(struct request *request, const struct session *session)
{
    if (session->scopes) {
        request_fail(request, ERROR_UNAUTHENTICATED, "a server key has no session");
        return;
    }
    request->account = account_ref(session->account);
    if (!request_take(request, LIMIT_REQUESTS))
        return;
    session_store(request, &session->grant.credential, session->grant.issued);
}

/* ---- With the password of an account of another server --------------------------------------- */

ARCHIVE_SAME_COLUMN(BOUND_SIGN_IN_CREATED_AT, SESSION_FIND_CREATED_AT);

/* PROBLEM: static; NULL: came in. */
static void password_tell(const struct request *request, const char *problem)
{
    const struct sessions *sessions = request->core->sessions;
    const struct sign_in_try attempt = {.account = request->account,
                                        .address = request->address,
                                        .kind = "password",
                                        .problem = problem};
    if (sessions->tried)
        sessions->tried(&attempt, sessions->tell_data);
}

static void bound_signed_in(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    enum error_code code = error != ERROR_NONE ? error : ERROR_UNAUTHENTICATED;
    const char *detail = NULL;
    struct account *account =
        error == ERROR_NONE ? account_of_bound(request->core->accounts, rows) : NULL;
    if (!account || !access_is_granted(rows, SESSION_FIND_STATE, &code, &detail)) {
        if (detail)
            password_tell(request, detail);
        request_fail(request, code, detail);
        return;
    }
    account->created_at = rows_integer(rows, 0, SESSION_FIND_CREATED_AT);
    request->account = account_ref(account);
    password_tell(request, NULL);
    bound_account_here(request->core, account);
    struct uuid credential;
    uuid_generate(&credential);
    session_store(request, &credential, clock_wall());
}

static const char wrong_password[] = "the account or its password is not right";

static void password_tried(enum error_code error, void *data)
{
    struct request *request = data;
    g_autofree char *jid = request_jid(request, "jid");
    if (error == ERROR_UNAUTHENTICATED)
        password_tell(request, wrong_password);
    else
        limit_password_right(request->core->limiter, request->address);
    if (error != ERROR_NONE || !request->core->archive) {
        request_fail(request, error != ERROR_NONE ? error : ERROR_UNAVAILABLE,
                     error == ERROR_UNAUTHENTICATED ? wrong_password : NULL);
        return;
    }
    const char *values[] = {jid};
    archive_query(request->core->archive, QUERY_BOUND_SIGN_IN, values, bound_signed_in, request);
}

/* It is the body's, which an answer frees: before the answer. */
static void password_wipe(const char *password)
{
    explicit_bzero((char *)(uintptr_t)password, strlen(password));
}

/* An account that may not come in is not even tried, and looks like a wrong password. */
static void session_begin_with_password(struct request *request)
{
    static const struct field_problem missing = {ERROR_UNPROCESSABLE, "/password", "is required"};
    g_autofree char *jid = request_jid(request, "jid");
    const char *password = request_text(request, "password");
    struct limit_state state;
    if (!password) {
        request_fail_field(request, &missing);
    } else if (!*request->core->options->bound_hosts) {
        password_wipe(password);
        request_fail(request, ERROR_NOT_AVAILABLE, "no other server's accounts are used here");
    } else if (!limit_password(request->core->limiter, request->address, &state)) {
        password_wipe(password);
        request->limit = state;
        request_fail(request, ERROR_RATE_LIMITED, "too many sign-ins have failed");
    } else {
        login_check(request->core, bound_may_enter(request->core, jid) ? jid : NULL, password,
                    password_tried, request);
        password_wipe(password); /* which is answered later */
    }
}

static void open_signed_in(const struct session *session, const struct sign_in_problem *problem,
                           void *data)
{
    struct request *request = data;
    if (session) {
        open_with(request, session);
        return;
    }
    request->limit = problem->limit;
    request_fail(request, problem->code, problem->detail);
}

static void session_begin(struct request *request)
{
    const char *token = request_text(request, "token"), *code = request_text(request, "code");
    if (!token && !code) {
        session_begin_with_password(request);
        return;
    }
    if (code && !g_str_has_prefix(code, CODE_PREFIX)) {
        request_fail(request, ERROR_UNAUTHENTICATED, "the code is not valid");
        return;
    }
    struct credentials credentials = {.token = token ? token : code,
                                      .kind = token ? CREDENTIAL_TOKEN : CREDENTIAL_TICKET,
                                      .address = request->address};
    struct session session;
    if (session_lookup(request->core->sessions, &credentials, &session))
        open_with(request, &session);
    else
        session_sign_in(request->core->sessions, &credentials, open_signed_in, request);
}

static void session_show(struct request *request)
{
    reply_session(request, 200, request->csrf, request->grant.expires);
}

/* ---- Tickets --------------------------------------------------------------------------------- */

static void ticket_made(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    g_autofree char *ticket = g_steal_pointer(&request->data);
    if (!is_granted(request, rows, error))
        return;
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_string(&json, g_str_has_prefix(ticket, CODE_PREFIX) ? "code" : "ticket", ticket);
    json_member_time(&json, "expires_at", rows_integer(rows, 0, TICKET_ADD_EXPIRES));
    json_end_object(&json);
    request_reply(request, 201, &buf);
}

/* What is made by TICKET, which is taken, ends with what it was made with; by a server key's own,
 * which has no end, after the lifetime of a session. */
static void ticket_add(struct request *request, char *ticket)
{
    const struct options *options = request->core->options;
    if (!ticket) {
        request_fail(request, ERROR_INTERNAL, NULL);
        return;
    }
    request->data = ticket;
    struct uuid digest = secret_digest(ticket);
    char digest_text[UUID_TEXT_SIZE], credential[UUID_TEXT_SIZE];
    uuid_format(&digest, digest_text);
    uuid_format(&request->grant.credential, credential);
    g_autofree char *issued = number_text(request->grant.issued);
    g_autofree char *expires =
        number_text(request->by_key ? clock_wall() + options->session_lifetime * G_USEC_PER_SEC
                                    : request->grant.expires);
    g_autofree char *lifetime = number_text(options->session_ticket_lifetime);
    const char *values[] = {digest_text, request->account->id_text,
                            credential,  request->by_key ? NULL : issued,
                            expires,     lifetime};
    archive_query(request->core->archive, QUERY_TICKET_ADD, values, ticket_made, request);
}

static void ticket_make(struct request *request)
{
    ticket_add(request, secret_new());
}

/* For a link that signs a person in: the key's holder, and nobody else, makes it. */
static void code_make(struct request *request)
{
    g_autofree char *secret = request->account ? secret_new() : NULL;
    if (!request->account)
        request_fail(request, ERROR_FORBIDDEN, "the header Trestle-User must name a user");
    else
        ticket_add(request, secret ? g_strconcat(CODE_PREFIX, secret, NULL) : NULL);
}

/* ---- Signing out ----------------------------------------------------------------------------- */

static void end_carried_out(void *data)
{
    struct request *request = data;
    if (request->account->bound)
        bound_account_left(request->core, request->account, request->data != NULL);
    request->data = NULL;
    if (request->by_cookie)
        set_cookie(request, "", 0);
    request_reply_nothing(request);
}

static void session_ended(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    struct request *request = data;
    if (error != ERROR_NONE)
        request_fail(request, error, NULL);
    else
        revocations_added(request->core->sessions, end_carried_out, request);
}

static bool refuse_key(struct request *request)
{
    if (request->by_key)
        request_fail(request, ERROR_FORBIDDEN, "a server key has no session");
    return request->by_key;
}

static void session_end(struct request *request)
{
    if (refuse_key(request))
        return;
    char digest[UUID_TEXT_SIZE];
    uuid_format(&request->grant.credential, digest);
    g_autofree char *expires = number_text(request->grant.expires);
    const char *values[] = {request->account->id_text, digest, expires};
    archive_query(request->core->archive,
                  request->by_cookie ? QUERY_SESSION_CLOSE : QUERY_TOKEN_REVOKE, values,
                  session_ended, request);
}

static void session_end_all(struct request *request)
{
    static char everywhere[] = "";
    if (refuse_key(request))
        return;
    request->data = everywhere;
    char digest[UUID_TEXT_SIZE];
    uuid_format(&request->grant.credential, digest);
    g_autofree char *expires = number_text(request->grant.expires);
    const char *values[] = {request->account->id_text, digest, expires};
    archive_query(request->core->archive, QUERY_SESSION_CLOSE_ALL, values, session_ended, request);
}

/* ---- Suspension ------------------------------------------------------------------------------ */

static const struct field suspend_fields[] = {
    FIELD_ID_IN_PATH("user_id"),
    {.name = "reason", .type = FIELD_TEXT, .minimum = 1, .maximum = 1000},
    {0},
};
static const struct field restore_fields[] = {
    FIELD_ID_IN_PATH("user_id"),
    {0},
};

static void reply_suspension(void *data)
{
    struct request *request = data;
    g_autofree char *json = g_steal_pointer(&request->data);
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    buffer_append_string(&buf, json);
    request_reply(request, 200, &buf);
}

static void suspension_changed(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    const char *json = error == ERROR_NONE && rows_count(rows) == 1
                           ? rows_text(rows, 0, USER_SUSPEND_SUSPENSION)
                           : NULL;
    if (!json) {
        request_fail(request, error != ERROR_NONE ? error : ERROR_NOT_FOUND, NULL);
        return;
    }
    request->data = g_strdup(json);
    revocations_added(request->core->sessions, reply_suspension, request);
}

static void change_suspension(struct request *request, enum query query, const char *reason)
{
    char user[UUID_TEXT_SIZE];
    uuid_format(request_uuid(request, "user_id"), user);
    const char *values[] = {user, reason};
    archive_query(request->core->archive, query, values, suspension_changed, request);
}

static void user_suspend(struct request *request)
{
    change_suspension(request, QUERY_USER_SUSPEND, request_text(request, "reason"));
}

static void user_restore(struct request *request)
{
    change_suspension(request, QUERY_USER_RESTORE, NULL);
}

/* ---- Other instances ------------------------------------------------------------------------- */

/* What was revoked is in the database: they are told that there is something, no more. */
static void tell_revoked(void *data)
{
    struct core *core = data;
    if (bus_is_heard(core))
        bus_publish(core, TOPIC, json_object());
}

static void on_revoked(struct core *core, const json_t *message, void *data)
{
    (void)message;
    (void)data;
    if (core->archive)
        revocations_catch_up(core->sessions, NULL, NULL);
}

/* To people on XMPP, who is suspended is nobody any more. */
static void user_revoked(const struct uuid *user, void *data)
{
    struct core *core = data;
    if (core->archive)
        relation_changed_elsewhere(core, user);
}

static void session_start(struct core *core)
{
    core->sessions->user_revoked = user_revoked;
    core->sessions->tell_revoked = tell_revoked;
    core->sessions->tell_data = core;
    bus_subscribe(core, TOPIC, on_revoked, NULL);
}

static void session_stop(struct core *core)
{
    (void)core;
    login_stop();
}

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/session",
     .fields = open_fields,
     .handle = session_begin,
     .flags = OPERATION_ANONYMOUS | OPERATION_SETS_COOKIE | OPERATION_MAKES,
     .reply = "Session",
     .errors = OPERATION_ERROR(UNAUTHENTICATED) | OPERATION_ERROR(FORBIDDEN) |
               OPERATION_ERROR(NOT_AVAILABLE),
     .summary = "Begins a session by cookie, with a token or with the password of an account "
                "of another server"},
    {.method = "GET",
     .path = "/api/session",
     .handle = session_show,
     .reply = "Session",
     .summary = "The present session"},
    {.method = "DELETE",
     .path = "/api/session",
     .handle = session_end,
     .reply = "Nothing",
     .summary = "Signs out this cookie or token, and the sessions that the token has begun"},
    {.method = "DELETE",
     .path = "/api/session/all",
     .handle = session_end_all,
     .reply = "Nothing",
     .summary = "Signs out every cookie and token that the user has got until now"},
    {.method = "POST",
     .path = "/api/session/ticket",
     .handle = ticket_make,
     .flags = OPERATION_MAKES,
     .scope = "tickets",
     .reply = "Ticket",
     .summary = "Makes a ticket for one WebSocket"},
    {.method = "POST",
     .path = "/api/session/code",
     .handle = code_make,
     .flags = OPERATION_MAKES | OPERATION_SERVER_KEY,
     .scope = "tickets",
     .reply = "Code",
     .summary = "Makes a code for one sign-in by POST /api/session, for a link"},
    {.method = "POST",
     .path = "/api/users/:user_id/suspend",
     .fields = suspend_fields,
     .handle = user_suspend,
     .flags = OPERATION_SERVER_KEY,
     .scope = "users",
     .audit = "user.suspend",
     .reply = "Suspension",
     .summary = "Signs a user out and lets nobody in as that user"},
    {.method = "DELETE",
     .path = "/api/users/:user_id/suspend",
     .fields = restore_fields,
     .handle = user_restore,
     .flags = OPERATION_SERVER_KEY,
     .scope = "users",
     .audit = "user.restore",
     .reply = "Suspension",
     .summary = "Ends a suspension"},
    {0},
};

const struct feature feature_session = {
    .name = "session", .operations = operations, .start = session_start, .stop = session_stop};
