/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages in another language, by a service of the operator's ([assist]), which is asked once for
 * each version of a message and language. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/base/text.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/hook.h"
#include "bridge/core/request.h"
#include "bridge/loop/http_client.h"

#define ASKED_MAX 32 /* at a time */
#define FAILURES_MAX 5
#define PAUSE (10 * G_USEC_PER_SEC)
#define CONTENT_MAX 131072
#define WORD_MAX 100 /* bytes of what the service calls a language, and itself */

static struct {
    struct http_client *client; /* NULL: there is no such service */
    struct hook hook;
} service;

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

static const char *answer_text(const json_t *value, size_t most)
{
    const char *text = text_bounded(json_string_value(value), most);
    return text && text_is_xml_safe(text, strlen(text)) ? text : NULL;
}

static void on_answer(const json_t *answer, void *data)
{
    struct translating *translating = data;
    struct core *core = translating->request->core;
    const char *content =
        answer_text(json_array_get(json_object_get(answer, "outputs"), 0), CONTENT_MAX);
    if (!content || !core->archive) {
        translating_fail(translating, ERROR_UNAVAILABLE, "the service did not answer");
        return;
    }
    json_t *arguments = json_pack(
        "{s:s, s:s, s:I, s:s, s:s*, s:s*}", "message_id", translating->message, "language",
        translating->language, "version", (json_int_t)translating->version, "content", content,
        "source", answer_text(json_object_get(answer, "language"), WORD_MAX), "provider",
        answer_text(json_object_get(answer, "provider"), WORD_MAX));
    change_submit(core, "translation_put", &translating->request->account->id, arguments,
                  translation_kept, translating);
}

static void service_ask(struct translating *translating, const char *body)
{
    json_t *question = json_pack("{s:s, s:{s:s, s:s, s:s, s:[s]}}", "type", "assist", "data",
                                 "kind", "translation", "language", translating->language,
                                 "message_id", translating->message, "inputs", body);
    if (!hook_ask(&service.hook, question, on_answer, translating))
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
    } else if (outcome != OUTCOME_DONE) {
        translating_fail(translating,
                         outcome == OUTCOME_CONFLICT ? ERROR_CONFLICT : ERROR_NOT_FOUND,
                         outcome == OUTCOME_CONFLICT ? "it has no text" : NULL);
    } else if (shown) {
        translation_reply(translating, shown);
    } else if (!service.client) {
        translating_fail(translating, ERROR_NOT_AVAILABLE, "there is no service that translates");
    } else {
        translating->version = rows_integer(rows, 0, TRANSLATION_FIND_VERSION);
        service_ask(translating, rows_text(rows, 0, TRANSLATION_FIND_BODY));
    }
}

/* A tag as BCP 47 has them: letters, digits and hyphens, in its usual spelling. */
static bool is_language(const char *text)
{
    size_t part = 0;
    if (!g_ascii_isalpha(text[0]))
        return false;
    for (const char *p = text; *p; p++) {
        part = *p == '-' ? 0 : part + 1;
        if (part > 8 || (*p == '-' ? p[1] == '-' || !p[1] : !g_ascii_isalnum(*p)))
            return false;
    }
    return true;
}

static void message_translate(struct request *request)
{
    static const struct field_problem wrong = {ERROR_UNPROCESSABLE, "/to",
                                               "is no language tag, such as de or pt-BR"};
    const char *language = request_text(request, "to");
    if (!is_language(language)) {
        request_fail_field(request, &wrong);
        return;
    }
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
     .errors = OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(NOT_AVAILABLE),
     .reply = "Translation",
     .summary = "What a message says, in another language"},
    {0},
};

static void assist_start(struct core *core)
{
    const struct options *options = core->options;
    if (!options->assist_url || !*options->assist_url)
        return;
    service.client = http_client_new(ASKED_MAX);
    service.hook = (struct hook){
        .client = service.client,
        .url = options->assist_url,
        .secret = options->assist_secret,
        .timeout = (unsigned)options->assist_timeout,
        .breaker = {.failures_max = FAILURES_MAX, .pause = PAUSE, .gauge = METRIC_ASSIST_BREAKER},
        .asked = METRIC_ASSIST_ASKED,
        .failed = METRIC_ASSIST_FAILED};
}

/* Nobody is waited for any more: who has asked is told that there was no answer. */
static void assist_drain(struct core *core)
{
    (void)core;
    g_clear_pointer(&service.client, http_client_free);
}

static const struct part assist_part = {.name = "assist", .drain = assist_drain};

const struct feature feature_translation = {.name = "translation",
                                            .part = &assist_part,
                                            .operations = operations,
                                            .start = assist_start,
                                            .stop = assist_drain};
