/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending and receiving messages. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/write_kinds.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/member.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/core/part.h"
#include "bridge/core/relation.h"
#include "bridge/core/refusal.h"
#include "bridge/core/request.h"
#include "bridge/loop/loop.h"
#include "bridge/view/message.h"
#include "bridge/view/rows.h"

#define UNIQUE_ID_MIN 8                          /* bytes; shorter ids are counted */
#define REPETITION_PERIOD (600 * G_USEC_PER_SEC) /* as in message_receive() in sql/function */

static struct message_write *as_message(struct write *write)
{
    return (struct message_write *)(void *)write;
}

/* As content_quote() in sql/function/content.sql has one that is not there. */
#define QUOTE_OF_NOTHING                                                                           \
    "{\"message_id\":\"%s\",\"sender_id\":null,\"content\":null,\"message_type\":\"text\","        \
    "\"deleted\":true}"

/* Of one that carries more than a text. BLIND: for who does not see what it answers. */
static void write_rich_json(struct buffer *buf, const struct message_write *m,
                            const struct user_view *sender, bool blind)
{
    g_auto(view_memory) memory = {0};
    struct message_view seen = *(const struct message_view *)view_from_bytes(
        &view_of_message_view, m->seen_facts, &memory);
    struct content_view content;
    g_autofree char *quote = NULL;
    seen.sender = sender;
    seen.client_id = m->client_id;
    seen.sent_at = m->sent_at;
    if (blind) {
        char id[UUID_TEXT_SIZE];
        content = *seen.content;
        uuid_format(&content.reply_to, id);
        quote = g_strdup_printf(QUOTE_OF_NOTHING, id);
        content.quote = quote;
        seen.content = &content;
    }
    message_view_write(buf, &seen);
}

/* The Message object of a message that has just been stored: nobody has got to it yet. */
static void write_message_json(struct buffer *buf, const struct message_write *m,
                               const struct user_view *sender)
{
    if (m->seen_facts) {
        write_rich_json(buf, m, sender, false);
        return;
    }
    struct message_view view = {.id = m->id,
                                .conversation_id = m->conversation,
                                .sender_id = m->sender,
                                .sender = sender,
                                .client_id = m->client_id,
                                .body = m->body,
                                .kind = "text",
                                .seq = m->seq,
                                .created_at = m->write.at,
                                .sent_at = m->sent_at};
    message_view_write(buf, &view);
}

/* Writes { id, content, sender_id, receiver_id, created_at, is_read, client_id, uuid,
 * conversation_id }. */
static void message_write_brief(struct buffer *buf, const struct message_brief *message)
{
    struct json_writer json;
    json_writer_init(&json, buf);
    json_begin_object(&json);
    json_member_integer(&json, "id", message->number);
    json_member_string(&json, "content", message->content);
    json_member_integer(&json, "sender_id", message->sender);
    json_member_integer(&json, "receiver_id", message->receiver);
    json_member_string(&json, "created_at", message->created_at);
    json_member_boolean(&json, "is_read", message->read);
    json_member_string(&json, "client_id", message->client_id);
    json_member_string(&json, "uuid", message->id);
    json_member_string(&json, "conversation_id", message->conversation);
    json_end_object(&json);
}

/* JSON is taken. */
static void publish_to(struct core *core, const struct message_write *m, struct buffer *json,
                       const GArray *ids)
{
    g_autoptr(trestle_event) event =
        event_new(EVENT_MESSAGE_NEW, m->write.position, m->write.at, json);
    event->accepted = m->write.queued;
    const struct member_scene scene = {m->members, m->direct, m->conversation, m->id, m->sender};
    event->parties = member_parties(&scene);
    event_publish(core, event, (const struct uuid *)(const void *)ids->data, ids->len);
}

static bool is_wanted(const struct core *core, const GArray *ids)
{
    return event_is_wanted(core, (const struct uuid *)(const void *)ids->data, ids->len);
}

/* Those of IDS who do not see what the message answers, taken out of them: almost always nobody,
 * NULL. The caller unrefs it. */
