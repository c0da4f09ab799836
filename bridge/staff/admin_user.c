/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users, as administrators see them and what they do to them: by REST, and as commands (XEP-0133
 * where it has one). A user is named by id, by address or by the app's own id. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/mint.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request_row.h"
#include "bridge/archive/archive.h"
#include "bridge/job/job.h"
#include "bridge/staff/user_devices.h"

#define USERS_MAX 100
#define TOKEN_SECONDS_MAX 86400
#define REPLY_MAX 65536
#define SHOWN_MAX 1048576 /* bytes of what there is of a user */

#define FIELD_SEVERAL                                                                              \
    {                                                                                              \
        .name = "users", .type = FIELD_TEXTS, .flags = FIELD_REQUIRED, .minimum = 1,               \
        .maximum = USERS_MAX, .label = "Users (addresses or ids)", .var = "accountjids"            \
    }

/* ---- Tokens ---------------------------------------------------------------------------------- */

static const struct field token_fields[] = {
    FIELD_NAMED_USER,
    {.name = "ttl",
     .type = FIELD_INTEGER,
     .minimum = 1,
     .maximum = TOKEN_SECONDS_MAX,
     .fallback = "600",
     .label = "How many seconds it is good for"},
    {0},
};

static void token_sign(struct request *request, const struct mint_claims *claims)
{
    const char *problem = NULL;
    char *token = token_mint(request->core->options, claims, &problem);
    if (!token) {
        request_fail(request, ERROR_NOT_AVAILABLE, problem);
        return;
    }
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_string(&json, "token", token);
    json_member_time(&json, "expires_at", clock_wall() + claims->ttl * G_USEC_PER_SEC);
    json_end_object(&json);
    request_reply(request, 201, &buf);
    explicit_bzero(token, strlen(token));
    g_free(token);
}

static void token_claims_read(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    if (error != ERROR_NONE || rows_count(rows) != 1) {
        request_fail(request, error != ERROR_NONE ? error : ERROR_NOT_FOUND, NULL);
        return;
    }
    const struct mint_claims claims = {.sub = rows_text(rows, 0, ADMIN_TOKEN_CLAIMS_EXTERNAL_ID),
                                       .ttl = request_integer(request, "ttl")};
    token_sign(request, &claims);
}

static void token_make(struct request *request)
{
    const char *values[] = {request_text(request, "user")};
    archive_query(request->core->archive, QUERY_ADMIN_TOKEN_CLAIMS, values, token_claims_read,
                  request);
}

/* ---- Fields ---------------------------------------------------------------------------------- */

static const char *const states[] = {"all", "suspended", "staff", NULL};

static const struct field list_fields[] = {
    {.name = "q",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 255,
     .label = "Beginning of the address or of a name, or the app's own id"},
    {.name = "state",
     .type = FIELD_CHOICE,
     .flags = FIELD_IN_QUERY,
     .choices = states,
     .fallback = "all",
     .label = "Which users"},
    FIELD_PAGE_LIMIT(100),
    FIELD_PAGE_AFTER(3071),
    {0},
};

static const struct field delete_fields[] = {
    {.name = "users",
     .type = FIELD_TEXTS,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = 20,
     .label = "Users (addresses or ids)",
     .var = "accountjids"},
    {0},
};

static const struct field show_fields[] = {FIELD_NAMED_USER, {0}};

static const struct field suspend_fields[] = {
    FIELD_SEVERAL,
    {.name = "reason",
     .type = FIELD_TEXT,
     .minimum = 1,
     .maximum = 1000,
     .label = "Reason, which the users are told"},
    {.name = "until",
     .type = FIELD_TEXT,
     .flags = FIELD_UNTIL,
     .label = "Until (2026-05-04T09:00:00Z; empty: until it is taken back)"},
    {0},
};

static const char *const roles[] = {"moderator", "auditor", "admin", NULL};

static const struct field staff_fields[] = {
    FIELD_NAMED_USER,
    {.name = "roles",
     .type = FIELD_CHOICES,
     .choices = roles,
     .maximum = G_N_ELEMENTS(roles) - 1,
     .label = "Roles from now on (none: no staff any more)"},
    {0},
};

static const struct field several_fields[] = {FIELD_SEVERAL, {0}};

/* ---- Who is there ---------------------------------------------------------------------------- */

