/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing in: tokens, cookies, tickets and server keys become accounts, and are remembered until
 * they expire or are revoked (tickets are not). */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/claimed.h"
#include "bridge/account/known.h"
#include "bridge/account/lookup.h"
#include "bridge/account/revocation.h"
#include "bridge/account/secret.h"
#include "bridge/account/sign_in.h"
#include "bridge/account/token.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/loop/loop.h"
#include "xep/jid.h"
#include "xep/name.h"

#define SERVER_KEY_MEMORY (5 * G_USEC_PER_SEC) /* a revoked key works no longer than this */

#define REMARK_INTERVAL                                                                            \
    ((gint64)3600 * G_USEC_PER_SEC) /* between two lines about tokens with odd times */

#define CHECKS_MAX 5 /* of one sign-in, while others are signed out beside it */

struct sign_in {
    struct sessions *sessions;
    char *key;   /* in sessions->table */
    char *token; /* of all but a token: its digest as the database has it */
    char *on_behalf;
    char *subject, *account; /* of a token for an account of another server: its sub, bare JID */
    struct known *known;
    guint64 address;
    enum limit limit;
    struct uuid own_id; /* digest of a token's sub */
    bool only_looks;
    unsigned checks;
    session_done done;
    void *data;
    struct sign_in_problem problem; /* of a sign-in that failed before it asked anybody */
};

/* A bad credential from one address has a bucket of its own. */
static struct uuid credential_subject(const struct sign_in *sign_in)
{
    g_autofree char *text =
        g_strdup_printf("%" G_GUINT64_FORMAT "\n%s", sign_in->address, sign_in->key);
    return secret_digest(text);
}

/* PROBLEM: static; NULL: came in. */
static void try_tell(const struct sign_in *sign_in, const char *problem)
{
    static const char *const kinds[] = {[CREDENTIAL_TOKEN] = "token",
                                        [CREDENTIAL_COOKIE] = "session",
                                        [CREDENTIAL_TICKET] = "ticket"};
    const struct sessions *sessions = sign_in->sessions;
    const struct sign_in_try attempt = {.account = sign_in->known->session.account,
                                        .address = sign_in->address,
                                        .kind = kinds[sign_in->known->kind],
                                        .problem = problem};
    if (sessions->tried)
        sessions->tried(&attempt, sessions->tell_data);
}

/* Who has the wrong credentials again and again waits. The same one again is no guess but a page
 * that was left open and tries to connect for ever: it waits alone, and not all who share its
 * address. */
static void note_failure(const struct sign_in *sign_in, enum error_code error, const char *detail)
{
    struct limiter *limiter = sign_in->sessions->limiter;
    struct limit_state state;
    metric_add(METRIC_SIGNIN_FAILED, 1);
    const struct session *session = &sign_in->known->session;
    /* It is known whose attempt that was: it counts as a request. */
    if (session->scopes)
        limiter_take(limiter, &session->grant.credential, LIMIT_SERVER, &state);
    else if (session->account)
        limiter_take(limiter, &session->account->id, LIMIT_REQUESTS, &state);
    if (session->scopes)
        return;
    if (error == ERROR_UNAUTHENTICATED || error == ERROR_FORBIDDEN)
        try_tell(sign_in, detail ? detail : error_info(error)->code);
    if (sign_in->address == 0 || (error != ERROR_UNAUTHENTICATED && error != ERROR_FORBIDDEN))
        return;
    struct uuid credential = credential_subject(sign_in);
    limiter_look(limiter, &credential, LIMIT_SIGNIN, &state);
    bool is_new = state.full_in == 0;
    limiter_take(limiter, &credential, LIMIT_SIGNIN, &state);
    struct uuid address = limit_subject(sign_in->address);
    if (is_new)
        limiter_take(limiter, &address, LIMIT_SIGNIN, &state);
}

