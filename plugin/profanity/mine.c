/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "plugin/profanity/mine.h"
#include "plugin/profanity/service.h"

#define POLL_OPTIONS_MAX 20

/* A command that is under way: where its answer is shown, and what is to be done with a
 * conversation that had to be found first. */
struct task {
    char *address; /* NULL: no chat */
    bool room;
    const char *node;  /* of the command, or of the one behind the conversation */
    const char *said;  /* when it is done */
    char *name, *text; /* a value of that, and another; NULL: none */
    char *other, *other_text;
    service_done listed; /* NULL: SAID is all */
};

static GPtrArray *requests, *scheduled; /* char *, ids as they were listed last; NULL: never */

static void task_free(gpointer data)
{
    struct task *task = data;
    g_free(task->address);
    g_free(task->name);
    g_free(task->text);
    g_free(task->other);
    g_free(task->other_text);
    g_free(task);
}

static struct task *task_new(const struct place *place, const char *node, const char *said)
{
    struct task *task = g_new0(struct task, 1);
    task->address = g_strdup(place->address);
    task->room = place->room;
    task->node = node;
    task->said = said;
    return task;
}

static void task_show(const struct task *task, const char *line)
{
    place_show(&(struct place){.address = task->address, .room = task->room}, line);
}

static void problem_show(const struct task *task, const char *problem)
{
    g_autofree char *line = g_strdup_printf("* Not done: %s", problem);
    task_show(task, line);
}

static void task_ended(const struct service_answer *answer, void *data)
{
    const struct task *task = data;
    if (answer->problem)
        problem_show(task, answer->problem);
    else if (task->listed)
        task->listed(answer, data);
    else
        task_show(task, task->said);
}

/* CONVERSATION may be NULL. */
static void task_send(struct task *task, const char *conversation)
{
    const char *values[4][2] = {{NULL, NULL}};
    size_t count = 0;
    struct place place = {.address = task->address, .room = task->room};
    g_autofree char *address = g_strdup(task->address);
    place.address = address;
    if (conversation) {
        values[count][0] = "conversation_id";
        values[count++][1] = conversation;
    }
    if (task->name) {
        values[count][0] = task->name;
        values[count++][1] = task->text;
    }
    if (task->other) {
        values[count][0] = task->other;
        values[count++][1] = task->other_text;
    }
    values[count][0] = NULL;
    if (!service_ask(task->node, values, task_ended, task, task_free))
        place_show(&place, "* Not sent; /trestle service DOMAIN says whom to ask.");
}

/* DATA is a pointer to the task, which lives on. */
static void conversation_found(const struct service_answer *answer, void *data)
{
    struct task **holder = data, *task = *holder;
    const char *id = g_hash_table_lookup(answer->fields, "id");
    if (answer->problem || !id) {
        problem_show(task, answer->problem ? answer->problem : "there is no such conversation");
        return;
    }
    *holder = NULL;
    task_send(task, id);
}

static void holder_free(gpointer data)
{
    struct task **holder = data;
    if (*holder)
        task_free(*holder);
    g_free(holder);
}

