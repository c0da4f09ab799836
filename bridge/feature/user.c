/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Users: who I am, and users made by the app's backend. */
#include "config.h"

#include "bridge/core/account.h"
#include "bridge/core/core.h"
#include "bridge/core/provision.h"
#include "bridge/feature/feature.h"

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

static const struct field create_fields[] = {
    {"external_id", FIELD_TEXT, FIELD_REQUIRED, 1, 255, NULL},
    {"username", FIELD_TEXT, 0, 1, 255, NULL},
    {"name", FIELD_TEXT, 0, 1, 255, NULL},
    {"picture", FIELD_TEXT, 0, 1, 2048, NULL},
    {0},
};
enum { CREATE_EXTERNAL_ID, CREATE_USERNAME, CREATE_NAME, CREATE_PICTURE };

static void user_created(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    struct account *account =
        error == ERROR_NONE ? account_of_rows(request->core, rows) : NULL;
    if (account)
        reply_json(request, rows_boolean(rows, 0, 4) ? 201 : 200, account->json);
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
    user_provision(request->core, &claims, user_created, request);
}

static const struct operation operations[] = {
    {.method = "GET", .path = "/api/users/me", .fields = no_fields, .handle = user_me,
     .reply = "User", .summary = "The user who is signed in"},
    {.method = "POST", .path = "/api/users", .fields = create_fields, .handle = user_create,
     .flags = OPERATION_SERVER_KEY | OPERATION_CREATES, .scope = "users", .reply = "User",
     .summary = "Makes a hosted user, or finds the one with that id"},
    {0},
};

const struct feature feature_user = {.name = "user", .operations = operations};
