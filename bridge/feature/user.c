/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users: who I am and how I show myself, others' profiles, and users made by the app's backend. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/lookup.h"
#include "bridge/account/session.h"
#include "bridge/account/sign_in.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/profile/profile.h"

#define USER_JSON_MAX 65536

static void reply_json(struct request *request, unsigned status, const char *json)
{
    g_auto(buffer) buf = BUFFER_INIT(USER_JSON_MAX);
    buffer_append_string(&buf, json);
    request_reply(request, status, &buf);
}

/* ---- One's own profile ----------------------------------------------------------------------- */

/* Null clears. */
static const struct field profile_fields[] = {
    {.name = "name",
     .type = FIELD_TEXT,
     .flags = FIELD_LINE | FIELD_NULLABLE,
     .minimum = 1,
     .maximum = 255},
    {.name = "bio",
     .type = FIELD_TEXT,
     .flags = FIELD_PROSE | FIELD_NULLABLE,
     .minimum = 1,
     .maximum = 2000},
    {0},
};

/* ---- Others ---------------------------------------------------------------------------------- */

static const struct field get_fields[] = {FIELD_ID_IN_PATH("user_id"), {0}};

static const struct field create_fields[] = {
    {.name = "external_id",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = 255},
    {.name = "username", .type = FIELD_TEXT, .flags = FIELD_LINE, .minimum = 1, .maximum = 255},
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_LINE, .minimum = 1, .maximum = 255},
    {.name = "picture", .type = FIELD_TEXT, .minimum = 1, .maximum = 2048},
    {0},
};

static void user_created(const struct rows *rows, enum error_code error, void *data)
{
    static const struct field_problem taken = {ERROR_UNPROCESSABLE, "/external_id",
                                               "is the id of another user"};
    static const struct field_problem reused = {ERROR_UNPROCESSABLE, "",
                                                "Idempotency-Key was used for another request"};
    struct request *request = data;
    if (error == ERROR_NONE &&
        (rows_count(rows) == 0 || rows_integer(rows, 0, USER_CREATE_REPEATED) == 2)) {
        request_fail_field(request, rows_count(rows) == 0 ? &taken : &reused);
        return;
    }
    struct account *account =
        error == ERROR_NONE ? account_of_rows(request->core->accounts, rows) : NULL;
    if (account)
        reply_json(request, rows_boolean(rows, 0, USER_CREATE_CREATED) ? 201 : 200, account->json);
    else
        request_fail(request, error == ERROR_NONE ? ERROR_INTERNAL : error, NULL);
}

static void user_create(struct request *request)
{
    struct user_claims claims = {.subject = request_text(request, "external_id"),
                                 .username = request_text(request, "username"),
                                 .name = request_text(request, "name"),
                                 .picture = request_text(request, "picture")};
    json_t *once = change_once(request);
    char subject[UUID_TEXT_SIZE], *text = NULL;
    if (once) {
        uuid_format(&request->grant.credential, subject);
        json_object_set_new(once, "subject", json_string(subject));
        claims.once = text = json_dumps(once, JSON_COMPACT);
        json_decref(once);
    }
    user_provision(request->core->sessions, &claims, user_created, request);
    free(text);
}

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/users/me",
     .read = QUERY_USER_SELF,
     .reply = "Self",
     .summary = "The user who is signed in"},
    {.method = "PATCH",
     .path = "/api/users/me",
     .fields = profile_fields,
     .change = "profile",
     .changed = profile_changed,
     .reply = "User",
     .summary = "Changes name and bio; null clears"},
    {.method = "GET",
     .path = "/api/users/:user_id",
     .fields = get_fields,
     .read = QUERY_USER_GET,
     .reply = "User",
     .summary = "The profile of a user"},
    {.method = "POST",
     .path = "/api/users",
     .fields = create_fields,
     .handle = user_create,
     .flags = OPERATION_SERVER_KEY | OPERATION_CREATES | OPERATION_ONCE,
     .scope = "users",
     .role = "admin",
     .audit = "user.make",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#add-user",
                                    .name = "Users: make one"},
     .reply = "User",
     .summary = "Makes a hosted user, or finds the one with that id"},
    {0},
};

const struct feature feature_user = {
    .name = "user", .operations = operations, .start = profile_start};