static gint64 users_here(const struct core *core)
{
    GHashTableIter accounts;
    gpointer account;
    gint64 count = 0;
    g_hash_table_iter_init(&accounts, core->accounts->by_id);
    while (g_hash_table_iter_next(&accounts, NULL, &account))
        count += ((struct account *)account)->subscribers != NULL;
    return count;
}

static void online_count(struct request *request)
{
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_integer(&json, "online", users_here(request->core));
    json_end_object(&json);
    request_reply(request, 200, &buf);
}

static void user_count(struct request *request)
{
    char online[24];
    g_snprintf(online, sizeof online, "%" G_GINT64_FORMAT,
               users_here(request->core) + elsewhere_count(request->core));
    archive_query(request->core->archive, QUERY_ADMIN_USER_COUNT, (const char *[]){online},
                  request_reply_row, request);
}

static bool is_online(const struct core *core, const struct uuid *user)
{
    const struct account *account = account_find(core->accounts, user);
    return (account && account->subscribers) || elsewhere_is_online(core, user);
}

/* Puts into SHOWN what this process knows of the devices of USER. */
static void devices_put(json_t *shown, const struct core *core, const struct uuid *user)
{
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    user_devices_members(&json, core, user);
    json_end_object(&json);
    json_t *devices = json_loadb(buf.data, buf.length, 0, NULL);
    json_object_update(shown, devices);
    json_decref(devices);
}

/* What the database has of a user, and whether the user is there. */
static void shown_reply(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    struct uuid id;
    json_t *shown = error == ERROR_NONE && rows_count(rows) == 1
                        ? json_loads(rows_text(rows, 0, 0), 0, NULL)
                        : NULL;
    const char *user = json_string_value(json_object_get(shown, "user_id"));
    if (!user || !uuid_parse(user, &id)) {
        json_decref(shown);
        request_fail(request, error == ERROR_NONE ? ERROR_NOT_FOUND : error, NULL);
        return;
    }
    json_object_set_new(shown, "online", json_boolean(is_online(request->core, &id)));
    if (strcmp(request->operation->reply, "LastLogin") == 0)
        json_object_del(shown, "user_id");
    else
        devices_put(shown, request->core, &id);
    char *text = json_dumps(shown, JSON_COMPACT);
    g_auto(buffer) buf = BUFFER_INIT(SHOWN_MAX);
    buffer_append_string(&buf, text);
    request_reply(request, 200, &buf);
    free(text);
    json_decref(shown);
}

static void user_show(struct request *request)
{
    archive_query(request->core->archive, QUERY_ADMIN_USER_SHOW,
                  (const char *[]){request_text(request, "user")}, shown_reply, request);
}

static void last_login(struct request *request)
{
    archive_query(request->core->archive, QUERY_ADMIN_LAST_LOGIN,
                  (const char *[]){request_text(request, "user")}, shown_reply, request);
}

/* What XEP-0133 calls what the replies have. */
static const char *const count_vars[][2] = {{"registered", "registeredusersnum"},
                                            {"online", "onlineusersnum"},
                                            {"suspended", "disabledusersnum"},
                                            {NULL, NULL}};