/* The command needs the conversation of the open chat. */
static void task_send_in_chat(struct task *task)
{
    const char *values[][2] = {{"jid", task->address}, {NULL, NULL}};
    struct task **holder = g_new(struct task *, 1);
    struct place place = {.room = task->room};
    g_autofree char *address = g_strdup(task->address);
    place.address = address;
    *holder = task;
    if (!service_ask("conversation", values, conversation_found, holder, holder_free))
        place_show(&place, "* Not sent; /trestle service DOMAIN says whom to ask.");
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static const char *member(const struct service_item *item, const char *name)
{
    const char *text = g_hash_table_lookup(item->members, name);
    return text ? text : "";
}

/* A time as it is here. The caller frees it. */
static char *time_shown(const char *text)
{
    g_autoptr(GDateTime) time = g_date_time_new_from_iso8601(text, NULL);
    g_autoptr(GDateTime) local = time ? g_date_time_to_local(time) : NULL;
    return local ? g_date_time_format(local, "%Y-%m-%d %H:%M") : g_strdup(text);
}

typedef char *(*item_words)(const struct service_item *item);

/* Shows ITEMS with their numbers; *IDS is what they are from now on, unless IDS is NULL. */
static void items_show(const struct task *task, GPtrArray *items, GPtrArray **ids, item_words words)
{
    if (ids) {
        g_clear_pointer(ids, g_ptr_array_unref);
        *ids = g_ptr_array_new_with_free_func(g_free);
    }
    for (guint i = 0; i < items->len; i++) {
        const struct service_item *item = items->pdata[i];
        g_autofree char *said = words(item);
        g_autofree char *line = g_strdup_printf("* %u  %s", i + 1, said);
        if (ids)
            g_ptr_array_add(*ids, g_strdup(member(item, "id")));
        task_show(task, line);
    }
    if (items->len == 0)
        task_show(task, "* There is nothing.");
}

/* The id with NUMBER of what was listed last; NULL: none, which was said. */
static const char *listed_id(const struct place *place, const GPtrArray *ids, const char *number)
{
    guint64 value;
    if (ids && number && g_ascii_string_to_unsigned(number, 10, 1, ids->len, &value, NULL))
        return ids->pdata[value - 1];
    place_show(place, "* There is no such number; list them first.");
    return NULL;
}

/* ---- Whom to ask ----------------------------------------------------------------------------- */

void mine_service(const struct place *place, char *const *words)
{
    if (words[0])
        service_set_domain(words[0]);
    g_autofree char *domain = service_domain();
    g_autofree char *line = g_strdup_printf("* Commands of yours go to %s.",
                                            domain ? domain : "nobody: /trestle service DOMAIN");
    place_show(place, line);
}

/* ---- Requests -------------------------------------------------------------------------------- */

static char *request_words(const struct service_item *item)
{
    const char *who = member(item, "participant"), *name = member(item, "name");
    return g_strdup_printf("%s%s%s", *who ? who : name, *member(item, "note") ? ": " : "",
                           member(item, "note"));
}

static void requests_listed(const struct service_answer *answer, void *data)
{
    items_show(data, answer->items, &requests, request_words);
}

void mine_requests(const struct place *place, char *const *words)
{
    (void)words;
    struct task *task = task_new(place, "requests", NULL);
    task->listed = requests_listed;
    task_send(task, NULL);
}

static void request_answer(const struct place *place, const char *number, const char *node,
                           const char *said)
{
    const char *id = listed_id(place, requests, number);
    if (id)
        task_send(task_new(place, node, said), id);
}

void mine_accept(const struct place *place, char *const *words)
{
    request_answer(place, words[0], "accept", "* You talk to each other now.");
}

void mine_decline(const struct place *place, char *const *words)
{
    request_answer(place, words[0], "decline", "* That will not come again.");
}

/* ---- Later ----------------------------------------------------------------------------------- */

/* "+90m", "+2h", "+1d"; NULL: it is none. */
static GDateTime *time_after(const char *word, GDateTime *now)
{
    guint64 count;
    size_t length = strlen(word);
    if (word[0] != '+' || length < 3)
        return NULL;
    g_autofree char *digits = g_strndup(word + 1, length - 2);
    if (!g_ascii_string_to_unsigned(digits, 10, 1, 10000, &count, NULL))
        return NULL;
    switch (word[length - 1]) {
    case 'm':
        return g_date_time_add_minutes(now, (gint)count);
    case 'h':
        return g_date_time_add_hours(now, (gint)count);
    case 'd':
        return g_date_time_add_days(now, (gint)count);
    default:
        return NULL;
    }
}

/* "18:30": the next time that it is so here. */
static GDateTime *time_of_day(const char *word, GDateTime *now)
{
    g_auto(GStrv) parts = g_strsplit(word, ":", -1);
    guint64 hour, minute;
    if (g_strv_length(parts) != 2 ||
        !g_ascii_string_to_unsigned(parts[0], 10, 0, 23, &hour, NULL) ||
        !g_ascii_string_to_unsigned(parts[1], 10, 0, 59, &minute, NULL))
        return NULL;
    GDateTime *at =
        g_date_time_new_local(g_date_time_get_year(now), g_date_time_get_month(now),
                              g_date_time_get_day_of_month(now), (gint)hour, (gint)minute, 0);
    if (!at || g_date_time_compare(at, now) > 0)
        return at;
    GDateTime *tomorrow = g_date_time_add_days(at, 1);
    g_date_time_unref(at);
    return tomorrow;
}

/* When WORD is, as RFC 3339 has it; NULL: it is no time. The caller frees it. */
static char *time_meant(const char *word)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_local();
    g_autoptr(GTimeZone) here = g_time_zone_new_local();
    g_autoptr(GDateTime) at = time_after(word, now);
    if (!at)
        at = time_of_day(word, now);
    if (!at)
        at = g_date_time_new_from_iso8601(word, here);
    g_autoptr(GDateTime) utc = at ? g_date_time_to_utc(at) : NULL;
    return utc ? g_date_time_format(utc, "%Y-%m-%dT%H:%M:%SZ") : NULL;
}

