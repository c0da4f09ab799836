/* SPDX-License-Identifier: GPL-3.0-or-later */
/* On the bus: a question { "ask", "topic", "question" } to all, and answers { "to", "ask", "yes" }.
 */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/cluster/ask.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "bridge/core/part.h"
#include "bridge/loop/loop.h"

#define TOPIC_ASK "ask.question"
#define TOPIC_ANSWER "ask.answer"
#define PATIENCE 1000 /* milliseconds */
#define SERVERS_MAX 16

struct asks {
    GHashTable *open; /* gint64 * → struct asking * */
    gint64 last;
    struct {
        const char *topic;
        ask_answer answer;
    } servers[SERVERS_MAX];
    unsigned server_count;
};

struct asking {
    struct core *core;
    gint64 number;
    char *topic;
    json_t *question;
    GHashTable *waiting; /* names of instances that have not answered; NULL: not asked yet */
    enum ask_result result;
    guint timer;
    ask_done done;
    void *data;
};

static const struct part part = {.name = "ask"};

static struct asks *asks_of(const struct core *core)
{
    return part_state(core, &part);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

static void asking_end(void *data)
{
    struct asking *asking = data;
    struct asks *asks = asks_of(asking->core);
    if (asks)
        g_hash_table_remove(asks->open, &asking->number);
    if (asking->timer)
        g_source_remove(asking->timer);
    asking->done(asking->core, asking->result, asking->data);
    if (asking->waiting)
        g_hash_table_unref(asking->waiting);
    json_decref(asking->question);
    g_free(asking->topic);
    g_free(asking);
}

static gboolean on_patience(gpointer data)
{
    struct asking *asking = data;
    asking->timer = 0;
    asking->result = ASK_UNKNOWN;
    asking_end(asking);
    return G_SOURCE_REMOVE;
}

/* The others are known by now. */
static gboolean on_settled(gpointer data)
{
    struct asking *asking = data;
    struct core *core = asking->core;
    g_auto(GStrv) names = bus_instance_names(core);
    asking->waiting = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    asking->timer = 0;
    asking->result = ASK_NO;
    for (guint i = 0; names[i]; i++)
        g_hash_table_add(asking->waiting, g_strdup(names[i]));
    if (!names[0]) {
        asking_end(asking);
        return G_SOURCE_REMOVE;
    }
    asking->timer = g_timeout_add(PATIENCE, on_patience, asking);
    if (!bus_publish(core, TOPIC_ASK,
                     json_pack("{s:I, s:s, s:O}", "ask", (json_int_t)asking->number, "topic",
                               asking->topic, "question", asking->question))) {
        asking->result = ASK_UNKNOWN;
        asking_end(asking);
    }
    return G_SOURCE_REMOVE;
}

void ask_others(struct core *core, const char *topic, json_t *question, ask_done done, void *data)
{
    struct asks *asks = asks_of(core);
    struct asking *asking = g_new0(struct asking, 1);
    *asking = (struct asking){.core = core,
                              .topic = g_strdup(topic),
                              .question = question,
                              .result = ASK_NO,
                              .done = done,
                              .data = data};
    bool full = asks && g_hash_table_size(asks->open) >= ASKS_MAX;
    if (!asks || full || !bus_is_up(core)) {
        asking->result = asks ? ASK_UNKNOWN : ASK_NO;
        loop_defer(asking_end, asking);
        return;
    }
    asking->number = ++asks->last;
    g_hash_table_insert(asks->open, &asking->number, asking);
    asking->timer = g_timeout_add(bus_settling(core), on_settled, asking);
}

static void asking_heard(struct asking *asking, const char *instance, bool yes)
{
    if (!asking->waiting || !g_hash_table_remove(asking->waiting, instance))
        return;
    if (yes)
        asking->result = ASK_YES;
    if (yes || g_hash_table_size(asking->waiting) == 0)
        asking_end(asking);
}

static void on_answer(struct core *core, const json_t *message, void *data)
{
    gint64 number = json_integer_value(json_object_get(message, "ask"));
    const char *to = json_string_value(json_object_get(message, "to"));
    struct asking *asking = g_hash_table_lookup(asks_of(core)->open, &number);
    (void)data;
    if (asking && g_strcmp0(to, bus_instance(core)) == 0)
        asking_heard(asking, bus_sender(core), json_is_true(json_object_get(message, "yes")));
}

/* Whoever is gone has nothing to say. */
static void on_instance(struct core *core, const char *instance, bool here, void *data)
{
    (void)data;
    if (here)
        return;
    g_autoptr(GList) open = g_hash_table_get_values(asks_of(core)->open);
    for (GList *link = open; link; link = link->next)
        asking_heard(link->data, instance, false);
}

/* ---- Answering ------------------------------------------------------------------------------- */

void ask_serve(struct core *core, const char *topic, ask_answer answer)
{
    struct asks *asks = asks_of(core);
    if (!asks)
        return;
    g_return_if_fail(asks->server_count < SERVERS_MAX);
    asks->servers[asks->server_count].topic = topic;
    asks->servers[asks->server_count++].answer = answer;
}

static void on_ask(struct core *core, const json_t *message, void *data)
{
    const struct asks *asks = asks_of(core);
    const char *topic = json_string_value(json_object_get(message, "topic"));
    const json_t *question = json_object_get(message, "question");
    bool yes = false;
    (void)data;
    for (unsigned i = 0; i < asks->server_count && !yes; i++) {
        if (g_strcmp0(asks->servers[i].topic, topic) == 0)
            yes = asks->servers[i].answer(core, question);
    }
    bus_publish(core, TOPIC_ANSWER,
                json_pack("{s:s, s:I, s:b}", "to", bus_sender(core), "ask",
                          json_integer_value(json_object_get(message, "ask")), "yes", yes));
}

/* ---- For the wiring -------------------------------------------------------------------------- */

void ask_init(struct core *core)
{
    if (!bus_instance(core))
        return;
    struct asks *asks = g_new0(struct asks, 1);
    asks->open = g_hash_table_new(g_int64_hash, g_int64_equal);
    part_add(core, &part, asks);
    bus_subscribe(core, TOPIC_ASK, on_ask, NULL);
    bus_subscribe(core, TOPIC_ANSWER, on_answer, NULL);
    bus_watch_instances(core, on_instance, NULL);
}

void ask_clear(struct core *core)
{
    struct asks *asks = asks_of(core);
    if (!asks)
        return;
    g_autoptr(GList) open = g_hash_table_get_values(asks->open);
    for (GList *link = open; link; link = link->next) {
        struct asking *asking = link->data;
        asking->result = ASK_UNKNOWN;
        asking_end(asking);
    }
    part_remove(core, &part);
    g_hash_table_unref(asks->open);
    g_free(asks);
}
