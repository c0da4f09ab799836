/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. A line is what waits for one conversation, in one direction if it came by XMPP;
 * the hook is asked about the first of it. */
#include "config.h"

#include <jansson.h>

#include "bridge/archive/archive.h"
#include "bridge/archive/write_kinds.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/hook.h"
#include "bridge/core/message.h"
#include "bridge/core/part.h"
#include "bridge/loop/http_client.h"
#include "bridge/loop/loop.h"
#include "bridge/message/judge.h"

#define WAITING_MAX 1000 /* messages, all together */
#define ASKED_MAX 64     /* at a time */
#define FAILURES_MAX 5
#define PAUSE (10 * G_USEC_PER_SEC)
#define REASONS_MAX 10
#define REASON_MAX 100 /* bytes */

struct judge {
    struct core *core;
    struct http_client *client;
    struct hook hook;
    GHashTable *lines; /* text → struct line */
    unsigned waiting;
    bool ending;
};

struct line {
    struct judge *judge;
    char *key;
    GQueue messages; /* struct message_write; those that were asked about have a refusal */
};

static const struct part judge_part;

static char *line_key(const struct message_write *m)
{
    char id[UUID_TEXT_SIZE];
    if (m->write.kind == WRITE_RECEIVE)
        return g_strjoin(" ", m->from, m->to, m->room, NULL);
    uuid_format(&m->conversation, id);
    return g_strdup(id);
}

static void line_free(gpointer data)
{
    struct line *line = data;
    g_free(line->key);
    g_free(line);
}

static struct line *line_of(struct judge *judge, const struct message_write *m, bool make)
{
    g_autofree char *key = line_key(m);
    struct line *line = g_hash_table_lookup(judge->lines, key);
    if (!line && make) {
        line = g_new0(struct line, 1);
        line->judge = judge;
        line->key = g_steal_pointer(&key);
        g_queue_init(&line->messages);
        g_hash_table_insert(judge->lines, line->key, line);
    }
    return line;
}

static struct message_write *line_pop(struct line *line)
{
    line->judge->waiting--;
    metric_set(METRIC_SPAM_HOOK_WAITING, line->judge->waiting);
    return g_queue_pop_head(&line->messages);
}

/* ---- Verdicts -------------------------------------------------------------------------------- */

static const char *action_in(const json_t *answer)
{
    static const char *const actions[] = {"allow", "filter", "block"};
    const char *said = json_string_value(json_object_get(answer, "action"));
    for (size_t i = 0; said && i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(said, actions[i]) == 0)
            return actions[i];
    }
    return NULL;
}

static json_t *reasons_in(const json_t *answer)
{
    json_t *reasons = json_array();
    const json_t *said = json_object_get(answer, "reasons");
    for (size_t i = 0; i < json_array_size(said) && i < REASONS_MAX; i++) {
        const char *reason = json_string_value(json_array_get(said, i));
        if (reason && strlen(reason) <= REASON_MAX && !strchr(reason, '\n'))
            json_array_append_new(reasons, json_string(reason));
    }
    return reasons;
}

/* What message_store() takes; NULL: it is no answer. */
static json_t *verdict_of(const json_t *answer)
{
    const char *action = answer ? action_in(answer) : NULL;
    if (!action)
        return NULL;
    json_t *reasons = reasons_in(answer);
    double confidence = json_number_value(json_object_get(answer, "confidence"));
    if (json_array_size(reasons) == 0 && strcmp(action, "allow") != 0)
        json_array_append_new(reasons, json_string("hook"));
    return json_pack("{s:s, s:i, s:o, s:s}", "action", action, "confidence",
                     (int)(CLAMP(confidence, 0.0, 1.0) * 100), "reasons", reasons, "source",
                     "hook");
}

/* What stands for an answer; NULL: the message cannot be taken now. */
static json_t *verdict_without(const struct options *options)
{
    const char *failure = options->spam_hook_failure;
    if (strcmp(failure, "refuse") == 0)
        return NULL;
    return json_pack("{s:s, s:i, s:[s], s:s}", "action", failure, "confidence", 0, "reasons",
                     "hook_unavailable", "source", "fallback");
}

