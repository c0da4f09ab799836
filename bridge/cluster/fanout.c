/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hole is seen by asking for the head of the log, each second: what it was a second ago must have
 * been handed out by now. It is filled for each account with subscribers by the same read that a
 * socket resumes with, up to one position for all; what comes meanwhile waits in the sequencer. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/cluster/fanout.h"
#include "bridge/cluster/sequencer.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/core/part.h"
#include "bridge/core/resume.h"

#define TOPIC "log"
#define SPANS_MAX 4096
#define SPANS_BYTES_MAX (64 * 1024 * 1024)
#define CHUNK_BYTES (256 * 1024) /* of payloads in one message on the bus */
#define AUDIENCE_MAX 10000
#define TICK_MILLISECONDS 250
#define EVENT_AGE_MAX (600 * G_USEC_PER_SEC) /* of what another instance says to have taken */
#define TICKS_CONNECTED 4                    /* between two looks at the head of the log */
#define TICKS_ALONE 1                        /* the same while Redis is away */
#define READS_MAX 4                          /* accounts that are filled at a time */

enum fill_state { FILL_WAITS = 1, FILL_DONE };

struct fanout {
    struct core *core;
    struct sequencer *sequencer;
    struct span *open; /* of the transaction whose completions are being called */
    guint timer;
    guint ticks;
    bool asking; /* for the head of the log */
    gint64 head; /* when last asked */
    /* A hole that is being filled. */
    bool filling;
    gint64 fill_to;
    GQueue fill;        /* struct account *, references */
    GHashTable *filled; /* struct uuid → enum fill_state */
    unsigned reads;
    unsigned generation; /* of the log: reads of an older one are void */
};

struct fill_read {
    struct fanout *fanout;
    struct account *account; /* reference */
    unsigned generation;
};

static void fill_more(struct fanout *fanout);

/* ---- Handing out ----------------------------------------------------------------------------- */

static void hand_out(const struct span_entry *entry, void *data)
{
    struct fanout *fanout = data;
    event_hand_out(fanout->core, entry->event, entry->audience, entry->count);
}

static void fanout_moved(struct fanout *fanout)
{
    fanout->core->position = sequencer_position(fanout->sequencer);
    metric_set(METRIC_SEQUENCER_WAITING, sequencer_waiting(fanout->sequencer));
}

static void add_span(struct fanout *fanout, struct span *span)
{
    sequencer_add(fanout->sequencer, span);
    fanout_moved(fanout);
}

/* ---- Spans on the bus ------------------------------------------------------------------------ */

static json_t *uuid_json(const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return json_string(text);
}

static json_t *entry_json(const struct span_entry *entry)
{
    const struct event *event = entry->event;
    const struct event_parties *parties = &event->parties;
    json_t *audience = json_array();
    gint64 age = event->accepted > 0 ? clock_monotonic() - event->accepted : 0;
    for (guint i = 0; i < entry->count; i++)
        json_array_append_new(audience, uuid_json(&entry->audience[i]));
    return json_pack("{s:s, s:I, s:s, s:s%, s:o, s:o, s:o, s:o, s:I, s:I, s:b, s:I}", "type",
                     event_type_name(event->type), "position", (json_int_t)event->position, "stamp",
                     event->stamp, "payload", event->payload, event->payload_length, "to", audience,
                     "conversation", uuid_json(&parties->conversation), "message",
                     uuid_json(&parties->message), "actor", uuid_json(&parties->actor),
                     "actor_number", (json_int_t)parties->actor_number, "peer_number",
                     (json_int_t)parties->peer_number, "many", parties->many, "age",
                     (json_int_t)age);
}

static void publish_chunk(struct core *core, gint64 before, gint64 last, json_t *events)
{
    bus_publish(core, TOPIC,
                json_pack("{s:I, s:I, s:o}", "before", (json_int_t)before, "last", (json_int_t)last,
                          "events", events));
}

