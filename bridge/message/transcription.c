/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said in voice messages, as text, by a service of the operator's ([assist]): it gets a
 * link to the sound that is good for a while, and answers at once or later (decision 0100). What it
 * has said stands in the message; all who see that are told. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/file_link.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request.h"
#include "bridge/job/job.h"
#include "bridge/media/media.h"
#include "bridge/message/assist.h"

#define TEXT_BYTES_MAX 32768
#define LINK_SECONDS 900   /* for which the service can get the sound */
#define LATER_SECONDS 3600 /* within which it answers */
#define PROBLEM_MAX 1000

/* A message of which the service is asked. */
struct transcribing {
    struct job *job;
    char token[FILE_PATH_LENGTH + 1]; /* by which it may answer later */
};

static char *digest_of(const char *token)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);
}

static void transcribing_end(struct transcribing *transcribing, enum job_result result,
                             const char *code)
{
    job_end(transcribing->job, result, NULL, code);
    g_free(transcribing);
}

/* ---- What it said ---------------------------------------------------------------------------- */

static void end_kept(const struct change_result *result, void *data)
{
    bool again = json_is_true(json_object_get(result->json, "again"));
    if (result->error != ERROR_NONE)
        transcribing_end(data, JOB_FAILED, error_info(result->error)->code);
    else
        transcribing_end(data, again ? JOB_FAILED : JOB_DONE, "no_answer");
}

/* ARGUMENTS of change_transcription_end() but the message, taken. */
static void end_submit(struct transcribing *transcribing, json_t *arguments)
{
    struct core *core = job_core(transcribing->job);
    json_object_set_new(arguments, "message_id", json_string(job_key(transcribing->job)));
    if (core->archive) {
        change_submit(core, "transcription_end", NULL, arguments, end_kept, transcribing);
        return;
    }
    json_decref(arguments);
    transcribing_end(transcribing, JOB_FAILED, error_info(ERROR_UNAVAILABLE)->code);
}

/* What of ANSWER, { outputs: [text], language, provider } or { error }, is kept. NULL: it is no
 * answer. */
static json_t *answer_read(const json_t *answer)
{
    const json_t *output = json_array_get(json_object_get(answer, "outputs"), 0);
    const char *text = json_string_length(output) > 0 ? assist_text(output, TEXT_BYTES_MAX)
                                                      : json_string_value(output);
    if (json_is_string(json_object_get(answer, "error")))
        return json_pack("{s:s}", "problem", "never");
    if (!text)
        return NULL;
    return json_pack("{s:s, s:s*, s:s*}", "text", text, "language",
                     assist_text(json_object_get(answer, "language"), ASSIST_WORD_MAX), "provider",
                     assist_text(json_object_get(answer, "provider"), ASSIST_WORD_MAX));
}

static void wait_noted(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    if (error != ERROR_NONE)
        transcribing_end(data, JOB_FAILED, error_info(error)->code);
    else /* the job that was asked for meanwhile is another one */
        transcribing_end(data, JOB_DONE, NULL);
}

