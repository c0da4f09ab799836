/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What groups were about, for their figures, by a service of the operator's ([assist]): a job asks
 * it once somebody has wanted to know, see sql/function/topics.sql. It is shown texts; what is kept
 * is what it calls them. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/job/job.h"
#include "bridge/message/assist.h"

#define TOPICS_MAX 10
#define TOPIC_CHARACTERS_MAX 64
#define TOPIC_BYTES_MAX 256
#define DAY 86400

static void end_kept(const struct rows *rows, enum error_code error, void *data)
{
    bool again =
        error == ERROR_NONE && rows_count(rows) > 0 && rows_boolean(rows, 0, TOPICS_END_AGAIN);
    if (error != ERROR_NONE)
        job_end(data, JOB_FAILED, NULL, error_info(error)->code);
    else
        job_end(data, again ? JOB_FAILED : JOB_DONE, NULL, again ? "no_answer" : NULL);
}

/* TOPICS: JSON, or NULL: there are none, FINAL if it is of no use to ask again. */
static void end_submit(struct job *job, const char *topics, bool final)
{
    struct core *core = job_core(job);
    if (!core->archive) {
        job_end(job, JOB_FAILED, NULL, error_info(ERROR_UNAVAILABLE)->code);
        return;
    }
    const char *values[] = {job_key(job), topics, final ? "true" : "false"};
    archive_query(core->archive, QUERY_TOPICS_END, values, end_kept, job);
}

/* Whether VALUE is one line of a few printable characters. */
static bool topic_is_fine(const json_t *value)
{
    const char *text = assist_text(value, TOPIC_BYTES_MAX);
    bool seen = false;
    glong count;
    if (!text || strlen(text) != json_string_length(value))
        return false;
    g_autofree gunichar *characters = g_utf8_to_ucs4_fast(text, -1, &count);
    for (glong i = 0; i < count; i++) {
        GUnicodeType type = g_unichar_type(characters[i]);
        bool joins = characters[i] == 0x200c || characters[i] == 0x200d; /* words, and emoji */
        if (type == G_UNICODE_CONTROL || (type == G_UNICODE_FORMAT && !joins) ||
            type == G_UNICODE_LINE_SEPARATOR || type == G_UNICODE_PARAGRAPH_SEPARATOR)
            return false;
        seen = seen || g_unichar_isgraph(characters[i]);
    }
    return seen && count <= TOPIC_CHARACTERS_MAX;
}

/* The outputs of ANSWER as JSON; NULL: they are no list of topics. The caller frees it. */
static char *topics_read(const json_t *answer)
{
    const json_t *outputs = json_object_get(answer, "outputs");
    size_t count = json_array_size(outputs);
    if (!json_is_array(outputs) || count > TOPICS_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (!topic_is_fine(json_array_get(outputs, i)))
            return NULL;
    return json_dumps(outputs, JSON_COMPACT);
}

static void on_answer(const json_t *answer, void *data)
{
    char *topics = topics_read(answer);
    end_submit(data, topics, json_is_string(json_object_get(answer, "error")));
    free(topics);
}

static void topics_begun(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    if (error != ERROR_NONE || rows_count(rows) == 0) {
        job_conclude(job, error, false);
        return;
    }
    if (!assist_is_there()) {
        end_submit(job, NULL, true);
        return;
    }
    json_t *inputs = json_loads(rows_text(rows, 0, TOPICS_BEGIN_INPUTS), 0, NULL);
    json_t *question = json_pack("{s:s, s:i, s:o*}", "conversation_id",
                                 rows_text(rows, 0, TOPICS_BEGIN_CONVERSATION_ID), "outputs_max",
                                 TOPICS_MAX, "inputs", inputs);
    if (!assist_ask("topics", question, on_answer, job))
        end_submit(job, NULL, false);
}

static void topics_run(struct job *job)
{
    struct uuid id;
    if (!uuid_parse(job_key(job), &id)) {
        job_end(job, JOB_DONE, NULL, NULL);
        return;
    }
    archive_query(job_core(job)->archive, QUERY_TOPICS_BEGIN, (const char *[]){job_key(job)},
                  topics_begun, job);
}

static void reap_topics(struct job *job)
{
    job_reap(job, QUERY_REAP_TOPICS, (const char *[]){"2000"});
}

static const struct job_kind jobs[] = {
    {.name = "conversation.topics",
     .lock = 120,
     .retry = 5,
     .retry_max = 60,
     .pool = JOB_SLOW,
     .run = topics_run},
    {.name = "reap.topics", .interval = DAY, .run = reap_topics},
    {0},
};

const struct feature feature_topics = {.name = "topics", .jobs = jobs};