/* In parts that fit: each takes the log up to its last event, the last one to the end. */
static void publish_span(struct core *core, const struct span *span)
{
    gint64 before = span->before;
    gsize size = 0;
    if (!bus_is_heard(core))
        return;
    json_t *events = json_array();
    for (guint i = 0; i < span->entries->len; i++) {
        const struct span_entry *entry = &g_array_index(span->entries, struct span_entry, i);
        if (json_array_append_new(events, entry_json(entry)) != 0) {
            json_decref(events);
            return; /* the others find a hole, and fill it */
        }
        size += entry->event->payload_length;
        if (size < CHUNK_BYTES || i + 1 == span->entries->len)
            continue;
        /* Several events may share a position: they stay together. */
        if ((entry + 1)->event->position == entry->event->position)
            continue;
        publish_chunk(core, before, entry->event->position, events);
        before = entry->event->position;
        events = json_array();
        size = 0;
    }
    publish_chunk(core, before, span->last, events);
}

static bool json_uuid(const json_t *object, const char *name, struct uuid *ret_id)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && uuid_parse(text, ret_id);
}

static struct event *event_of_json(const json_t *object)
{
    const char *type = json_string_value(json_object_get(object, "type"));
    const char *stamp = json_string_value(json_object_get(object, "stamp"));
    const json_t *payload = json_object_get(object, "payload");
    gint64 position = json_integer_value(json_object_get(object, "position"));
    if (!type || !stamp || !json_is_string(payload) || position <= 0 ||
        event_type_from_name(type) == EVENT_TYPE_MAX)
        return NULL;
    g_auto(buffer) buf = BUFFER_INIT(MESSAGE_JSON_MAX);
    if (!buffer_append(&buf, json_string_value(payload), json_string_length(payload)))
        return NULL;
    struct event *event = event_new(event_type_from_name(type), position, 0, &buf);
    struct event_parties *parties = &event->parties;
    gint64 age = json_integer_value(json_object_get(object, "age"));
    event->accepted = age > 0 && age < EVENT_AGE_MAX ? clock_monotonic() - age : 0;
    g_strlcpy(event->stamp, stamp, sizeof event->stamp);
    json_uuid(object, "conversation", &parties->conversation);
    json_uuid(object, "message", &parties->message);
    json_uuid(object, "actor", &parties->actor);
    parties->actor_number = json_integer_value(json_object_get(object, "actor_number"));
    parties->peer_number = json_integer_value(json_object_get(object, "peer_number"));
    parties->many = json_is_true(json_object_get(object, "many"));
    return event;
}

static bool add_entry(struct core *core, struct span *span, const json_t *object)
{
    const json_t *to = json_object_get(object, "to");
    size_t count = json_array_size(to);
    g_autoptr(trestle_event) event = event_of_json(object);
    g_autofree struct uuid *audience = g_new0(struct uuid, MIN(count, AUDIENCE_MAX) + 1);
    if (!event || event->position <= span->before || event->position > span->last ||
        count > AUDIENCE_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        const char *text = json_string_value(json_array_get(to, i));
        if (!text || !uuid_parse(text, &audience[i]))
            return false;
    }
    if (event->type == EVENT_MESSAGE_NEW)
        archive_grew(core->archive, &event->parties.conversation);
    span_add(span, event, audience, (guint)count);
    return true;
}

/* One that cannot be read, of another version perhaps, is a hole: it is filled. */
static void on_span(struct core *core, const json_t *message, void *data)
{
    struct fanout *fanout = data;
    const json_t *events = json_object_get(message, "events");
    struct span *span = span_new(json_integer_value(json_object_get(message, "before")),
                                 json_integer_value(json_object_get(message, "last")));
    bool good = json_is_array(events) && span->before >= 0 && span->last > span->before;
    for (size_t i = 0; good && i < json_array_size(events); i++)
        good = add_entry(core, span, json_array_get(events, i));
    if (good) {
        metric_add(METRIC_SEQUENCER_SPANS, 1);
        add_span(fanout, span);
    } else {
        log_warning(AREA_CORE, "span-refused", "instance=%s", bus_sender(core));
        span_free(span);
    }
}

