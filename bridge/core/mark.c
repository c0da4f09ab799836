/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watermarks (delivered, read) and bounces: into the archive, out to sockets and the outbox. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/write_kinds.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/mark.h"
#include "bridge/core/event.h"
#include "bridge/core/member.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/core/part.h"
#include "bridge/core/refusal.h"
#include "bridge/core/request.h"
#include "bridge/loop/loop.h"
#include "bridge/view/view.h"

#define EVENT_JSON_MAX 4096
#define DELIVERY_INTERVAL 50   /* milliseconds between writes of gathered delivered marks */
#define DELIVERIES_PER_TICK 50 /* so at most a thousand a second */
#define DELIVERIES_MAX 100000  /* gathered at most; beyond it the oldest is written at once */

static struct mark_write *as_mark(struct write *write)
{
    return (struct mark_write *)(void *)write;
}

/* Tells USERS. UNREAD: how many messages are so now, or NULL. */
static void tell_mark(struct core *core, const struct mark_write *m, const char *unread,
                      const GArray *users)
{
    if (users->len == 0)
        return;
    const struct mark_view view = {.conversation_id = m->conversation,
                                   .user_id = m->user,
                                   .message_id = m->message,
                                   .seq = m->seq,
                                   .at = m->write.at,
                                   .unread = unread};
    g_auto(buffer) payload = BUFFER_INIT(EVENT_JSON_MAX);
    view_object(&payload, "Mark", &view);
    g_autoptr(trestle_event) event =
        event_new(m->read ? EVENT_MESSAGE_READ : EVENT_MESSAGE_DELIVERED, m->write.position,
                  m->write.at, &payload);
    const struct member_scene scene = {m->members, m->direct, m->conversation, m->message, m->user};
    event->parties = member_parties(&scene);
    event_publish(core, event, (const struct uuid *)(const void *)users->data, users->len);
}

/* A user's own devices share the read mark; what was delivered to them they know. */
static void publish_mark(struct core *core, const struct mark_write *m)
{
    char unread[24];
    g_snprintf(unread, sizeof unread, "%" G_GINT64_FORMAT, m->unread);
    event_passed(core, m->write.position);
    g_autoptr(GArray) own = g_array_new(FALSE, FALSE, sizeof m->user);
    g_autoptr(GArray) others =
        m->tells ? member_ids(m->members) : g_array_new(FALSE, FALSE, sizeof m->user);
    member_ids_remove(others, &m->user);
    if (m->read)
        g_array_append_val(own, m->user);
    tell_mark(core, m, NULL, others);
    tell_mark(core, m, unread, own);
}

static void outbox_marker(struct core *core, const struct mark_write *m)
{
    const struct account *reader = account_find(core->accounts, &m->user);
    if (!m->marker_to)
        return;
    struct outbox_entry entry = {.position = m->write.position,
                                 .kind = "displayed",
                                 .from = reader ? reader->jid : NULL,
                                 .to = m->marker_to,
                                 .reference = m->marker_reference};
    outbox_committed(core->outbox, &entry);
}

static void mark_moved(struct core *core, const struct mark_write *m)
{
    if (m->write.outcome != OUTCOME_DONE)
        return;
    publish_mark(core, m);
    outbox_marker(core, m);
    if (m->read && !m->jid)
        PARTS_TELL(core, app_read, core, &m->conversation, &m->user, &m->message);
    if (m->read && m->tells && !m->direct)
        PARTS_TELL(core, member_read, core, &m->conversation, &m->user, &m->message);
}

/* ---- Read, by an app ------------------------------------------------------------------------- */

struct reading {
    struct core *core;
    struct request *request; /* NULL once told that it is late */
};