static GArray *blind_take(const struct message_write *m, GArray *ids)
{
    g_auto(view_memory) memory = {0};
    const struct message_view *seen =
        m->seen_facts ? view_from_bytes(&view_of_message_view, m->seen_facts, &memory) : NULL;
    if (!seen || !seen->content || !seen->content->blind)
        return NULL;
    json_t *named = json_loads(seen->content->blind, 0, NULL);
    GArray *taken = g_array_new(FALSE, FALSE, sizeof(struct uuid));
    for (size_t i = 0; i < json_array_size(named); i++) {
        struct uuid id;
        if (uuid_parse(json_string_value(json_array_get(named, i)), &id) &&
            member_ids_remove(ids, &id))
            g_array_append_val(taken, id);
    }
    json_decref(named);
    return taken;
}

/* To IDS (changed), who see SENDER. JSON: the message so, if it is written already. */
static void publish_seen(struct core *core, const struct message_write *m, GArray *ids,
                         const struct user_view *sender, const struct buffer *json)
{
    g_autoptr(GArray) blind = blind_take(m, ids);
    if (is_wanted(core, ids)) {
        g_auto(buffer) payload = BUFFER_INIT(MESSAGE_JSON_MAX);
        if (json)
            buffer_append(&payload, json->data, json->length);
        else
            write_message_json(&payload, m, sender);
        publish_to(core, m, &payload, ids);
    }
    if (blind && is_wanted(core, blind)) {
        g_auto(buffer) payload = BUFFER_INIT(MESSAGE_JSON_MAX);
        write_rich_json(&payload, m, sender, true);
        publish_to(core, m, &payload, blind);
    }
}

/* Those to whom the sender's profile is closed get another sender. */
static void publish_closed(struct core *core, const struct message_write *m)
{
    if (m->unaccepted || !m->closed_to || !m->shown_facts)
        return;
    g_auto(view_memory) memory = {0};
    publish_seen(core, m, m->closed_to,
                 view_from_bytes(&view_of_user_view, m->shown_facts, &memory), NULL);
}

/* JSON, of SENDER, is for everybody but those to whom the sender's profile is closed. */
static void publish_message(struct core *core, const struct message_write *m,
                            const struct buffer *json, const struct user_view *sender)
{
    event_passed(core, m->write.position);
    g_autoptr(GArray) ids = member_ids(m->members);
    if (m->unaccepted) {
        g_array_set_size(ids, 0);
        g_array_append_val(ids, m->sender);
    }
    for (guint i = 0; m->closed_to && i < m->closed_to->len; i++)
        member_ids_remove(ids, &g_array_index(m->closed_to, struct uuid, i));
    publish_seen(core, m, ids, sender, json);
    publish_closed(core, m);
}

/* What the message changed besides: a conversation began, is a request, or was accepted. Its events
 * come after all messages of the batch in the log. */
static void publish_relation(struct core *core, const struct message_write *m)
{
    if (m->seq > 1 && !m->unaccepted && !m->events)
        return;
    for (guint i = 0; m->direct && i < m->members->len; i++)
        relation_forget(core, &g_array_index(m->members, struct member, i).id);
    change_publish_later(core, m->events);
}

/* ---- Sending by an app ----------------------------------------------------------------------- */

/* Copies for those who are in the group's room are read from the outbox. */
static void outbox_room(struct core *core, gint64 position)
{
    outbox_wake_service(core->outbox, SERVICE_ROOMS, position);
    if (core->router)
        PARTS_TELL(core, outbox_grew, core, position);
}

static void outbox_message(struct core *core, const struct message_write *m, const char *from)
{
    if (!m->direct && m->remote_jid) { /* a room elsewhere */
        PARTS_TELL(core, guests_due, core);
        return;
    }
    if (!m->remote_jid) {
        outbox_room(core, m->outbox_position);
        return;
    }
    bool rich = m->seen_facts != NULL;            /* what it carries is read from the entry */
    if (m->outbox_position > m->write.position) { /* and is more than one stanza */
        outbox_wake_service(core->outbox, SERVICE_USERS, m->outbox_position);
        if (core->router)
            PARTS_TELL(core, outbox_grew, core, m->outbox_position);
        return;
    }
    struct outbox_entry entry = {.position = m->write.position,
                                 .kind = rich ? "content" : "message",
                                 .from = rich ? NULL : from,
                                 .to = m->remote_jid,
                                 .payload = rich ? NULL : m->body,
                                 .accepted = m->write.queued};
    uuid_format(&m->id, entry.id);
    outbox_committed(core->outbox, &entry);
}