static void sign_in_free(struct sign_in *sign_in)
{
    if (sign_in->known)
        known_free(sign_in->known);
    g_free(sign_in->key);
    g_free(sign_in->token);
    g_free(sign_in->on_behalf);
    g_free(sign_in->subject);
    g_free(sign_in->account);
    g_free(sign_in);
}

static void sign_in_succeed(struct sign_in *sign_in)
{
    /* The session lives in the table, which the callback may change: hold what it has. */
    struct session session = sign_in->known->session;
    if (session.account)
        account_ref(session.account);
    g_auto(GStrv) scopes = g_strdupv(sign_in->known->scopes);
    g_autofree char *csrf = g_strdup(sign_in->known->csrf);
    session.scopes = (const char *const *)scopes;
    session.csrf = csrf;
    if (session.account && !session.scopes)
        try_tell(sign_in, NULL);
    if (sign_in->known->kind != CREDENTIAL_TICKET)
        known_remember(sign_in->sessions->table, g_steal_pointer(&sign_in->key),
                       g_steal_pointer(&sign_in->known));
    sign_in->done(&session, NULL, sign_in->data);
    account_unref(session.account);
    sign_in_free(sign_in);
}

static void sign_in_fail(struct sign_in *sign_in, enum error_code code, const char *detail)
{
    struct sign_in_problem problem = {.code = code, .detail = detail};
    note_failure(sign_in, code, detail);
    sign_in->done(NULL, &problem, sign_in->data);
    sign_in_free(sign_in);
}

static void sign_in_refused(void *data)
{
    struct sign_in *sign_in = data;
    note_failure(sign_in, sign_in->problem.code, sign_in->problem.detail);
    sign_in->done(NULL, &sign_in->problem, sign_in->data);
    sign_in_free(sign_in);
}

/* Rows of sign-ins are alike, whichever function returns them. */
ARCHIVE_SAME_COLUMN(USER_SIGN_IN_CREATED_AT, SESSION_FIND_CREATED_AT);
ARCHIVE_SAME_COLUMN(USER_SIGN_IN_KNOWN_CREATED_AT, SESSION_FIND_CREATED_AT);
ARCHIVE_SAME_COLUMN(BOUND_TOKEN_SIGN_IN_CREATED_AT, SESSION_FIND_CREATED_AT);
ARCHIVE_SAME_COLUMN(SERVER_KEY_SIGN_IN_CREATED_AT, SESSION_FIND_CREATED_AT);
ARCHIVE_SAME_COLUMN(TICKET_TAKE_EXPIRES, SESSION_FIND_EXPIRES);
ARCHIVE_SAME_COLUMN(TICKET_FIND_EXPIRES, SESSION_FIND_EXPIRES);

/* ---- Whether the user may come in ------------------------------------------------------------ */

enum access_state { ACCESS_GRANTED, ACCESS_SIGNED_OUT, ACCESS_SUSPENDED };

static const char *state_problem(gint64 state, enum error_code *ret_code)
{
    *ret_code = state == ACCESS_SUSPENDED ? ERROR_FORBIDDEN : ERROR_UNAUTHENTICATED;
    return state == ACCESS_SUSPENDED ? "the user is suspended" : "was signed out";
}

bool access_is_granted(const struct rows *rows, int column, enum error_code *ret_code,
                       const char **ret_detail)
{
    gint64 state = rows_integer(rows, 0, column);
    *ret_code = ERROR_NONE;
    *ret_detail = NULL;
    if (state != ACCESS_GRANTED)
        *ret_detail = state_problem(state, ret_code);
    return state == ACCESS_GRANTED;
}

static void sign_in_check(struct sign_in *sign_in);

/* The database said STATE as of POSITION; if somebody was signed out since, that may be too old. */
static void sign_in_checked(struct sign_in *sign_in, gint64 state, gint64 position)
{
    enum error_code code;
    guint32 key = sign_in->known->session.grant.key;
    if (state != ACCESS_GRANTED) {
        const char *detail = state_problem(state, &code);
        sign_in_fail(sign_in, code, detail);
    } else if (key && !token_verifier_has_key(sign_in->sessions->tokens, key)) {
        sign_in_fail(sign_in, ERROR_UNAUTHENTICATED, "the token's key is no longer in use");
    } else if (revocations_cover(sign_in->sessions, position)) {
        sign_in_succeed(sign_in);
    } else if (++sign_in->checks < CHECKS_MAX) {
        sign_in_check(sign_in);
    } else {
        sign_in_fail(sign_in, ERROR_UNAVAILABLE, NULL);
    }
}

