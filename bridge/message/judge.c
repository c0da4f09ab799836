/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. A line is what waits for one conversation, in one direction if it came by XMPP;
 * the hook is asked about the first of it. */
#include "config.h"

#include <jansson.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/archive/write_kinds.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/hook.h"
#include "bridge/core/message.h"
#include "bridge/core/part.h"
#include "bridge/core/request.h"
#include "bridge/loop/http_client.h"
#include "bridge/loop/loop.h"
#include "bridge/message/judge.h"
#include "bridge/message/link_check.h"

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
    bool all; /* every text of app users is asked about */
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
static json_t *verdict_of(const json_t *answer, bool all)
{
    const char *action = answer ? action_in(answer) : NULL;
    if (!action)
        return NULL;
    json_t *reasons = reasons_in(answer);
    double confidence = json_number_value(json_object_get(answer, "confidence"));
    if (json_array_size(reasons) == 0 && strcmp(action, "allow") != 0)
        json_array_append_new(reasons, json_string("hook"));
    json_t *verdict =
        json_pack("{s:s, s:i, s:o, s:s}", "action", action, "confidence",
                  (int)(CLAMP(confidence, 0.0, 1.0) * 100), "reasons", reasons, "source", "hook");
    if (all)
        json_object_set_new(verdict, "all", json_true());
    return verdict;
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
    const char *action = json_string_value(json_object_get(verdict, "action"));
    struct message_write *again = message_write_again(m);
    again->blocked = judge->all && g_strcmp0(action, "block") == 0;
    char *text = json_dumps(verdict, JSON_COMPACT);
    again->verdict = g_strdup(text);
    free(text);
    json_decref(verdict);
    archive_write(judge->core->archive, &again->write);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void line_go_on(struct line *line);

/* A link of a message leads where nobody should go. */
static json_t *verdict_of_links(const struct judge *judge)
{
    json_t *verdict = json_pack("{s:s, s:i, s:[s], s:s}", "action", "block", "confidence", 95,
                                "reasons", "unsafe_link", "source", "hook");
    if (judge->all)
        json_object_set_new(verdict, "all", json_true());
    return verdict;
}

static void on_verdict(const json_t *answer, void *data)
{
    struct line *line = data;
    struct judge *judge = line->judge;
    json_t *verdict = verdict_of(answer, judge->all);
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

/* The first of LINE has no link that is known to be dangerous. */
static void line_ask(struct line *line)
{
    struct judge *judge = line->judge;
    const struct message_write *m = g_queue_peek_head(&line->messages);
    json_t *verdict = NULL;
    if (!judge->hook.url)
        verdict = json_pack("{s:s, s:i, s:[], s:s}", "action", "allow", "confidence", 0, "reasons",
                            "source", "checks");
    else if (!judge->ending && hook_ask(&judge->hook, question_of(m), on_verdict, line))
        return;
    else
        verdict = verdict_without(judge->core->options);
    message_goes(judge, line_pop(line), verdict);
    line_go_on(line);
}

static void on_links(const json_t *threats, void *data)
{
    struct line *line = data;
    if (json_object_size(threats) == 0) {
        line_ask(line);
    } else {
        message_goes(line->judge, line_pop(line), verdict_of_links(line->judge));
        line_go_on(line);
    }
    loop_wake();
}

/* What has not been written yet is written; the hook is asked about the first that has. */
static void line_go_on(struct line *line)
{
    struct judge *judge = line->judge;
    struct message_write *m;
    while ((m = g_queue_peek_head(&line->messages))) {
        if (!m->refusal) {
            archive_write(judge->core->archive, &line_pop(line)->write);
        } else {
            link_check_ask(judge->ending ? json_array() : link_check_find(m->body), on_links, line);
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

/* Whether M, which was not written yet, is to be asked about at once: what an app user says. */
static bool is_for_all(const struct judge *judge, const struct message_write *m)
{
    return judge->all && m->write.kind == WRITE_MESSAGE && !m->verdict && (m->body || m->details);
}

static json_t *question_for_all(const struct core *core, const struct uuid *user,
                                const struct uuid *conversation)
{
    char sender[UUID_TEXT_SIZE], place[UUID_TEXT_SIZE];
    const struct account *account = account_find(core->accounts, user);
    uuid_format(user, sender);
    if (conversation)
        uuid_format(conversation, place);
    return json_pack("{s:s*, s:s, s:{s:s, s:s?}}", "conversation_id", conversation ? place : NULL,
                     "scope", "all", "sender", "id", sender, "jid", account ? account->jid : NULL);
}

static bool judge_takes(struct core *core, struct message_write *m);

/* Whether M, which was not written yet, waits here now. */
static bool judge_holds(struct core *core, struct message_write *m)
{
    struct judge *judge = part_state(core, &judge_part);
    if (is_for_all(judge, m)) {
        m->own_id = m->id;
        m->write.outcome = OUTCOME_ASKED;
        json_t *question = question_for_all(core, &m->sender, &m->conversation);
        char *text = json_dumps(question, JSON_COMPACT);
        m->refusal = g_strdup(text);
        free(text);
        json_decref(question);
        if (!judge_takes(core, m))
            message_goes(judge, m, verdict_without(core->options));
        return true;
    }
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

/* ---- Texts that are no new messages --------------------------------------------------------- */

struct judging {
    struct judge *judge;
    struct uuid user, object;
    judged_done done;
    void *data;
};

static void forbid_noted(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    (void)data;
    if (error != ERROR_NONE)
        log_error(AREA_CORE, "block-unwritten", "code=%s", error_info(error)->code);
}

static void text_goes(struct judging *judging, json_t *verdict)
{
    struct core *core = judging->judge->core;
    const char *action = json_string_value(json_object_get(verdict, "action"));
    const json_t *reasons = json_object_get(verdict, "reasons");
    const char *reason = json_string_value(json_array_get(reasons, 0));
    bool blocked = action && strcmp(action, "block") == 0;
    if (blocked && core->archive) {
        char user[UUID_TEXT_SIZE], object[UUID_TEXT_SIZE];
        uuid_format(&judging->user, user);
        uuid_format(&judging->object, object);
        archive_query(core->archive, QUERY_SPAM_FORBID, (const char *[]){user, object, reason},
                      forbid_noted, NULL);
    }
    judging->done(blocked ? reason : NULL, verdict ? ERROR_NONE : ERROR_UNAVAILABLE, judging->data);
    json_decref(verdict);
    g_free(judging);
}

static void on_text_verdict(const json_t *answer, void *data)
{
    struct judging *judging = data;
    json_t *verdict = verdict_of(answer, true);
    text_goes(judging, verdict ? verdict : verdict_without(judging->judge->core->options));
    loop_wake();
}

static bool judge_judges(struct core *core, const struct judged_text *text, judged_done done,
                         void *data)
{
    struct judge *judge = part_state(core, &judge_part);
    char object[UUID_TEXT_SIZE];
    struct judging *judging = g_new0(struct judging, 1);
    *judging = (struct judging){judge, text->user, text->object, done, data};
    json_t *question = question_for_all(core, &text->user, NULL);
    uuid_format(&text->object, object);
    json_object_set_new(question, "object_id", json_string(object));
    json_object_set_new(question, "content", text->text ? json_string(text->text) : json_null());
    if (text->details)
        json_object_set_new(question, "carries", json_deep_copy(text->details));
    question = json_pack("{s:s, s:o}", "type", "message.check", "data", question);
    if (judge->ending)
        json_decref(question);
    if (judge->ending || !hook_ask(&judge->hook, question, on_text_verdict, judging))
        text_goes(judging, verdict_without(core->options));
    return true;
}

struct text_request {
    struct request *request;
    void (*next)(struct request *request);
};

static void text_judged(const char *reason, enum error_code error, void *data)
{
    g_autofree struct text_request *asked = data;
    if (error == ERROR_NONE && !reason)
        asked->next(asked->request);
    else
        request_fail(asked->request, error != ERROR_NONE ? error : ERROR_FORBIDDEN, reason);
}

void judge_text(struct request *request, const char *text, const json_t *details,
                const struct uuid *object, void (*next)(struct request *request))
{
    const struct message_judge *judge = request->core->judge;
    if (!judge || !judge->judges || request->by_key || (!text && !details)) {
        next(request);
        return;
    }
    const struct judged_text asked = {text, details, request->account->id, *object};
    struct text_request *waiting = g_new0(struct text_request, 1);
    *waiting = (struct text_request){request, next};
    judge->judges(request->core, &asked, text_judged, waiting);
}

static const struct message_judge of_strangers = {.holds = judge_holds, .takes = judge_takes};
static const struct message_judge of_all = {
    .holds = judge_holds, .takes = judge_takes, .judges = judge_judges};

/* ---- The part -------------------------------------------------------------------------------- */

/* Nobody is waited for any more. */
static void judge_drain(struct core *core)
{
    struct judge *judge = part_state(core, &judge_part);
    judge->ending = true;
    link_check_drain();
    g_clear_pointer(&judge->client, http_client_free);
    judge->hook.client = NULL;
}

static void judge_secrets_read(struct core *core, const struct options *fresh)
{
    struct judge *judge = part_state(core, &judge_part);
    hook_renew(&judge->hook, fresh->spam_hook_secret, core->options->spam_hook_secret);
    link_check_renew(core, fresh);
}

static const struct part judge_part = {
    .name = "judge", .secrets_read = judge_secrets_read, .drain = judge_drain};

void judge_start(struct core *core)
{
    const struct options *options = core->options;
    bool hook = options->spam_hook_url && *options->spam_hook_url;
    link_check_start(core);
    if (!hook && !link_check_is_on())
        return;
    struct judge *judge = g_new0(struct judge, 1);
    judge->core = core;
    judge->client = http_client_new(ASKED_MAX);
    judge->lines = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, line_free);
    judge->hook = (struct hook){.client = judge->client,
                                .url = hook ? options->spam_hook_url : NULL,
                                .secret = options->spam_hook_secret,
                                .timeout = (unsigned)options->spam_hook_timeout,
                                .breaker = {.failures_max = FAILURES_MAX,
                                            .pause = PAUSE,
                                            .gauge = METRIC_SPAM_HOOK_BREAKER},
                                .asked = METRIC_SPAM_HOOK_ASKED,
                                .failed = METRIC_SPAM_HOOK_FAILED};
    part_add(core, &judge_part, judge);
    judge->all = strcmp(options->spam_hook_scope, "all") == 0;
    core->judge = judge->all ? &of_all : &of_strangers;
    if (hook)
        log_info(AREA_CORE, "spam-hook", "timeout=%u failure=%s", judge->hook.timeout,
                 options->spam_hook_failure);
}

void judge_stop(struct core *core)
{
    link_check_stop();
    if (!core->judge)
        return;
    core->judge = NULL;
    struct judge *judge = part_remove(core, &judge_part);
    http_client_free(judge->client);
    g_hash_table_unref(judge->lines);
    g_free(judge);
}