/* ---- What this instance commits -------------------------------------------------------------- */

static const struct part part = {.name = "fanout"};

static struct fanout *fanout_of(const struct core *core)
{
    return part_state(core, &part);
}

void fanout_batch_begin(struct core *core, gint64 before, gint64 last)
{
    fanout_of(core)->open = span_new(before, last);
}

void fanout_batch_end(struct core *core)
{
    struct span *span = g_steal_pointer(&fanout_of(core)->open);
    span_sort(span);
    if (span->last > span->before)
        publish_span(core, span);
    add_span(fanout_of(core), span);
}

/* An event that is not of this transaction is the work of an earlier attempt whose answer was lost:
 * there is a hole where it belongs, and it comes when that is filled. */
static void fanout_take(struct core *core, struct event *event, const struct uuid *users,
                        size_t count)
{
    struct fanout *fanout = fanout_of(core);
    const struct span *open = fanout->open;
    if (open && event->position > open->before && event->position <= open->last)
        span_add(fanout->open, event, users, (guint)count);
    else
        log_debug(AREA_CORE, "event-elsewhere", "position=%" G_GINT64_FORMAT, event->position);
}

/* ---- Filling --------------------------------------------------------------------------------- */

static void fill_queue(struct fanout *fanout, struct account *account)
{
    if (g_hash_table_contains(fanout->filled, &account->id))
        return;
    g_hash_table_insert(fanout->filled, g_memdup2(&account->id, sizeof account->id),
                        GINT_TO_POINTER(FILL_WAITS));
    g_queue_push_tail(&fanout->fill, account_ref(account));
}

static void fill_forget(struct fanout *fanout)
{
    struct account *account;
    while ((account = g_queue_pop_head(&fanout->fill)))
        account_unref(account);
    g_hash_table_remove_all(fanout->filled);
    fanout->filling = false;
    fanout->generation++;
}

static void fill_finish(struct fanout *fanout)
{
    fanout->filling = false;
    g_hash_table_remove_all(fanout->filled);
    sequencer_jump(fanout->sequencer, fanout->fill_to);
    sequencer_hold(fanout->sequencer, false);
    fanout_moved(fanout);
}

static void fill_account(struct fanout *fanout, struct account *account,
                         const struct resume_result *result)
{
    g_hash_table_insert(fanout->filled, g_memdup2(&account->id, sizeof account->id),
                        GINT_TO_POINTER(FILL_DONE));
    if (result->resync || (result->has_more && result->position < fanout->fill_to)) {
        event_missed(account, fanout->fill_to);
        return;
    }
    for (guint i = 0; i < result->events->len; i++) {
        struct event *event = result->events->pdata[i];
        if (event->position <= fanout->fill_to)
            event_deliver(account, event);
    }
}

static void fill_read(const struct resume_result *result, void *data)
{
    g_autofree struct fill_read *read = data;
    struct fanout *fanout = read->fanout;
    g_autoptr(trestle_account) account = read->account;
    fanout->reads--;
    if (read->generation != fanout->generation || !fanout->filling)
        return;
    if (result->error != ERROR_NONE || (result->position < fanout->fill_to && !result->has_more)) {
        g_queue_push_tail(&fanout->fill, account_ref(account)); /* the tick asks again */
        return;
    }
    fill_account(fanout, account, result);
    fill_more(fanout);
}

static void fill_more(struct fanout *fanout)
{
    while (fanout->reads < READS_MAX && fanout->fill.head) {
        struct account *account = g_queue_pop_head(&fanout->fill);
        struct fill_read *read = g_new0(struct fill_read, 1);
        *read = (struct fill_read){fanout, account, fanout->generation};
        fanout->reads++;
        resume_read(fanout->core, account, sequencer_position(fanout->sequencer), fill_read, read);
    }
    if (fanout->filling && fanout->reads == 0 && !fanout->fill.head)
        fill_finish(fanout);
}