static void check_read(const struct rows *rows, enum error_code error, void *data)
{
    struct sign_in *sign_in = data;
    if (error != ERROR_NONE || rows_count(rows) != 1)
        sign_in_fail(sign_in, error != ERROR_NONE ? error : ERROR_INTERNAL, NULL);
    else
        sign_in_checked(sign_in, rows_integer(rows, 0, SESSION_CHECK_STATE),
                        rows_integer(rows, 0, SESSION_CHECK_POSITION));
}

/* Takes the user of ROWS over. False: there is none, or one who does not live here. */
static bool take_user(struct sign_in *sign_in, const struct rows *rows)
{
    struct account *account = account_of_user(sign_in->sessions->accounts, rows);
    if (!account)
        return false;
    account_unref(sign_in->known->session.account); /* of an earlier check */
    sign_in->known->session.account = account_ref(account);
    account->created_at = rows_integer(rows, 0, SESSION_FIND_CREATED_AT);
    return true;
}

/* A row of session_find or ticket_take. */
static void secret_read(const struct rows *rows, enum error_code error, void *data)
{
    struct sign_in *sign_in = data;
    struct known *known = sign_in->known;
    if (error != ERROR_NONE) {
        sign_in_fail(sign_in, error, NULL);
        return;
    }
    if (!take_user(sign_in, rows)) {
        sign_in_fail(sign_in, ERROR_UNAUTHENTICATED,
                     known->kind == CREDENTIAL_TICKET ? "the ticket is not valid"
                                                      : "the session is not valid");
        return;
    }
    known->session.grant = (struct grant){.issued = rows_integer(rows, 0, SESSION_FIND_ISSUED),
                                          .expires = rows_integer(rows, 0, SESSION_FIND_EXPIRES),
                                          .renews = true};
    rows_uuid(rows, 0, SESSION_FIND_CREDENTIAL, &known->session.grant.credential);
    sign_in_checked(sign_in, rows_integer(rows, 0, SESSION_FIND_STATE),
                    rows_integer(rows, 0, SESSION_FIND_POSITION));
}

static void ask_session(struct sign_in *sign_in)
{
    const char *values[] = {sign_in->token};
    archive_query(sign_in->sessions->archive, QUERY_SESSION_FIND, values, secret_read, sign_in);
}

static void ask_key(struct sign_in *sign_in);

/* Asks again. What may be used once is not used again: its user is known, and its state is asked.
 */
static void sign_in_check(struct sign_in *sign_in)
{
    const struct session *session = &sign_in->known->session;
    char credential[UUID_TEXT_SIZE], issued[24];
    if (sign_in->known->kind == CREDENTIAL_COOKIE) {
        ask_session(sign_in);
        return;
    }
    if (session->scopes) {
        ask_key(sign_in);
        return;
    }
    uuid_format(&session->grant.credential, credential);
    g_snprintf(issued, sizeof issued, "%" G_GINT64_FORMAT, session->grant.issued);
    const char *values[] = {session->account->id_text, credential, issued};
    archive_query(sign_in->sessions->archive, QUERY_SESSION_CHECK, values, check_read, sign_in);
}

static void sign_in_with_secret(struct sign_in *sign_in, const char *secret)
{
    struct uuid digest = secret_digest(secret);
    sign_in->token = g_malloc(UUID_TEXT_SIZE);
    uuid_format(&digest, sign_in->token);
    sign_in->known->forget_at = G_MAXINT64;
    if (sign_in->known->kind == CREDENTIAL_COOKIE) {
        sign_in->known->session.csrf = sign_in->known->csrf = secret_csrf(secret);
        ask_session(sign_in);
        return;
    }
    const char *values[] = {sign_in->token};
    archive_query(sign_in->sessions->archive,
                  sign_in->only_looks ? QUERY_TICKET_FIND : QUERY_TICKET_TAKE, values, secret_read,
                  sign_in);
}