void mine_schedule(const struct place *place, char *const *words)
{
    char *at = words[0] ? time_meant(words[0]) : NULL;
    if (!at || !words[1]) {
        place_show(place, "* /trestle schedule TIME TEXT, where TIME is 18:30, +90m, +2h, +1d or "
                          "2030-01-31T18:30");
        g_free(at);
        return;
    }
    struct task *task = task_new(place, "schedule", "* It will be said then.");
    task->name = g_strdup("content");
    task->text = g_strdup(words[1]);
    task->other = g_strdup("scheduled_for");
    task->other_text = at;
    task_send_in_chat(task);
}

static char *scheduled_words(const struct service_item *item)
{
    g_autofree char *at = time_shown(member(item, "scheduled_for"));
    return g_strdup_printf("%s  %s", at, member(item, "content"));
}

static void scheduled_listed(const struct service_answer *answer, void *data)
{
    items_show(data, answer->items, &scheduled, scheduled_words);
}

void mine_scheduled(const struct place *place, char *const *words)
{
    (void)words;
    struct task *task = task_new(place, "scheduled", NULL);
    task->listed = scheduled_listed;
    task_send_in_chat(task);
}

void mine_unschedule(const struct place *place, char *const *words)
{
    const char *id = listed_id(place, scheduled, words[0]);
    if (!id)
        return;
    struct task *task = task_new(place, "unschedule", "* It will not be said.");
    task->name = g_strdup("scheduled_id");
    task->text = g_strdup(id);
    task_send(task, NULL);
}

/* ---- Polls ----------------------------------------------------------------------------------- */

static void json_append(GString *json, const char *text)
{
    g_string_append_c(json, '"');
    for (const char *at = text; *at; at++) {
        if (*at == '"' || *at == '\\')
            g_string_append_c(json, '\\');
        if ((guchar)*at >= 0x20)
            g_string_append_c(json, *at);
    }
    g_string_append_c(json, '"');
}

/* LINE is "Question? | one | other"; NULL: it is not. The caller frees it. */
static char *poll_json(const char *line)
{
    g_auto(GStrv) parts = g_strsplit(line, "|", POLL_OPTIONS_MAX + 2);
    guint count = g_strv_length(parts);
    g_autoptr(GString) json = g_string_new("{\"question\":");
    if (count < 3 || count > POLL_OPTIONS_MAX + 1)
        return NULL;
    for (guint i = 0; i < count; i++) {
        if (!*g_strstrip(parts[i]))
            return NULL;
        if (i > 0)
            g_string_append(json, i == 1 ? ",\"options\":[" : ",");
        json_append(json, parts[i]);
    }
    g_string_append(json, "]}");
    return g_string_free(g_steal_pointer(&json), FALSE);
}

void mine_poll(const struct place *place, char *const *words)
{
    g_autofree char *line =
        words[0] ? g_strjoin(" ", words[0], words[1] ? words[1] : "", NULL) : NULL;
    char *json = line ? poll_json(line) : NULL;
    if (!json) {
        place_show(place, "* /trestle poll QUESTION | OPTION | OPTION …");
        return;
    }
    struct task *task = task_new(place, "poll", "* The poll is asked; /trestle vote votes in it.");
    task->name = g_strdup("poll");
    task->text = json;
    task_send_in_chat(task);
}

void mine_close(const struct place *place, const char *id)
{
    struct task *task = task_new(place, "poll-close", "* The poll is closed.");
    task->name = g_strdup("message_id");
    task->text = g_strdup(id);
    task_send(task, NULL);
}

/* ---- Calls ----------------------------------------------------------------------------------- */

static char *call_words(const struct service_item *item)
{
    g_autofree char *at = time_shown(member(item, "created_at"));
    bool out = strcmp(member(item, "direction"), "outgoing") == 0;
    const char *seconds = member(item, "duration_seconds");
    return g_strdup_printf("%s  %s %s  %s, %s%s%s", at, out ? "to" : "from",
                           member(item, out ? "callee" : "caller"), member(item, "call_type"),
                           member(item, "status"), *seconds ? ", seconds: " : "", seconds);
}

static void calls_listed(const struct service_answer *answer, void *data)
{
    items_show(data, answer->items, NULL, call_words);
}

void mine_calls(const struct place *place, char *const *words)
{
    (void)words;
    struct task *task = task_new(place, "calls", NULL);
    task->listed = calls_listed;
    task_send(task, NULL);
}

void mine_clear(void)
{
    g_clear_pointer(&requests, g_ptr_array_unref);
    g_clear_pointer(&scheduled, g_ptr_array_unref);
}