struct sending {
    struct core *core;
    struct request *request; /* NULL once it was told that the outcome is late */
    bool brief;
    bool reserved;           /* one of LIMIT_STRANGERS, until it is known whether this counts */
    gint64 deadline;         /* until when it waits for its files; 0: it does not yet */
    struct account *account; /* reference */
};

#define APPEARING_MAX 128 /* conversations in one change */

static void submit_appearing(void *data)
{
    struct core *core = data;
    g_autoptr(GArray) ids = g_steal_pointer(&core->appearing);
    if (!core->archive)
        return; /* stopping: the next message brings it up again */
    for (guint from = 0; from < ids->len; from += APPEARING_MAX) {
        json_t *names = json_array();
        for (guint i = from; i < MIN(ids->len, from + APPEARING_MAX); i++) {
            char name[UUID_TEXT_SIZE];
            uuid_format(&g_array_index(ids, struct uuid, i), name);
            json_array_append_new(names, json_string(name));
        }
        change_submit(core, "conversation_appear", NULL,
                      json_pack("{s:o}", "conversation_ids", names), NULL, NULL);
    }
}

/* The conversation is in a member's list with this message: the member is told so, in log order.
 * Those of one batch are one change. Also for a repetition: whoever stored it may have died before.
 */
static void note_appearance(struct core *core, const struct message_write *m)
{
    if (!m->awaited)
        return;
    if (!core->appearing) {
        core->appearing = g_array_new(FALSE, FALSE, sizeof(struct uuid));
        loop_defer(submit_appearing, core);
    }
    g_array_append_val(core->appearing, m->conversation);
}

static void write_brief(struct buffer *buf, const struct message_write *m)
{
    char id[UUID_TEXT_SIZE], conversation[UUID_TEXT_SIZE];
    char created[CLOCK_TIMESTAMP_SIZE];
    uuid_format(&m->id, id);
    uuid_format(&m->conversation, conversation);
    clock_format(m->write.at, created);
    struct message_brief brief = {.number = m->write.position,
                                  .sender = member_number(m->members, &m->sender),
                                  .receiver = member_peer_number(m->members, &m->sender),
                                  .content = m->body,
                                  .created_at = created,
                                  .client_id = m->client_id,
                                  .id = id,
                                  .conversation = conversation};
    message_write_brief(buf, &brief);
}

/* Never what it says. */
static void log_sent(const struct message_write *m)
{
    bool access = log_access_is_on();
    if (!access && !log_enabled(LOG_INFO, AREA_CORE))
        return;
    g_auto(view_memory) memory = {0};
    const struct message_view *seen =
        m->seen_facts ? view_from_bytes(&view_of_message_view, m->seen_facts, &memory) : NULL;
    bool media = seen && seen->content && seen->content->attachments.count > 0;
    char id[UUID_TEXT_SIZE], conversation[UUID_TEXT_SIZE], sender[UUID_TEXT_SIZE];
    uuid_format(&m->id, id);
    uuid_format(&m->conversation, conversation);
    uuid_format(&m->sender, sender);
    char text[256];
    g_snprintf(
        text, sizeof text,
        "message=%s conversation=%s user=%s type=%s has_media=%s latency_ms=%" G_GINT64_FORMAT, id,
        conversation, sender, seen ? seen->kind : "text", media ? "true" : "false",
        (clock_monotonic() - m->write.queued) / 1000);
    log_info(AREA_CORE, "message-sent", "%s", text);
    log_access("message-sent", "%s", text);
}