/* ---- Server keys ----------------------------------------------------------------------------- */

/* Acting for a user is a matter of the scope that the operation names, "send" for most. */
static bool may_act(const struct session *session)
{
    return session_has_scope(session, "send") || session_has_scope(session, "tickets");
}

static void set_scopes(struct known *known, const char *scopes)
{
    g_strfreev(known->scopes);
    known->scopes = g_strsplit(scopes, " ", -1);
    known->session.scopes = (const char *const *)known->scopes;
}

static void key_read(const struct rows *rows, enum error_code error, void *data)
{
    struct sign_in *sign_in = data;
    if (error != ERROR_NONE) {
        sign_in_fail(sign_in, error, NULL);
        return;
    }
    if (rows_count(rows) != 1) {
        sign_in_fail(sign_in, ERROR_UNAUTHENTICATED, "the server key is not valid");
        return;
    }
    set_scopes(sign_in->known, rows_text(rows, 0, SERVER_KEY_SIGN_IN_SCOPES));
    if (sign_in->on_behalf && !may_act(&sign_in->known->session))
        sign_in_fail(sign_in, ERROR_FORBIDDEN, "the server key may not act for users");
    else if (sign_in->on_behalf && !take_user(sign_in, rows))
        sign_in_fail(sign_in, ERROR_NOT_FOUND, NULL);
    else
        sign_in_checked(sign_in, rows_integer(rows, 0, SESSION_FIND_STATE),
                        rows_integer(rows, 0, SESSION_FIND_POSITION));
}

static void ask_key(struct sign_in *sign_in)
{
    const char *values[] = {sign_in->token, sign_in->on_behalf};
    archive_query(sign_in->sessions->archive, QUERY_SERVER_KEY_SIGN_IN, values, key_read, sign_in);
}

static void sign_in_with_key(struct sign_in *sign_in, const char *key)
{
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
    sign_in->token = g_strconcat("\\x", digest, NULL);
    sign_in->known->session.grant =
        (struct grant){secret_digest(key), G_MAXINT64, G_MAXINT64, 0, false};
    sign_in->known->forget_at = clock_monotonic() + SERVER_KEY_MEMORY;
    ask_key(sign_in);
}

static bool is_used_up(struct sign_in *sign_in, struct uuid subject, enum limit limit)
{
    struct limit_state state;
    limiter_look(sign_in->sessions->limiter, &subject, limit, &state);
    if (state.remaining == 0)
        sign_in->problem.limit = state;
    return state.remaining == 0;
}

/* ---- Tokens ---------------------------------------------------------------------------------- */

static const char account_refused[] = "the account may not be used here";

/* The account's address: the user name if it can be one, else the app's id, else (NULL) a
 * surrogate. Caller frees. */
static char *wanted_local(const struct user_claims *claims)
{
    const char *wishes[] = {claims->username, claims->subject};
    for (size_t i = 0; i < G_N_ELEMENTS(wishes); i++) {
        g_autofree char *local = wishes[i] ? g_ascii_strdown(wishes[i], -1) : NULL;
        if (local && jid_is_hosted_local(local))
            return g_steal_pointer(&local);
    }
    return NULL;
}

/* What somebody is called by a claim TEXT, which may be NULL. Caller frees. */
static char *claimed_name(const char *text)
{
    return text ? name_clean(text, NAME_BYTES_MAX, NAME_LINE) : NULL;
}

