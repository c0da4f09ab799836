/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages in another language, by a service of the operator's ([assist]), which is asked once for
 * each version of a message and language. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request.h"
#include "bridge/message/assist.h"

#define CONTENT_MAX 131072

struct translating {
    struct request *request;
    char *message, *language; /* owned */
    gint64 version;
};

static void translating_free(struct translating *translating)
{
    g_free(translating->message);
    g_free(translating->language);
    g_free(translating);
}

static void translating_fail(struct translating *translating, enum error_code error,
                             const char *detail)
{
    request_fail(translating->request, error, detail);
    translating_free(translating);
}

static void translation_kept(const struct change_result *result, void *data)
{
    struct translating *translating = data;
    change_reply(translating->request, 200, result);
    translating_free(translating);
}

static void on_answer(const json_t *answer, void *data)
{
    struct translating *translating = data;
    struct core *core = translating->request->core;
    const char *content =
        assist_text(json_array_get(json_object_get(answer, "outputs"), 0), CONTENT_MAX);
    if (!content || !core->archive) {
        translating_fail(translating, ERROR_UNAVAILABLE, "the service did not answer");
        return;
    }
    json_t *arguments = json_pack(
        "{s:s, s:s, s:I, s:s, s:s*, s:s*}", "message_id", translating->message, "language",
        translating->language, "version", (json_int_t)translating->version, "content", content,
        "source", assist_text(json_object_get(answer, "language"), ASSIST_WORD_MAX), "provider",
        assist_text(json_object_get(answer, "provider"), ASSIST_WORD_MAX));
    change_submit(core, "translation_put", &translating->request->account->id, arguments,
                  translation_kept, translating);
}

static void service_ask(struct translating *translating, const char *body)
{
    json_t *data = json_pack("{s:s, s:s, s:[s]}", "language", translating->language, "message_id",
                             translating->message, "inputs", body);
    if (!assist_ask("translation", data, on_answer, translating))
        translating_fail(translating, ERROR_UNAVAILABLE, "the service is not asked just now");
}

static void translation_reply(struct translating *translating, const char *shown)
{
    g_auto(buffer) json = BUFFER_INIT(2 * CONTENT_MAX + 4096);
    if (buffer_append(&json, shown, strlen(shown)))
        request_reply(translating->request, 200, &json);
    else
        request_fail(translating->request, ERROR_INTERNAL, NULL);
    translating_free(translating);
}

static void message_found(const struct rows *rows, enum error_code error, void *data)
{
    struct translating *translating = data;
    gint64 outcome = error == ERROR_NONE ? rows_integer(rows, 0, TRANSLATION_FIND_OUTCOME) : 0;
    const char *shown = error == ERROR_NONE ? rows_text(rows, 0, TRANSLATION_FIND_SHOWN) : NULL;
    if (error != ERROR_NONE) {
        translating_fail(translating, error, NULL);
    } else if (outcome == OUTCOME_FORBIDDEN) {
        translating_fail(translating, ERROR_FORBIDDEN,
                         assist_refused(rows_text(rows, 0, TRANSLATION_FIND_REFUSED)));
    } else if (outcome != OUTCOME_DONE) {
        translating_fail(translating,
                         outcome == OUTCOME_CONFLICT ? ERROR_CONFLICT : ERROR_NOT_FOUND,
                         outcome == OUTCOME_CONFLICT ? "it has no text" : NULL);
    } else if (shown) {
        translation_reply(translating, shown);
    } else if (!assist_is_there()) {
        translating_fail(translating, ERROR_NOT_AVAILABLE, "there is no service that translates");
    } else {
        translating->version = rows_integer(rows, 0, TRANSLATION_FIND_VERSION);
        service_ask(translating, rows_text(rows, 0, TRANSLATION_FIND_BODY));
    }
}

static void message_translate(struct request *request)
{
    if (!assist_language_is_good(request, "to"))
        return;
    const char *language = request_text(request, "to");
    struct translating *translating = g_new0(struct translating, 1);
    char user[UUID_TEXT_SIZE];
    uuid_format(&request->account->id, user);
    *translating = (struct translating){.request = request,
                                        .message = g_strdup(request_text(request, "message_id")),
                                        .language = g_ascii_strdown(language, -1)};
    const char *values[] = {user, translating->message, translating->language};
    archive_query(request->core->archive, QUERY_TRANSLATION_FIND, values, message_found,
                  translating);
}

static const struct field translate_fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    {.name = "to", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .minimum = 2, .maximum = 35},
    {0},
};

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/messages/:message_id/translate",
     .fields = translate_fields,
     .handle = message_translate,
     .limit = LIMIT_TRANSLATIONS,
     .errors =
         OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(NOT_AVAILABLE) | OPERATION_ERROR(FORBIDDEN),
     .reply = "Translation",
     .summary = "What a message says, in another language"},
    {0},
};

const struct feature feature_translation = {
    .name = "translation", .operations = operations, .is_there = assist_is_there};