static void send_stored(struct sending *sending, const struct message_write *m)
{
    struct account *account = sending->account;
    g_auto(buffer) json = BUFFER_INIT(MESSAGE_JSON_MAX);
    const struct user_view sender = {.written = account->json};
    write_message_json(&json, m, &sender);
    if (m->write.outcome == OUTCOME_DONE) {
        metric_add(METRIC_MESSAGES_STORED, 1);
        log_sent(m);
        publish_message(sending->core, m, &json, &sender);
        publish_relation(sending->core, m);
        if (m->outbox)
            outbox_message(sending->core, m, account->jid);
    } else {
        metric_add(METRIC_MESSAGES_DUPLICATE, 1);
    }
    note_appearance(sending->core, m);
    if (!sending->request)
        return;
    g_auto(buffer) brief = BUFFER_INIT(MESSAGE_JSON_MAX);
    if (sending->brief)
        write_brief(&brief, m);
    request_reply(sending->request, m->write.outcome == OUTCOME_DONE ? 201 : 200,
                  sending->brief ? &brief : &json);
}

static const char not_known[] =
    "whether the message was stored is not known yet; repeat it with the same client_id";

/* What the row of an outcome does not say. */
static const struct field_problem whys[] = {
    [OUTCOME_CONFLICT] = {ERROR_CONFLICT, "", "you block the other member"},
    [OUTCOME_UNPROCESSABLE] = {ERROR_UNPROCESSABLE, "/client_id", "was used for another message"},
};

/* It may not carry what it does. */
static bool content_refused(struct request *request, const struct message_write *m)
{
    json_t *why =
        m->refusal && m->write.outcome != OUTCOME_ASKED ? json_loads(m->refusal, 0, NULL) : NULL;
    if (!why)
        return false;
    struct field_problem problem = {.code = outcome_error(m->write.outcome),
                                    .detail = json_string_value(json_object_get(why, "detail"))};
    const char *pointer = json_string_value(json_object_get(why, "pointer"));
    g_strlcpy(problem.pointer, pointer ? pointer : "", sizeof problem.pointer);
    refusal_answer(request, m->write.outcome, &problem);
    json_decref(why);
    return true;
}

/* ---- Files that are looked at --------------------------------------------------------------- */

#define AGAIN_MILLISECONDS 200
#define WAITING_SECONDS 60
#define WAITING_MAX 1000

static GQueue sends_waiting; /* struct message_write, not handed over */
static guint sends_timer;

static void sends_again(struct core *core)
{
    GQueue waiting = sends_waiting;
    g_queue_init(&sends_waiting);
    struct message_write *m;
    while ((m = g_queue_pop_head(&waiting)))
        archive_write(core->archive, &m->write);
}

static gboolean on_sends_again(gpointer data)
{
    sends_timer = 0;
    sends_again(data);
    loop_wake();
    return G_SOURCE_REMOVE;
}

void messages_drain(struct core *core)
{
    if (sends_timer)
        g_source_remove(sends_timer);
    sends_timer = 0;
    if (core->archive)
        sends_again(core);
}

/* What was refused only because its files are not known to be harmless yet is tried again, for a
 * minute: who sends need not know how long that takes, and nobody sees the message before. */
static bool send_waits(struct sending *sending, struct message_write *m)
{
    gint64 now = clock_monotonic();
    if (!sending->request || !m->refusal || !strstr(m->refusal, "\"wait\""))
        return false;
    if (sending->deadline == 0)
        sending->deadline = now + WAITING_SECONDS * G_USEC_PER_SEC;
    if (now > sending->deadline || sends_waiting.length >= WAITING_MAX)
        return false;
    g_queue_push_tail(&sends_waiting, message_write_again(m));
    if (!sends_timer)
        sends_timer = g_timeout_add(AGAIN_MILLISECONDS, on_sends_again, sending->core);
    return true;
}

static void send_refused(struct request *request, enum write_outcome outcome)
{
    bool more = (size_t)outcome < G_N_ELEMENTS(whys);
    refusal_answer(request, outcome, more ? &whys[outcome] : NULL);
}

/* Writes it, unless it has to wait until somebody has been asked about others. */
static void message_submit(struct core *core, struct message_write *m)
{
    if (!core->judge || !core->judge->holds(core, m))
        archive_write(core->archive, &m->write);
}

/* Whether somebody is asked about it first. */
static bool is_asked(struct core *core, struct write *write, enum error_code error)
{
    return error == ERROR_NONE && write->outcome == OUTCOME_ASKED && core->judge &&
           core->judge->takes(core, as_message(write));
}