static void read_reply(struct request *request, const struct mark_write *m)
{
    char conversation[UUID_TEXT_SIZE];
    uuid_format(&m->conversation, conversation);
    g_auto(buffer) buf = BUFFER_INIT(EVENT_JSON_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_string(&json, "conversation_id", conversation);
    json_member_integer(&json, "last_read_seq", m->seq);
    json_member_integer(&json, "unread_count", m->unread);
    json_end_object(&json);
    request_reply(request, 200, &buf);
}

static void read_answer(const struct reading *reading, const struct mark_write *m,
                        enum error_code error)
{
    if (!reading->request)
        return;
    if (error != ERROR_NONE)
        request_fail(reading->request, error, NULL);
    else if (outcome_error(m->write.outcome) != ERROR_NONE)
        refusal_answer(reading->request, m->write.outcome, NULL);
    else
        read_reply(reading->request, m);
}

/* A conversation that was marked as unread, and is read. */
struct unmarking {
    struct reading *reading; /* owned */
    struct mark_write *mark; /* owned */
};

static void unmark_done(const struct change_result *result, void *data)
{
    g_autofree struct unmarking *unmarking = data;
    read_answer(unmarking->reading, unmarking->mark, result->error);
    g_free(unmarking->reading);
    mark_write_free(unmarking->mark);
}

static void read_unmark(struct reading *reading, struct mark_write *m)
{
    char conversation[UUID_TEXT_SIZE];
    struct unmarking *unmarking = g_new0(struct unmarking, 1);
    *unmarking = (struct unmarking){reading, m};
    uuid_format(&m->conversation, conversation);
    change_submit(reading->core, "conversation_update", &m->user,
                  json_pack("{s:s, s:b}", "conversation_id", conversation, "unread", 0),
                  unmark_done, unmarking);
}

static void read_done(struct write *write, enum error_code error)
{
    struct mark_write *m = as_mark(write);
    struct reading *reading = write->data;
    if (error == ERROR_NONE)
        mark_moved(reading->core, m);
    if (error == ERROR_NONE && m->marked) {
        read_unmark(reading, m);
        return;
    }
    read_answer(reading, m, error);
    g_free(reading);
    mark_write_free(m);
}

static void read_late(struct write *write)
{
    struct reading *reading = write->data;
    request_fail(g_steal_pointer(&reading->request), ERROR_UNAVAILABLE,
                 "whether this was stored is not known yet; repeat it");
}

void message_read(struct request *request, const struct uuid *conversation,
                  const struct uuid *message)
{
    struct reading *reading = g_new0(struct reading, 1);
    reading->core = request->core;
    reading->request = request;
    struct mark_write *m = g_new0(struct mark_write, 1);
    m->write =
        (struct write){.kind = WRITE_MARK, .done = read_done, .late = read_late, .data = reading};
    m->user = request->account->id;
    m->conversation = *conversation;
    if (message)
        m->message = *message;
    m->read = true;
    archive_write(request->core->archive, &m->write);
}

/* ---- Marks nobody waits for ------------------------------------------------------------------ */

static void mark_done(struct write *write, enum error_code error)
{
    struct mark_write *m = as_mark(write);
    if (error == ERROR_NONE)
        mark_moved(write->data, m);
    mark_write_free(m);
}

void message_marked(struct core *core, const char *from, const struct uuid *message, bool read)
{
    struct mark_write *m = g_new0(struct mark_write, 1);
    m->write = (struct write){.kind = WRITE_MARK, .done = mark_done, .data = core};
    m->jid = g_strdup(from);
    m->message = *message;
    m->read = read;
    archive_write(core->archive, &m->write);
}

/* ---- Deliveries to sockets ------------------------------------------------------------------- */

struct delivery {
    struct uuid key[2]; /* conversation, user */
    struct uuid message;
    GList link; /* in deliveries.order */
};

static guint delivery_hash(gconstpointer key)
{
    const struct delivery *delivery = key;
    return uuid_hash(&delivery->key[0]) ^ uuid_hash(&delivery->key[1]);
}

static gboolean delivery_equal(gconstpointer a, gconstpointer b)
{
    return memcmp(((const struct delivery *)a)->key, ((const struct delivery *)b)->key,
                  sizeof(struct uuid[2])) == 0;
}

static struct {
    GHashTable *gathered; /* struct delivery *, a set */
    GQueue order;         /* the same, oldest first */
    guint timer;
} deliveries;

static void delivery_write(struct core *core, struct delivery *delivery)
{
    struct mark_write *m = g_new0(struct mark_write, 1);
    m->write = (struct write){.kind = WRITE_MARK, .done = mark_done, .data = core};
    m->conversation = delivery->key[0];
    m->user = delivery->key[1];
    m->message = delivery->message;
    archive_write(core->archive, &m->write);
    g_queue_unlink(&deliveries.order, &delivery->link);
    g_hash_table_remove(deliveries.gathered, delivery);
}

/* A few at a time: messages never wait behind a flood of marks, and under load a mark that waits
 * stands for more and more messages. */
static gboolean deliveries_write(gpointer data)
{
    for (int i = 0; i < DELIVERIES_PER_TICK && deliveries.order.head; i++)
        delivery_write(data, deliveries.order.head->data);
    if (deliveries.order.head)
        return G_SOURCE_CONTINUE;
    deliveries.timer = 0;
    return G_SOURCE_REMOVE;
}

void delivery_note(struct core *core, const struct uuid *conversation, const struct uuid *user,
                   const struct uuid *message)
{
    struct delivery probe = {.key = {*conversation, *user}, .message = *message};
    struct delivery *known = g_hash_table_lookup(deliveries.gathered, &probe);
    if (known) {
        known->message = *message;
        return;
    }
    if (g_hash_table_size(deliveries.gathered) >= DELIVERIES_MAX)
        delivery_write(core, deliveries.order.head->data);
    struct delivery *delivery = g_memdup2(&probe, sizeof probe);
    delivery->link.data = delivery;
    g_hash_table_add(deliveries.gathered, delivery);
    g_queue_push_tail_link(&deliveries.order, &delivery->link);
    if (!deliveries.timer)
        deliveries.timer = g_timeout_add(DELIVERY_INTERVAL, deliveries_write, core);
}

static const struct part part = {.name = "deliveries", .delivered = delivery_note};

void deliveries_init(struct core *core)
{
    part_add(core, &part, NULL);
    g_queue_init(&deliveries.order);
    deliveries.gathered = g_hash_table_new_full(delivery_hash, delivery_equal, g_free, NULL);
}

void deliveries_clear(struct core *core)
{
    part_remove(core, &part);
    if (deliveries.timer)
        g_source_remove(deliveries.timer);
    deliveries.timer = 0;
    g_queue_init(&deliveries.order);
    g_clear_pointer(&deliveries.gathered, g_hash_table_unref);
}

/* ---- Bounces --------------------------------------------------------------------------------- */

static void publish_failure(struct core *core, const struct failure_write *f)
{
    const struct failure_view view = {.conversation_id = f->conversation,
                                      .message_id = f->message,
                                      .client_id = f->client_id,
                                      .condition = f->condition};
    g_auto(buffer) payload = BUFFER_INIT(EVENT_JSON_MAX);
    view_object(&payload, "MessageFailure", &view);
    g_autoptr(trestle_event) event =
        event_new(EVENT_MESSAGE_FAILED, f->write.position, f->write.at, &payload);
    event->parties = (struct event_parties){.conversation = f->conversation, .message = f->message};
    event_publish(core, event, &f->sender, 1);
}

static void failure_done(struct write *write, enum error_code error)
{
    struct failure_write *f = (struct failure_write *)(void *)write;
    if (error == ERROR_NONE && write->outcome == OUTCOME_DONE)
        publish_failure(write->data, f);
    failure_write_free(f);
}

void message_failed(struct core *core, const char *from, const struct uuid *message,
                    const char *condition)
{
    struct failure_write *f = g_new0(struct failure_write, 1);
    f->write = (struct write){.kind = WRITE_FAILURE, .done = failure_done, .data = core};
    f->message = *message;
    f->from = g_strdup(from);
    f->condition = g_strndup(condition, 64);
    archive_write(core->archive, &f->write);
}