void user_provision(struct sessions *sessions, const struct user_claims *claims, archive_done done,
                    void *data)
{
    g_autofree char *local = wanted_local(claims);
    g_autofree char *username = claimed_name(claims->username);
    g_autofree char *name = claimed_name(claims->name);
    const char *values[] = {claims->subject, local, sessions->options->xmpp_domain,
                            username,        name,  claims->picture,
                            claims->once};
    archive_query(sessions->archive, QUERY_USER_CREATE, values, done, data);
}

static void token_read(const struct rows *rows, enum error_code error, void *data)
{
    struct sign_in *sign_in = data;
    if (error != ERROR_NONE) {
        sign_in_fail(sign_in, error, NULL);
    } else if (rows_count(rows) == 0) {
        sign_in_fail(sign_in, ERROR_UNAUTHENTICATED, "the token's sub is the id of another user");
    } else if (!take_user(sign_in, rows)) {
        sign_in_fail(sign_in, ERROR_INTERNAL, NULL);
    } else {
        account_learn_own_id(sign_in->sessions->accounts, sign_in->known->session.account,
                             &sign_in->own_id);
        sign_in_checked(sign_in, rows_integer(rows, 0, SESSION_FIND_STATE),
                        rows_integer(rows, 0, SESSION_FIND_POSITION));
    }
}

static void ask_token(struct sign_in *sign_in, const struct token_claims *claims)
{
    const struct user_claims user = {.subject = claims->subject,
                                     .username = claims->username,
                                     .name = claims->name,
                                     .picture = claims->picture};
    char credential[UUID_TEXT_SIZE], issued[24];
    uuid_format(&claims->digest, credential);
    g_snprintf(issued, sizeof issued, "%" G_GINT64_FORMAT, claims->issued);
    g_autofree char *local = wanted_local(&user);
    g_autofree char *username = claimed_name(user.username);
    g_autofree char *name = claimed_name(user.name);
    const char *values[] = {user.subject, local, sign_in->sessions->options->xmpp_domain,
                            username,     name,  user.picture,
                            credential,   issued};
    archive_gather(sign_in->sessions->archive, GATHER_SIGN_IN, values, token_read, sign_in);
}

static void account_admitted(enum error_code error, void *data)
{
    struct sign_in *sign_in = data;
    const struct grant *grant = &sign_in->known->session.grant;
    if (error != ERROR_NONE) {
        log_info(AREA_AUTH, "token-account-refused", "code=%s", error_info(error)->code);
        sign_in_fail(sign_in, error, error == ERROR_FORBIDDEN ? account_refused : NULL);
        return;
    }
    char credential[UUID_TEXT_SIZE], issued[24];
    uuid_format(&grant->credential, credential);
    g_snprintf(issued, sizeof issued, "%" G_GINT64_FORMAT, grant->issued);
    const char *values[] = {sign_in->subject, sign_in->account, credential, issued};
    archive_query(sign_in->sessions->archive, QUERY_BOUND_TOKEN_SIGN_IN, values, token_read,
                  sign_in);
}

/* Its server is asked first, so that a token lets nobody in whom that server does not. */
static void ask_account(struct sign_in *sign_in, const struct token_claims *claims)
{
    struct sessions *sessions = sign_in->sessions;
    sign_in->subject = g_strdup(claims->subject);
    sessions->admit(sign_in->account, account_admitted, sign_in, sessions->admit_data);
}

static void refuse_later(struct sign_in *sign_in, enum error_code code, const char *detail)
{
    sign_in->problem.code = code;
    sign_in->problem.detail = detail;
    loop_defer(sign_in_refused, sign_in);
}

/* What is not in memory has to be asked for, and written: whoever is over the limit of what comes
 * then gets no further. A user whom no token has brought here yet is counted by the own id alone.
 */
static bool may_ask(struct sign_in *sign_in, const char *subject)
{
    g_autofree char *text = g_strconcat("sub\n", subject, NULL);
    sign_in->own_id = secret_digest(text);
    const struct account *account =
        account_find_own_id(sign_in->sessions->accounts, &sign_in->own_id);
    if (account && sign_in->limit != LIMIT_NONE)
        return !is_used_up(sign_in, account->id, sign_in->limit);
    return limiter_take(sign_in->sessions->limiter, account ? &account->id : &sign_in->own_id,
                        LIMIT_REQUESTS, &sign_in->problem.limit);
}