static void send_done(struct write *write, enum error_code error)
{
    struct message_write *m = as_message(write);
    struct core *core = ((struct sending *)write->data)->core;
    if (is_asked(core, write, error) || (error == ERROR_NONE && send_waits(write->data, m)))
        return;
    g_autofree struct sending *sending = write->data;
    bool counts = error == ERROR_NONE && write->outcome == OUTCOME_DONE && m->unanswered;
    if (sending->reserved && !counts)
        limit_release(sending->core->limiter, sending->account, LIMIT_STRANGERS);
    if (error == ERROR_NONE && outcome_error(write->outcome) == ERROR_NONE)
        send_stored(sending, m);
    else if (sending->request && error != ERROR_NONE)
        request_fail(sending->request, error, write->uncertain ? not_known : NULL);
    else if (sending->request && !content_refused(sending->request, m))
        send_refused(sending->request, write->outcome);
    account_unref(sending->account);
    message_write_free(m);
}

static void send_late(struct write *write)
{
    struct sending *sending = write->data;
    request_fail(g_steal_pointer(&sending->request), ERROR_UNAVAILABLE, not_known);
}

/* What makes a repetition recognisable: KIND and the texts, in a form that fits a uuid column. The
 * sender is among them although the column is unique per sender: the writer puts no two equal ones
 * into a batch, and many clients count from one. */
static void make_dedupe(const char *kind, const char *const *texts, struct uuid *ret_digest)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);
    g_checksum_update(checksum, (const guchar *)kind, -1);
    for (; *texts; texts++) {
        g_checksum_update(checksum, (const guchar *)"", 1);
        g_checksum_update(checksum, (const guchar *)*texts, -1);
    }
    guint8 digest[32];
    gsize length = sizeof digest;
    g_checksum_get_digest(checksum, digest, &length);
    memcpy(ret_digest->bytes, digest, sizeof ret_digest->bytes);
}

void message_origin_dedupe(const char *from, const char *to, const char *origin_id,
                           struct uuid *ret_digest)
{
    make_dedupe("origin", (const char *[]){from, to, origin_id, NULL}, ret_digest);
}

/* JSON is taken; the caller frees the text. */
static char *details_text(json_t *details)
{
    char *dumped = details ? json_dumps(details, JSON_COMPACT) : NULL;
    char *text = g_strdup(dumped);
    free(dumped);
    json_decref(details);
    return text;
}

void message_send(struct request *request, const struct message_draft *draft)
{
    struct sending *sending = g_new0(struct sending, 1);
    sending->core = request->core;
    sending->request = request;
    sending->brief = draft->brief;
    sending->account = account_ref(request->account);
    struct message_write *m = g_new0(struct message_write, 1);
    m->write = (struct write){
        .kind = WRITE_MESSAGE, .done = send_done, .late = send_late, .data = sending};
    uuid_generate(&m->id);
    m->conversation = *draft->conversation;
    m->sender = request->account->id;
    m->body = g_strdup(draft->content);
    m->client_id = g_strdup(draft->client_id);
    m->details = details_text(draft->details);
    if (!request->by_key) {
        sending->reserved =
            limit_reserve(request->core->limiter, request->account, LIMIT_STRANGERS);
        m->limited = !sending->reserved;
    } else {
        m->verdict = g_strdup("{\"trusted\":true}");
    }
    if (draft->client_id)
        make_dedupe("client", (const char *[]){request->account->id_text, draft->client_id, NULL},
                    &m->dedupe);
    else
        m->dedupe = m->id; /* lets the writer repeat a batch whose answer was lost */
    message_submit(request->core, m);
}

/* ---- Arrival by XMPP ------------------------------------------------------------------------- */

bool message_is_admitted(struct core *core, const char *from)
{
    struct limit_state state;
    struct uuid subject = limit_subject_of(from);
    return strcmp(from, core->options->xmpp_server_domain) == 0 ||
           limiter_take(core->limiter, &subject, LIMIT_XMPP_MESSAGES, &state);
}

enum error_code message_admit(struct core *core, const char *from)
{
    if (!toggle_is_on(core, TOGGLE_MESSAGES, NULL))
        return ERROR_REFUSED;
    if (message_is_admitted(core, from))
        return ERROR_NONE;
    metric_add(METRIC_STANZAS_LIMITED, 1);
    return ERROR_RATE_LIMITED;
}

