/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users: who I am and how I show myself, others' profiles, and users made by the app's backend. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/lookup.h"
#include "bridge/account/session.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/profile/profile.h"
#include "xep/name.h"

#define USER_JSON_MAX 65536

static void reply_json(struct request *request, unsigned status, const char *json)
{
    g_auto(buffer) buf = BUFFER_INIT(USER_JSON_MAX);
    buffer_append_string(&buf, json);
    request_reply(request, status, &buf);
}

static const struct field no_fields[] = {{0}};

static void user_me(struct request *request)
{
    reply_json(request, 200, request->account->json);
}

/* ---- One's own profile ------------------------------------------------------------------------------- */

static const struct field profile_fields[] = {
    {"name", FIELD_TEXT, FIELD_LINE, 1, 255, NULL},
    {"bio", FIELD_TEXT, FIELD_PROSE, 1, 2000, NULL},
    {0},
};

/* A member that is null clears; the field list takes null for absent. */
static void put_member(json_t *arguments, const struct request *request, int field,
                       enum name_shape shape)
{
    const char *name = profile_fields[field].name;
    size_t max = (size_t)profile_fields[field].maximum;
    g_autofree char *text =
        request->values[field].present ? name_clean(request->values[field].text, max, shape) : NULL;
    if (text)
        json_object_set_new(arguments, name, json_string(text));
    else if (request->body && json_is_null(json_object_get(request->body, name)))
        json_object_set_new(arguments, name, json_null());
}

static void user_patch(struct request *request)
{
    static const enum name_shape shapes[] = {NAME_LINE, NAME_PROSE};
    json_t *arguments = json_object();
    for (int i = 0; profile_fields[i].name; i++)
        put_member(arguments, request, i, shapes[i]);
    profile_change(request, arguments);
}

/* ---- Others ---------------------------------------------------------------------------------------- */

static const struct field get_fields[] = {
    {"user_id", FIELD_UUID, FIELD_REQUIRED | FIELD_IN_PATH, 0, 0, NULL},
    {0},
};

static void user_get(struct request *request)
{
    const char *values[] = {request->account->id_text, request->values[0].text};
    archive_query(request->core->archive, QUERY_USER_GET, values, request_reply_row, request);
}

static const struct field create_fields[] = {
    {"external_id", FIELD_TEXT, FIELD_REQUIRED, 1, 255, NULL},
    {"username", FIELD_TEXT, FIELD_LINE, 1, 255, NULL},
    {"name", FIELD_TEXT, FIELD_LINE, 1, 255, NULL},
    {"picture", FIELD_TEXT, 0, 1, 2048, NULL},
    {0},
};
enum { CREATE_EXTERNAL_ID, CREATE_USERNAME, CREATE_NAME, CREATE_PICTURE };

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
    const struct field_value *values = request->values;
    struct user_claims claims = {.subject = values[CREATE_EXTERNAL_ID].text,
                                 .username = values[CREATE_USERNAME].text,
                                 .name = values[CREATE_NAME].text,
                                 .picture = values[CREATE_PICTURE].text};
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
     .fields = no_fields,
     .handle = user_me,
     .reply = "User",
     .summary = "The user who is signed in"},
    {.method = "PATCH",
     .path = "/api/users/me",
     .fields = profile_fields,
     .handle = user_patch,
     .reply = "User",
     .summary = "Changes name and bio; null clears"},
    {.method = "GET",
     .path = "/api/users/:user_id",
     .fields = get_fields,
     .handle = user_get,
     .reply = "User",
     .summary = "The profile of a user"},
    {.method = "POST",
     .path = "/api/users",
     .fields = create_fields,
     .handle = user_create,
     .flags = OPERATION_SERVER_KEY | OPERATION_CREATES | OPERATION_ONCE,
     .scope = "users",
     .reply = "User",
     .summary = "Makes a hosted user, or finds the one with that id"},
    {0},
};

const struct feature feature_user = {
    .name = "user", .operations = operations, .start = profile_start};