static const char *const last_login_vars[][2] = {
    {"jid", "accountjid"}, {"last_seen_at", "lastlogin"}, {NULL, NULL}};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/admin/users",
     .fields = list_fields,
     .read = QUERY_ADMIN_USER_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "admin",
     .role = "admin",
     .audit = "user.list",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:users", .name = "Users: find"},
     .reply = "AdminUserPage",
     .summary = "Users by address: all, those who are suspended, or staff"},
    {.method = "GET",
     .path = "/api/admin/users/:user",
     .fields = show_fields,
     .handle = user_show,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.show",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#user-stats",
                                    .name = "Users: show one"},
     .reply = "AdminUserShown",
     .summary = "What there is of a user: roles, suspension, sessions, sockets, tokens, how many "
                "conversations"},
    {.method = "POST",
     .path = "/api/admin/users/suspend",
     .fields = suspend_fields,
     .change = "users_suspend",
     .flags = OPERATION_SERVER_KEY | OPERATION_REVOKES,
     .scope = "admin",
     .role = "admin",
     .audit = "user.suspend",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#disable-user",
                                    .name = "Users: suspend",
                                    .confirm = "They are signed out at once, and not let in."},
     .reply = "Suspensions",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary =
         "Signs users out and lets nobody in as them, for a while or until it is taken back"},
    {.method = "POST",
     .path = "/api/admin/users/restore",
     .fields = several_fields,
     .change = "users_restore",
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.restore",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#reenable-user",
                                    .name = "Users: end a suspension"},
     .reply = "Suspensions",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "Ends suspensions"},
    {.method = "POST",
     .path = "/api/admin/users/sign-out",
     .fields = several_fields,
     .change = "users_sign_out",
     .flags = OPERATION_SERVER_KEY | OPERATION_REVOKES,
     .scope = "admin",
     .role = "admin",
     .audit = "user.sign_out",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#end-user-session",
                                    .name = "Users: sign out"},
     .reply = "SignedOut",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "Ends all that these users have been let in by until now"},
    {.method = "POST",
     .path = "/api/admin/users/delete",
     .fields = delete_fields,
     .change = "users_delete",
     .flags = OPERATION_SERVER_KEY | OPERATION_REVOKES,
     .scope = "admin",
     .role = "admin",
     .audit = "user.delete",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#delete-user",
                                    .name = "Users: delete",
                                    .confirm = "They are gone for good. What they said to others "
                                               "stays, as said by somebody who was deleted."},
     .reply = "DeletedUsers",
     .errors = OPERATION_ERROR(NOT_FOUND) | OPERATION_ERROR(CONFLICT),
     .summary = "Deletes users of the application, for good"},
    {.method = "POST",
     .path = "/api/admin/users/:user/reset",
     .fields = show_fields,
     .change = "user_reset",
     .flags = OPERATION_SERVER_KEY | OPERATION_REVOKES,
     .scope = "admin",
     .role = "admin",
     .audit = "user.reset",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:reset",
                                    .name = "Users: sign one out, with the limits of all",
                                    .confirm = "The user is signed out everywhere."},
     .reply = "UserReset",
     .summary = "Ends all that a user has been let in by, and the limits of their own"},
    {.method = "PUT",
     .path = "/api/admin/users/:user/staff",
     .fields = staff_fields,
     .change = "admin_staff",
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.staff",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:staff",
                                    .name = "Users: roles of staff for one"},
     .reply = "Staff",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "Gives a user these roles of staff, and no others"},
    {.method = "GET",
     .path = "/api/admin/users/:user/last-login",
     .fields = show_fields,
     .handle = last_login,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.last_login",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#get-user-lastlogin",
                                    .name = "Users: when one was last there",
                                    .vars = last_login_vars},
     .reply = "LastLogin",
     .summary = "When a user was last there"},
    {.method = "POST",
     .path = "/api/admin/users/:user/token",
     .fields = token_fields,
     .handle = token_make,
     .flags = OPERATION_SERVER_KEY | OPERATION_MAKES,
     .scope = "admin",
     .role = "admin",
     .audit = "user.token",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:token",
                                    .name = "Users: make a token for one"},
     .reply = "MintedToken",
     .errors = OPERATION_ERROR(NOT_AVAILABLE),
     .summary = "Makes a token that lets in as a user; where tokens are of HS256"},
    {.method = "GET",
     .path = "/api/admin/users/:user/sessions",
     .fields = show_fields,
     .read = QUERY_SESSION_LIST_OF,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "admin",
     .role = "admin",
     .audit = "user.sessions",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:sessions",
                                    .name = "Users: sessions by cookie of one"},
     .reply = "NamedSessions",
     .summary = "The sessions by cookie of a user, the oldest first"},
    {.method = "GET",
     .path = "/api/admin/online-count",
     .handle = online_count,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#get-online-users-num",
                                    .name = "Users: how many are there now",
                                    .vars = count_vars},
     .reply = "OnlineCount",
     .summary = "How many users have a socket or stream open at the instance that answers"},
    {.method = "GET",
     .path = "/api/admin/user-count",
     .handle = user_count,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .adhoc =
         &(const struct adhoc){.node = "http://jabber.org/protocol/admin#get-registered-users-num",
                               .name = "Users: how many",
                               .vars = count_vars},
     .reply = "UserCount",
     .summary = "How many users there are, and how many have a socket or stream open"},
    {0},
};

/* ---- What goes when a user was deleted ------------------------------------------------------- */

static void user_unlink(struct job *job)
{
    change_submit(job_core(job), "user_unlink", NULL, json_pack("{s:s}", "user_id", job_key(job)),
                  job_changed, job);
}

static const struct job_kind jobs[] = {
    {.name = "user.delete", .run = user_unlink},
    {0},
};

const struct feature feature_admin_user = {
    .name = "admin_user", .operations = operations, .jobs = jobs};
