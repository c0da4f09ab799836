/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What somebody says, as text that they are about to write: a sound that no message has yet is
 * handed to the service of the operator's ([assist]), which answers while they wait (decision
 * 0124). Nothing of it is kept. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/file_link.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request.h"
#include "bridge/media/media.h"
#include "bridge/message/assist.h"

#define TEXT_BYTES_MAX 32768
#define LINK_SECONDS 300 /* for which the service can get the sound */
#define REPLY_MAX (8 * TEXT_BYTES_MAX)

struct dictating {
    struct request *request;
    char *file, *language; /* owned */
};

static void dictating_free(struct dictating *dictating)
{
    g_free(dictating->file);
    g_free(dictating->language);
    g_free(dictating);
}

static void dictating_fail(struct dictating *dictating, enum error_code error, const char *detail)
{
    request_fail(dictating->request, error, detail);
    dictating_free(dictating);
}

/* The text of ANSWER; "": nothing is said. NULL: it is no answer. */
static const char *answer_text(const json_t *answer)
{
    const json_t *output = json_array_get(json_object_get(answer, "outputs"), 0);
    return json_string_length(output) > 0 ? assist_text(output, TEXT_BYTES_MAX)
                                          : json_string_value(output);
}

static void on_answer(const json_t *answer, void *data)
{
    struct dictating *dictating = data;
    const char *text = answer_text(answer);
    if (!text) {
        dictating_fail(dictating, ERROR_UNAVAILABLE, "the service did not write it down");
        return;
    }
    json_t *said =
        json_pack("{s:s, s:s?, s:s, s:s?}", "file_id", dictating->file, "language",
                  assist_text(json_object_get(answer, "language"), ASSIST_WORD_MAX), "text", text,
                  "provider", assist_text(json_object_get(answer, "provider"), ASSIST_WORD_MAX));
    char *reply = said ? json_dumps(said, JSON_COMPACT) : NULL;
    json_decref(said);
    g_auto(buffer) json = BUFFER_INIT(REPLY_MAX);
    if (reply && buffer_append(&json, reply, strlen(reply)))
        request_reply(dictating->request, 200, &json);
    else
        request_fail(dictating->request, ERROR_INTERNAL, NULL);
    free(reply);
    dictating_free(dictating);
}

static void service_ask(struct dictating *dictating, const struct rows *rows)
{
    struct uuid id;
    if (!uuid_parse(dictating->file, &id)) {
        dictating_fail(dictating, ERROR_INTERNAL, NULL);
        return;
    }
    g_autofree char *link =
        file_link_brief(&id, rows_text(rows, 0, DICTATION_FIND_NAME), LINK_SECONDS);
    json_t *input = json_pack("{s:s*, s:s, s:I}", "url", link, "mime_type",
                              rows_text(rows, 0, DICTATION_FIND_TYPE), "size",
                              (json_int_t)rows_integer(rows, 0, DICTATION_FIND_SIZE));
    if (rows_text(rows, 0, DICTATION_FIND_DURATION))
        json_object_set_new(input, "duration_ms",
                            json_integer(rows_integer(rows, 0, DICTATION_FIND_DURATION)));
    json_t *data = json_pack("{s:s, s:s*, s:[o]}", "file_id", dictating->file, "language",
                             dictating->language, "inputs", input);
    if (!assist_ask("transcription", data, on_answer, dictating))
        dictating_fail(dictating, ERROR_UNAVAILABLE, "the service is not asked just now");
}

static bool listener_is_there(void)
{
    return assist_is_there() && media_is_on();
}

static void file_found(const struct rows *rows, enum error_code error, void *data)
{
    struct dictating *dictating = data;
    gint64 outcome = error == ERROR_NONE ? rows_integer(rows, 0, DICTATION_FIND_OUTCOME) : 0;
    if (error != ERROR_NONE)
        dictating_fail(dictating, error, NULL);
    else if (outcome == OUTCOME_FORBIDDEN)
        dictating_fail(dictating, ERROR_FORBIDDEN, assist_refused("own"));
    else if (outcome == OUTCOME_CONFLICT)
        dictating_fail(dictating, ERROR_CONFLICT, "it is no sound, or was not looked at yet");
    else if (outcome != OUTCOME_DONE)
        dictating_fail(dictating, ERROR_NOT_FOUND, NULL);
    else if (!listener_is_there())
        dictating_fail(dictating, ERROR_NOT_AVAILABLE, "there is no service that listens");
    else
        service_ask(dictating, rows);
}

static void file_transcribe(struct request *request)
{
    if (!assist_language_is_good(request, "language"))
        return;
    struct dictating *dictating = g_new0(struct dictating, 1);
    char user[UUID_TEXT_SIZE];
    uuid_format(&request->account->id, user);
    *dictating = (struct dictating){.request = request,
                                    .file = g_strdup(request_text(request, "file_id")),
                                    .language = g_strdup(request_text(request, "language"))};
    archive_query(request->core->archive, QUERY_DICTATION_FIND,
                  (const char *[]){user, dictating->file}, file_found, dictating);
}

static const struct field fields[] = {
    FIELD_ID_IN_PATH("file_id"),
    {.name = "language", .type = FIELD_TEXT, .minimum = 2, .maximum = 35},
    {0},
};

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/files/:file_id/transcribe",
     .fields = fields,
     .handle = file_transcribe,
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_TRANSLATIONS,
     .errors =
         OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(NOT_AVAILABLE) | OPERATION_ERROR(FORBIDDEN),
     .reply = "Dictation",
     .summary = "What is said in a sound of the caller's, as text; nobody else is told"},
    {0},
};

const struct feature feature_dictation = {
    .name = "dictation", .operations = operations, .is_there = listener_is_there};