static void on_answer(const json_t *answer, void *data)
{
    struct transcribing *transcribing = data;
    struct core *core = job_core(transcribing->job);
    if (json_is_null(answer) && core->archive) {
        g_autofree char *digest = digest_of(transcribing->token);
        const char *values[] = {job_key(transcribing->job), digest, G_STRINGIFY(LATER_SECONDS)};
        archive_query(core->archive, QUERY_TRANSCRIPTION_WAIT, values, wait_noted, transcribing);
        return;
    }
    json_t *arguments = answer_read(answer);
    end_submit(transcribing, arguments ? arguments : json_pack("{s:s}", "problem", "again"));
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static json_t *input_of(const struct rows *rows)
{
    struct uuid id;
    rows_uuid(rows, 0, TRANSCRIPTION_BEGIN_FILE_ID, &id);
    g_autofree char *link =
        file_link_brief(&id, rows_text(rows, 0, TRANSCRIPTION_BEGIN_NAME), LINK_SECONDS);
    json_t *input = json_pack("{s:s*, s:s, s:I}", "url", link, "mime_type",
                              rows_text(rows, 0, TRANSCRIPTION_BEGIN_TYPE), "size",
                              (json_int_t)rows_integer(rows, 0, TRANSCRIPTION_BEGIN_SIZE));
    if (rows_text(rows, 0, TRANSCRIPTION_BEGIN_DURATION))
        json_object_set_new(input, "duration_ms",
                            json_integer(rows_integer(rows, 0, TRANSCRIPTION_BEGIN_DURATION)));
    return input;
}

static void service_ask(struct transcribing *transcribing, const struct rows *rows)
{
    g_autofree char *callback = assist_callback(transcribing->token);
    json_t *data = json_pack("{s:s, s:s*, s:s*, s:[o]}", "message_id", job_key(transcribing->job),
                             "language", rows_text(rows, 0, TRANSCRIPTION_BEGIN_LANGUAGE),
                             "callback", callback, "inputs", input_of(rows));
    if (!assist_ask("transcription", data, on_answer, transcribing))
        end_submit(transcribing, json_pack("{s:s}", "problem", "again"));
}

static void transcription_begun(const struct rows *rows, enum error_code error, void *data)
{
    struct transcribing *transcribing = data;
    bool found = error == ERROR_NONE && rows_count(rows) > 0;
    if (error != ERROR_NONE)
        transcribing_end(transcribing, JOB_FAILED, error_info(error)->code);
    else if (!found)
        transcribing_end(transcribing, JOB_DONE, NULL);
    else if (rows_boolean(rows, 0, TRANSCRIPTION_BEGIN_LATE) ||
             !rows_text(rows, 0, TRANSCRIPTION_BEGIN_FILE_ID) || !media_is_on() ||
             !assist_is_there())
        end_submit(transcribing, json_pack("{s:s}", "problem", "never"));
    else if (!rows_boolean(rows, 0, TRANSCRIPTION_BEGIN_READY))
        transcribing_end(transcribing, JOB_FAILED, "not_looked_at");
    else
        service_ask(transcribing, rows);
}

static void transcribe_run(struct job *job)
{
    g_autofree char *token = file_path_new();
    struct uuid id;
    if (!token || !uuid_parse(job_key(job), &id)) {
        job_end(job, token ? JOB_DONE : JOB_FAILED, NULL, "no_token");
        return;
    }
    struct transcribing *transcribing = g_new0(struct transcribing, 1);
    transcribing->job = job;
    g_strlcpy(transcribing->token, token, sizeof transcribing->token);
    g_autofree char *digest = digest_of(token);
    archive_query(job_core(job)->archive, QUERY_TRANSCRIPTION_BEGIN,
                  (const char *[]){job_key(job), digest}, transcription_begun, transcribing);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void ask_done(const struct change_result *result, void *data)
{
    const char *status = json_string_value(json_object_get(result->json, "status"));
    const char *refused = json_string_value(json_object_get(result->json, "refused"));
    if (result->error == ERROR_NONE && refused)
        request_fail(data, ERROR_FORBIDDEN, assist_refused(refused));
    else if (result->error == ERROR_NONE && json_object_get(result->json, "off"))
        request_fail(data, ERROR_NOT_AVAILABLE, "there is no service that listens");
    else
        change_reply(data, status && strcmp(status, "pending") == 0 ? 202 : 200, result);
}

static bool listener_is_there(void)
{
    return assist_is_there() && media_is_on();
}

static void message_transcribe(struct request *request)
{
    if (!assist_language_is_good(request, "language"))
        return;
    const char *language = request_text(request, "language");
    bool off = !listener_is_there();
    json_t *arguments =
        json_pack("{s:s, s:s*, s:o*}", "message_id", request_text(request, "message_id"),
                  "language", language, "off", off ? json_true() : NULL);
    change_submit(request->core, "transcription_ask", &request->account->id, arguments, ask_done,
                  request);
}

static void later_kept(const struct change_result *result, void *data)
{
    struct request *request = data;
    if (change_succeeded(result) || result->error != ERROR_NONE)
        limit_guess_right(request->core->limiter, request->address);
    if (change_succeeded(result))
        request_reply_nothing(data);
    else
        change_reply(data, 204, result);
}

/* The service answers later. Who knows the token is it. */
static void answer_take(struct request *request)
{
    struct limit_state state;
    static const struct field_problem wrong = {ERROR_UNPROCESSABLE, "/outputs",
                                               "is no list with one text"};
    json_t *answer =
        json_pack("{s:O*, s:s*, s:s*, s:s*}", "outputs", request_value(request, "outputs")->list,
                  "language", request_text(request, "language"), "provider",
                  request_text(request, "provider"), "error", request_text(request, "error"));
    json_t *arguments = answer_read(answer);
    json_decref(answer);
    if (!arguments) {
        request_fail_field(request, &wrong);
        return;
    }
    g_autofree char *digest = digest_of(request_text(request, "token"));
    json_object_set_new(arguments, "token", json_string(digest));
    if (!limit_guess(request->core->limiter, request->address, &state)) {
        request->limit = state;
        request_fail(request, ERROR_RATE_LIMITED, "too many answers that nobody waits for");
        json_decref(arguments);
        return;
    }
    change_submit(request->core, "transcription_end", NULL, arguments, later_kept, request);
}

static const struct field ask_fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    {.name = "language", .type = FIELD_TEXT, .minimum = 2, .maximum = 35},
    {0},
};

static const struct field answer_fields[] = {
    FIELD_TEXT_IN_PATH("token", FILE_PATH_LENGTH),
    {.name = "outputs", .type = FIELD_JSON},
    {.name = "language", .type = FIELD_TEXT, .maximum = ASSIST_WORD_MAX},
    {.name = "provider", .type = FIELD_TEXT, .maximum = ASSIST_WORD_MAX},
    {.name = "error", .type = FIELD_TEXT, .maximum = PROBLEM_MAX},
    {0},
};

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/messages/:message_id/transcribe",
     .fields = ask_fields,
     .handle = message_transcribe,
     .flags = OPERATION_LATER,
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_TRANSLATIONS,
     .errors =
         OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(NOT_AVAILABLE) | OPERATION_ERROR(FORBIDDEN),
     .reply = "Transcription",
     .summary = "What is said in a voice message, as text; message.updated tells when it is there"},
    {.method = "POST",
     .path = "/api/assist/:token",
     .fields = answer_fields,
     .handle = answer_take,
     .flags = OPERATION_ANONYMOUS,
     .limit = LIMIT_NONE,
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "What the service of assist.url says to a question that it has put off"},
    {0},
};

static const struct job_kind jobs[] = {
    {.name = "message.transcribe",
     .lock = 120,
     .retry = 5,
     .retry_max = 60,
     .pool = JOB_SLOW,
     .run = transcribe_run},
    {0},
};

const struct feature feature_transcription = {
    .name = "transcription", .operations = operations, .jobs = jobs, .is_there = listener_is_there};