/* A token with odd times is let in, and the operator told: but not for each of them. */
static void note_remark(const char *remark)
{
    static gint64 told_at;
    gint64 now = clock_monotonic();
    if (!remark || (told_at && now - told_at < REMARK_INTERVAL))
        return;
    told_at = now;
    log_warning(AREA_AUTH, "token-odd",
                "remark=\"%s\" effect=\"a sign-out of the user ends it for good\"", remark);
}

static void sign_in_with_token(struct sign_in *sign_in, const char *token)
{
    struct token_claims claims = {0};
    const char *reason = NULL;
    if (!token_verify(sign_in->sessions->tokens, token, &claims, &reason)) {
        log_info(AREA_AUTH, "token-refused", "reason=\"%s\"", reason);
        refuse_later(sign_in, ERROR_UNAUTHENTICATED, reason);
        return;
    }
    note_remark(claims.remark);
    sign_in->known->session.grant =
        (struct grant){claims.digest, claims.issued, claims.expires, claims.key, false};
    sign_in->known->forget_at = G_MAXINT64;
    sign_in->account = claimed_account(sign_in->sessions->options, claims.account);
    if (!may_ask(sign_in, claims.subject))
        refuse_later(sign_in, ERROR_RATE_LIMITED, "a limit of yours is used up");
    else if (!sign_in->account)
        ask_token(sign_in, &claims);
    else if (sign_in->sessions->admit)
        ask_account(sign_in, &claims);
    else
        refuse_later(sign_in, ERROR_FORBIDDEN, account_refused);
    token_claims_clear(&claims);
}

/* ---- Beginning ------------------------------------------------------------------------------- */

/* Whether the caller's address, or this credential from there, has failed too often. Of the second
 * nothing is told: it is not the limit of whoever else shares the address. */
static bool must_wait(struct sign_in *sign_in)
{
    if (sign_in->address == 0)
        return false;
    if (is_used_up(sign_in, limit_subject(sign_in->address), LIMIT_SIGNIN))
        return true;
    bool waits = is_used_up(sign_in, credential_subject(sign_in), LIMIT_SIGNIN);
    sign_in->problem.limit = (struct limit_state){0};
    return waits;
}

static struct sign_in *sign_in_new(struct sessions *sessions, const struct credentials *credentials)
{
    struct sign_in *sign_in = g_new0(struct sign_in, 1);
    g_autofree char *made = NULL;
    sign_in->sessions = sessions;
    sign_in->key = g_strdup(known_key(credentials, &made));
    sign_in->known = g_new0(struct known, 1);
    sign_in->known->kind = credentials->kind;
    sign_in->address = credentials->address;
    sign_in->limit = credentials->limit;
    sign_in->only_looks = credentials->only_looks;
    return sign_in;
}

void session_sign_in(struct sessions *sessions, const struct credentials *credentials,
                     session_done done, void *data)
{
    struct sign_in *sign_in = sign_in_new(sessions, credentials);
    const char *token = credentials->token;
    sign_in->done = done;
    sign_in->data = data;
    if (must_wait(sign_in)) {
        refuse_later(sign_in, ERROR_RATE_LIMITED, "too many failed sign-ins from this address");
    } else if (credentials->kind != CREDENTIAL_TOKEN) {
        sign_in_with_secret(sign_in, token);
    } else if (!g_str_has_prefix(token, SERVER_KEY_PREFIX)) {
        sign_in_with_token(sign_in, token);
    } else if (is_used_up(sign_in, secret_digest(token), LIMIT_SERVER)) {
        refuse_later(sign_in, ERROR_RATE_LIMITED, "the limit \"server\" is used up");
    } else {
        sign_in->on_behalf = g_strdup(credentials->on_behalf);
        sign_in_with_key(sign_in, token);
    }
}