struct arriving {
    struct core *core;
    void (*done)(enum error_code error, void *data);
    void *data;
};

static void outbox_receipt(struct core *core, const struct message_write *m)
{
    struct outbox_entry entry = {.position = m->outbox_position,
                                 .kind = "received",
                                 .from = m->to,
                                 .to = m->address,
                                 .reference = m->foreign_id};
    uuid_format(&m->id, entry.id);
    outbox_committed(core->outbox, &entry);
}

static void arrival_stored(struct core *core, const struct message_write *m)
{
    if (m->write.outcome == OUTCOME_DONE) {
        g_auto(buffer) json = BUFFER_INIT(MESSAGE_JSON_MAX);
        g_auto(view_memory) memory = {0};
        const struct user_view *sender =
            view_from_bytes(&view_of_user_view, m->sender_facts, &memory);
        write_message_json(&json, m, sender);
        metric_add(METRIC_MESSAGES_STORED, 1);
        publish_message(core, m, &json, sender);
        publish_relation(core, m);
        if (m->outbox)
            outbox_room(core, m->write.position);
    } else {
        metric_add(METRIC_MESSAGES_DUPLICATE, 1);
    }
    note_appearance(core, m);
    if (m->receipt)
        outbox_receipt(core, m);
}

static void arrival_done(struct write *write, enum error_code error)
{
    struct message_write *m = as_message(write);
    if (is_asked(((struct arriving *)write->data)->core, write, error))
        return;
    g_autofree struct arriving *arriving = write->data;
    if (error == ERROR_NONE)
        error = outcome_error(write->outcome);
    if (error == ERROR_NONE)
        arrival_stored(arriving->core, m);
    if (arriving->done)
        arriving->done(error, arriving->data);
    message_write_free(m);
}

static void make_id_dedupe(const struct message_arrival *arrival, gint64 period,
                           struct uuid *ret_digest)
{
    char number[24];
    g_snprintf(number, sizeof number, "%" G_GINT64_FORMAT, period);
    make_dedupe("id",
                (const char *[]){arrival->address, arrival->to, arrival->foreign_id, arrival->body,
                                 number, NULL},
                ret_digest);
}

/* A repetition is told by the origin-id, which nobody gives twice; without one, by the stanza's id
 * and the text together, from the same resource and for a while only: clients count their ids from
 * one again. */
static void arrival_dedupe(struct message_write *m, const struct message_arrival *arrival)
{
    gint64 period = clock_wall() / REPETITION_PERIOD;
    if (arrival->uid) {
        m->dedupe = m->id;
    } else if (arrival->origin_id && strlen(arrival->origin_id) >= UNIQUE_ID_MIN) {
        message_origin_dedupe(arrival->from, arrival->to, arrival->origin_id, &m->dedupe);
    } else if (arrival->foreign_id && strlen(arrival->foreign_id) >= UNIQUE_ID_MIN) {
        make_id_dedupe(arrival, period, &m->dedupe);
        make_id_dedupe(arrival, period - 1, &m->earlier);
    } else {
        m->dedupe = m->id;
    }
}

void message_arrived(struct core *core, const struct message_arrival *arrival,
                     void (*done)(enum error_code error, void *data), void *data)
{
    struct arriving *arriving = g_new0(struct arriving, 1);
    arriving->core = core;
    arriving->done = done;
    arriving->data = data;
    struct message_write *m = g_new0(struct message_write, 1);
    m->write = (struct write){.kind = WRITE_RECEIVE, .done = arrival_done, .data = arriving};
    if (arrival->uid)
        m->id = *arrival->uid;
    else
        uuid_generate(&m->id);
    m->from = g_strdup(arrival->from);
    m->to = g_strdup(arrival->to);
    m->address = g_strdup(arrival->address);
    m->room = g_strdup(arrival->room);
    m->body = g_strdup(arrival->body);
    m->foreign_id = g_strdup(arrival->foreign_id);
    m->stanza = g_strdup(arrival->stanza);
    m->details = details_text(arrival->details);
    m->markable = arrival->markable;
    m->receipt = arrival->receipt && arrival->foreign_id;
    m->sent_at = arrival->sent_at;
    arrival_dedupe(m, arrival);
    message_submit(core, m);
}