/* M goes on with VERDICT (taken), or, without one, comes back as what could not be taken. */
static void message_goes(struct judge *judge, struct message_write *m, json_t *verdict)
{
    g_clear_pointer(&m->refusal, g_free);
    if (!verdict) {
        m->write.done(&m->write, ERROR_NONE);
        return;
    }
    struct message_write *again = message_write_again(m);
    char *text = json_dumps(verdict, JSON_COMPACT);
    again->verdict = g_strdup(text);
    free(text);
    json_decref(verdict);
    archive_write(judge->core->archive, &again->write);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void line_go_on(struct line *line);

static void on_verdict(const json_t *answer, void *data)
{
    struct line *line = data;
    struct judge *judge = line->judge;
    json_t *verdict = verdict_of(answer);
    message_goes(judge, line_pop(line), verdict ? verdict : verdict_without(judge->core->options));
    line_go_on(line);
    loop_wake();
}

static json_t *question_of(const struct message_write *m)
{
    char id[UUID_TEXT_SIZE];
    json_t *data = json_loads(m->refusal, 0, NULL);
    uuid_format(&m->own_id, id);
    json_object_set_new(data, "message_id", json_string(id));
    json_object_set_new(data, "content", m->body ? json_string(m->body) : json_null());
    if (m->details)
        json_object_set_new(data, "carries", json_loads(m->details, 0, NULL));
    return json_pack("{s:s, s:o}", "type", "message.check", "data", data);
}

/* What has not been written yet is written; the hook is asked about the first that has. */
static void line_go_on(struct line *line)
{
    struct judge *judge = line->judge;
    struct message_write *m;
    while ((m = g_queue_peek_head(&line->messages))) {
        if (!m->refusal) {
            archive_write(judge->core->archive, &line_pop(line)->write);
        } else if (judge->ending || !hook_ask(&judge->hook, question_of(m), on_verdict, line)) {
            message_goes(judge, line_pop(line), verdict_without(judge->core->options));
        } else {
            return;
        }
    }
    g_hash_table_remove(judge->lines, line->key);
}

static void line_push(struct line *line, struct message_write *m)
{
    line->judge->waiting++;
    metric_set(METRIC_SPAM_HOOK_WAITING, line->judge->waiting);
    g_queue_push_tail(&line->messages, m);
}

/* Whether M, which was not written yet, waits here now. */
static bool judge_holds(struct core *core, struct message_write *m)
{
    struct judge *judge = part_state(core, &judge_part);
    struct line *line = g_hash_table_size(judge->lines) ? line_of(judge, m, false) : NULL;
    if (!line || judge->waiting >= WAITING_MAX)
        return false;
    line_push(line, m);
    return true;
}

/* Whether M, which came back with a question, waits for its answer now. */
static bool judge_takes(struct core *core, struct message_write *m)
{
    struct judge *judge = part_state(core, &judge_part);
    struct line *line = line_of(judge, m, false);
    if (judge->waiting >= WAITING_MAX || !m->refusal)
        return false;
    bool first = !line;
    if (first)
        line = line_of(judge, m, true);
    line_push(line, m);
    if (first)
        line_go_on(line);
    return true;
}

static const struct message_judge message_judge = {.holds = judge_holds, .takes = judge_takes};

/* ---- The part -------------------------------------------------------------------------------- */

/* Nobody is waited for any more. */
static void judge_drain(struct core *core)
{
    struct judge *judge = part_state(core, &judge_part);
    judge->ending = true;
    g_clear_pointer(&judge->client, http_client_free);
    judge->hook.client = NULL;
}

static const struct part judge_part = {.name = "judge", .drain = judge_drain};

void judge_start(struct core *core)
{
    const struct options *options = core->options;
    if (!options->spam_hook_url || !*options->spam_hook_url)
        return;
    struct judge *judge = g_new0(struct judge, 1);
    judge->core = core;
    judge->client = http_client_new(ASKED_MAX);
    judge->lines = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, line_free);
    judge->hook = (struct hook){.client = judge->client,
                                .url = options->spam_hook_url,
                                .secret = options->spam_hook_secret,
                                .timeout = (unsigned)options->spam_hook_timeout,
                                .breaker = {.failures_max = FAILURES_MAX,
                                            .pause = PAUSE,
                                            .gauge = METRIC_SPAM_HOOK_BREAKER},
                                .asked = METRIC_SPAM_HOOK_ASKED,
                                .failed = METRIC_SPAM_HOOK_FAILED};
    part_add(core, &judge_part, judge);
    core->judge = &message_judge;
    log_info(AREA_CORE, "spam-hook", "timeout=%u failure=%s", judge->hook.timeout,
             options->spam_hook_failure);
}

void judge_stop(struct core *core)
{
    if (!core->judge)
        return;
    core->judge = NULL;
    struct judge *judge = part_remove(core, &judge_part);
    http_client_free(judge->client);
    g_hash_table_unref(judge->lines);
    g_free(judge);
}