static void fill_start(struct fanout *fanout, gint64 to)
{
    GHashTableIter iter;
    gpointer account;
    log_info(AREA_CORE, "events-filled",
             "from=%" G_GINT64_FORMAT " to=%" G_GINT64_FORMAT " known=%" G_GINT64_FORMAT,
             sequencer_position(fanout->sequencer), to, sequencer_newest(fanout->sequencer));
    metric_add(METRIC_SEQUENCER_FILLS, 1);
    fanout->filling = true;
    fanout->fill_to = to;
    sequencer_hold(fanout->sequencer, true);
    g_hash_table_iter_init(&iter, fanout->core->accounts->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &account)) {
        if (((struct account *)account)->subscribers)
            fill_queue(fanout, account);
    }
    fill_more(fanout);
}

static void on_subscribed(struct core *core, struct account *account, bool first)
{
    elsewhere_tell(core, account, first);
    if (first && fanout_of(core)->filling)
        fill_queue(fanout_of(core), account);
}

static gint64 position_for(const struct core *core, const struct account *account)
{
    const struct fanout *fanout = fanout_of(core);
    bool filled = fanout->filling &&
                  g_hash_table_lookup(fanout->filled, &account->id) == GINT_TO_POINTER(FILL_DONE);
    return filled ? MAX(core->position, fanout->fill_to) : core->position;
}

/* ---- The head of the log --------------------------------------------------------------------- */

static void head_read(const struct rows *rows, enum error_code error, void *data)
{
    struct fanout *fanout = data;
    fanout->asking = false;
    if (error != ERROR_NONE || fanout->filling)
        return;
    gint64 position = sequencer_position(fanout->sequencer);
    gint64 earlier = fanout->head;
    fanout->head = rows_integer(rows, 0, LOG_AFTER_POSITION);
    bool lost = bus_is_up(fanout->core) ? earlier > position : fanout->head > position;
    if (lost)
        fill_start(fanout, fanout->head);
    if (fanout->head > earlier)
        outbox_wake(fanout->core->outbox, fanout->head);
}

void fanout_tick(struct core *core)
{
    struct fanout *fanout = fanout_of(core);
    guint every = bus_is_up(fanout->core) ? TICKS_CONNECTED : TICKS_ALONE;
    if (!archive_is_up(core->archive))
        return;
    if (fanout->filling)
        fill_more(fanout);
    if (++fanout->ticks < every || fanout->asking)
        return;
    fanout->ticks = 0;
    fanout->asking = true;
    archive_query(core->archive, QUERY_LOG_AFTER, NULL, head_read, fanout);
}

static gboolean on_tick(gpointer data)
{
    fanout_tick(data);
    return G_SOURCE_CONTINUE;
}

void fanout_archive_up(struct core *core, gint64 position, bool restart)
{
    struct fanout *fanout = fanout_of(core);
    if (!fanout || !restart)
        return;
    fill_forget(fanout);
    sequencer_hold(fanout->sequencer, false);
    sequencer_start(fanout->sequencer, position);
    fanout->head = position;
    fanout_moved(fanout);
}

void fanout_init(struct core *core)
{
    static const struct event_router router = {fanout_take, on_subscribed, position_for};
    if (!bus_instance(core))
        return;
    struct fanout *fanout = g_new0(struct fanout, 1);
    fanout->core = core;
    fanout->sequencer = sequencer_new(SPANS_MAX, SPANS_BYTES_MAX, hand_out, fanout);
    fanout->filled = g_hash_table_new_full(uuid_hash, uuid_equal, g_free, NULL);
    g_queue_init(&fanout->fill);
    fanout->timer = g_timeout_add(TICK_MILLISECONDS, on_tick, core);
    part_add(core, &part, fanout);
    core->router = &router;
    bus_subscribe(core, TOPIC, on_span, fanout);
}

void fanout_clear(struct core *core)
{
    struct fanout *fanout = part_remove(core, &part);
    core->router = NULL;
    if (!fanout)
        return;
    g_source_remove(fanout->timer);
    fill_forget(fanout);
    g_hash_table_unref(fanout->filled);
    sequencer_free(fanout->sequencer);
    span_free(fanout->open);
    g_free(fanout);
}
