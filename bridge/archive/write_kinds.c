/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each kind of write as columns of a batch statement; the column orders are those of the SQL
 * functions in sql/function. */
#include "config.h"

#include "bridge/archive/archive_part.h"
#include "bridge/archive/codec.h"
#include "bridge/archive/write_kinds.h"
#include "bridge/base/clock.h"

static struct message_write *as_message(struct write *write)
{
    return (struct message_write *)(void *)write;
}

static void encode_message(struct write *write, struct array *a)
{
    const struct message_write *m = as_message(write);
    array_add_uuid(&a[0], &m->own_id);
    array_add_uuid(&a[1], &m->conversation);
    array_add_uuid(&a[2], &m->sender);
    array_add_text(&a[3], m->body);
    array_add_text(&a[4], m->client_id);
    array_add_uuid(&a[5], &m->dedupe);
    array_add_boolean(&a[6], m->limited);
    array_add_text(&a[7], m->details);
    array_add_text(&a[8], m->verdict);
}

static void encode_receive(struct write *write, struct array *a)
{
    const struct message_write *m = as_message(write);
    array_add_uuid(&a[0], &m->own_id);
    array_add_text(&a[1], m->from);
    array_add_text(&a[2], m->to);
    array_add_text(&a[3], m->body);
    array_add_uuid(&a[4], &m->dedupe);
    array_add_text(&a[5], m->address);
    array_add_text(&a[6], m->foreign_id);
    array_add_boolean(&a[7], m->markable);
    array_add_text(&a[8], m->stanza);
    array_add_boolean(&a[9], m->receipt);
    char sent[CLOCK_TIMESTAMP_SIZE];
    if (m->sent_at > 0)
        clock_format(m->sent_at, sent);
    array_add_text(&a[10], m->sent_at > 0 ? sent : NULL);
    array_add_uuid(&a[11], &m->earlier);
    array_add_text(&a[12], m->room);
    array_add_text(&a[13], m->details);
    array_add_text(&a[14], m->verdict);
}

/* The columns that both queries of messages have. */
ARCHIVE_SAME_COLUMN(MESSAGE_STORE_EVENTS, MESSAGE_RECEIVE_EVENTS);

/* A batch whose first answer was lost is sent again: its own rows then count as stored now, for
 * nobody has heard of them. Nobody else gives the id of what is sent from here. What arrives may
 * have its id from a server, and then comes more than once with it, also as the echo of what was
 * sent from here: that is in the log before it is sent, and the same rows in their first sending
 * are behind it. */
static bool message_is_own(const struct message_write *m)
{
    return m->write.kind == WRITE_MESSAGE ? uuid_equal(&m->id, &m->own_id)
                                          : m->write.again && m->write.position > m->write.known;
}

static void decode_stored(struct write *write, const PGresult *r, int row)
{
    struct message_write *m = as_message(write);
    write->outcome = (enum write_outcome)binary_integer(r, row, MESSAGE_STORE_OUTCOME);
    if (write->outcome == OUTCOME_NOT_FOUND)
        return;
    binary_uuid(r, row, MESSAGE_STORE_ID, &m->id);
    m->seq = binary_integer(r, row, MESSAGE_STORE_SEQ);
    write->position = binary_integer(r, row, MESSAGE_STORE_POSITION);
    write->at = binary_time(r, row, MESSAGE_STORE_CREATED_AT);
    binary_uuid(r, row, MESSAGE_STORE_CONVERSATION_ID, &m->conversation);
    binary_uuid(r, row, MESSAGE_STORE_SENDER_ID, &m->sender);
    m->members = binary_members(r, row, MESSAGE_STORE_MEMBER_IDS, MESSAGE_STORE_MEMBER_NUMBERS);
    m->direct = binary_boolean(r, row, MESSAGE_STORE_DIRECT);
    m->remote_jid = binary_text(r, row, MESSAGE_STORE_REMOTE_JID);
    m->outbox = binary_boolean(r, row, MESSAGE_STORE_OUTBOX);
    m->outbox_position = binary_integer(r, row, MESSAGE_STORE_OUTBOX_POSITION);
    m->awaited = binary_boolean(r, row, MESSAGE_STORE_AWAITED);
    m->unaccepted = binary_boolean(r, row, MESSAGE_STORE_HELD);
    m->events = binary_text(r, row, MESSAGE_STORE_EVENTS);
    if (write->outcome == OUTCOME_REPEATED && message_is_own(m)) {
        write->outcome = OUTCOME_DONE;
        m->outbox = m->remote_jid != NULL && write->kind == WRITE_MESSAGE;
    }
}

static void decode_message(struct write *write, const PGresult *r, int row)
{
    decode_stored(write, r, row);
    if (write->outcome == OUTCOME_NOT_FOUND)
        return;
    as_message(write)->sender_seq = binary_integer(r, row, MESSAGE_STORE_SENDER_SEQ);
    as_message(write)->unanswered = binary_boolean(r, row, MESSAGE_STORE_UNANSWERED);
    as_message(write)->closed_to = binary_uuids(r, row, MESSAGE_STORE_CLOSED_TO);
    as_message(write)->shown_facts = binary_bytes(r, row, MESSAGE_STORE_SHOWN);
    as_message(write)->seen_facts = binary_bytes(r, row, MESSAGE_STORE_SEEN);
    as_message(write)->refusal = binary_text(r, row, MESSAGE_STORE_REFUSAL);
}

static void encode_plain(struct write *write, struct array *a)
{
    const struct message_write *m = as_message(write);
    array_add_uuid(&a[0], &m->own_id);
    array_add_uuid(&a[1], &m->conversation);
    array_add_uuid(&a[2], &m->sender);
    array_add_text(&a[3], m->body);
    array_add_text(&a[4], m->client_id);
    array_add_uuid(&a[5], &m->dedupe);
    array_add_integer(&a[6], m->seq);
    array_add_integer(&a[7], m->sender_seq);
}

static void decode_plain(struct write *write, const PGresult *r, int row)
{
    struct message_write *m = as_message(write);
    write->outcome = OUTCOME_DONE;
    write->position = binary_integer(r, row, MESSAGE_PUT_POSITION);
    write->at = binary_time(r, row, MESSAGE_PUT_CREATED_AT);
    m->id = m->own_id;
    m->outbox_position = write->position;
    m->direct = true;
    m->unanswered = m->sender_seq == m->seq;
}

static void decode_receive(struct write *write, const PGresult *r, int row)
{
    decode_stored(write, r, row);
    if (write->outcome == OUTCOME_NOT_FOUND)
        return;
    as_message(write)->sender_facts = binary_bytes(r, row, MESSAGE_RECEIVE_SENDER);
    as_message(write)->receipt = binary_boolean(r, row, MESSAGE_RECEIVE_RECEIPT);
    as_message(write)->seen_facts = binary_bytes(r, row, MESSAGE_RECEIVE_SEEN);
    as_message(write)->refusal = binary_text(r, row, MESSAGE_RECEIVE_REFUSAL);
}

/* What was there already may be the work of an earlier attempt whose answer was lost: nobody has
 * heard of it then. To be told twice does no harm here, not to be told does. */
static void count_as_new(struct write *write)
{
    if (write->outcome == OUTCOME_REPEATED && write->again)
        write->outcome = OUTCOME_DONE;
}

static struct mark_write *as_mark(struct write *write)
{
    return (struct mark_write *)(void *)write;
}

static void encode_mark(struct write *write, struct array *a)
{
    const struct mark_write *m = as_mark(write);
    array_add_uuid(&a[0], &m->user);
    array_add_text(&a[1], m->jid);
    array_add_uuid(&a[2], &m->conversation);
    array_add_uuid(&a[3], &m->message);
    array_add_text(&a[4], m->read ? "read" : "delivered");
}

static void decode_mark(struct write *write, const PGresult *r, int row)
{
    struct mark_write *m = as_mark(write);
    write->outcome = (enum write_outcome)binary_integer(r, row, MARK_STORE_OUTCOME);
    if (write->outcome == OUTCOME_NOT_FOUND)
        return;
    binary_uuid(r, row, MARK_STORE_CONVERSATION_ID, &m->conversation);
    binary_uuid(r, row, MARK_STORE_USER_ID, &m->user);
    m->seq = binary_integer(r, row, MARK_STORE_SEQ);
    binary_uuid(r, row, MARK_STORE_MESSAGE_ID, &m->message);
    write->position = binary_integer(r, row, MARK_STORE_POSITION);
    write->at = binary_time(r, row, MARK_STORE_AT);
    m->members = binary_members(r, row, MARK_STORE_MEMBER_IDS, MARK_STORE_MEMBER_NUMBERS);
    m->direct = binary_boolean(r, row, MARK_STORE_DIRECT);
    m->unread = binary_integer(r, row, MARK_STORE_UNREAD);
    m->marker_to = binary_text(r, row, MARK_STORE_MARKER_TO);
    m->marker_reference = binary_text(r, row, MARK_STORE_MARKER_REFERENCE);
    m->tells = binary_boolean(r, row, MARK_STORE_TELLS);
    m->marked = binary_boolean(r, row, MARK_STORE_MARKED);
    if (!uuid_is_nil(&m->message))
        count_as_new(write);
}

static void encode_plain_mark(struct write *write, struct array *a)
{
    const struct mark_write *m = as_mark(write);
    array_add_uuid(&a[0], &m->user);
    array_add_uuid(&a[1], &m->conversation);
    array_add_uuid(&a[2], &m->message);
}

static void decode_plain_mark(struct write *write, const PGresult *r, int row)
{
    struct mark_write *m = as_mark(write);
    write->outcome = OUTCOME_DONE;
    write->position = binary_integer(r, row, MARK_PUT_POSITION);
    write->at = binary_time(r, row, MARK_PUT_AT);
    m->seq = binary_integer(r, row, MARK_PUT_SEQ);
    m->members = binary_members(r, row, MARK_PUT_MEMBER_IDS, MARK_PUT_MEMBER_NUMBERS);
    m->direct = m->tells = true;
}

static struct failure_write *as_failure(struct write *write)
{
    return (struct failure_write *)(void *)write;
}

static void encode_failure(struct write *write, struct array *a)
{
    const struct failure_write *f = as_failure(write);
    array_add_uuid(&a[0], &f->message);
    array_add_text(&a[1], f->from);
    array_add_text(&a[2], f->condition);
}

static void decode_failure(struct write *write, const PGresult *r, int row)
{
    struct failure_write *f = as_failure(write);
    write->outcome = (enum write_outcome)binary_integer(r, row, MESSAGE_FAIL_OUTCOME);
    if (write->outcome == OUTCOME_NOT_FOUND)
        return;
    binary_uuid(r, row, MESSAGE_FAIL_CONVERSATION_ID, &f->conversation);
    binary_uuid(r, row, MESSAGE_FAIL_SENDER_ID, &f->sender);
    f->client_id = binary_text(r, row, MESSAGE_FAIL_CLIENT_ID);
    write->position = binary_integer(r, row, MESSAGE_FAIL_POSITION);
    write->at = binary_time(r, row, MESSAGE_FAIL_AT);
    count_as_new(write);
}

static struct change_write *as_change(struct write *write)
{
    return (struct change_write *)(void *)write;
}

static void encode_change(struct write *write, struct array *a)
{
    const struct change_write *c = as_change(write);
    array_add_text(&a[0], c->name);
    array_add_uuid(&a[1], &c->user);
    array_add_text(&a[2], c->arguments);
}

static void decode_change(struct write *write, const PGresult *r, int row)
{
    struct change_write *c = as_change(write);
    write->outcome = (enum write_outcome)binary_integer(r, row, CHANGE_APPLY_OUTCOME);
    c->result = binary_text(r, row, CHANGE_APPLY_RESULT);
    write->position = binary_integer(r, row, CHANGE_APPLY_POSITION);
    write->at = binary_time(r, row, CHANGE_APPLY_AT);
    c->events = binary_text(r, row, CHANGE_APPLY_EVENTS);
    c->follows = binary_text(r, row, CHANGE_APPLY_FOLLOWS);
}

const struct write_codec write_codecs[WRITE_KINDS] = {
    [WRITE_MESSAGE] = {.query = QUERY_MESSAGE_STORE,
                       .arrays = 9,
                       .types = {ARRAY_UUID, ARRAY_UUID, ARRAY_UUID, ARRAY_TEXT, ARRAY_TEXT,
                                 ARRAY_UUID, ARRAY_BOOLEAN, ARRAY_RARE, ARRAY_RARE},
                       .scalar = SCALAR_CAREFUL,
                       .encode = encode_message,
                       .decode = decode_message,
                       .place = MESSAGE_STORE_N},
    [WRITE_RECEIVE] = {.query = QUERY_MESSAGE_RECEIVE,
                       .arrays = 15,
                       .types = {ARRAY_UUID, ARRAY_TEXT, ARRAY_TEXT, ARRAY_TEXT, ARRAY_UUID,
                                 ARRAY_TEXT, ARRAY_TEXT, ARRAY_BOOLEAN, ARRAY_TEXT, ARRAY_BOOLEAN,
                                 ARRAY_TEXT, ARRAY_UUID, ARRAY_TEXT, ARRAY_RARE, ARRAY_RARE},
                       .encode = encode_receive,
                       .decode = decode_receive},
    [WRITE_MARK] = {.query = QUERY_MARK_STORE,
                    .arrays = 5,
                    .types = {ARRAY_UUID, ARRAY_TEXT, ARRAY_UUID, ARRAY_UUID, ARRAY_TEXT},
                    .encode = encode_mark,
                    .decode = decode_mark},
    [WRITE_FAILURE] = {.query = QUERY_MESSAGE_FAIL,
                       .arrays = 3,
                       .types = {ARRAY_UUID, ARRAY_TEXT, ARRAY_TEXT},
                       .encode = encode_failure,
                       .decode = decode_failure},
    [WRITE_CHANGE] = {.query = QUERY_CHANGE_APPLY,
                      .arrays = 3,
                      .types = {ARRAY_TEXT, ARRAY_UUID, ARRAY_TEXT},
                      .encode = encode_change,
                      .decode = decode_change},
};

static bool is_plain_row(const struct write *write, const PGresult *result, int row)
{
    struct uuid id;
    binary_uuid(result, row, MESSAGE_PUT_ID, &id);
    return uuid_equal(&id, &((const struct message_write *)(const void *)write)->own_id);
}

static bool is_plain_mark_row(const struct write *write, const PGresult *result, int row)
{
    const struct mark_write *m = (const struct mark_write *)(const void *)write;
    struct uuid message, user;
    binary_uuid(result, row, MARK_PUT_ID, &message);
    binary_uuid(result, row, MARK_PUT_USER_ID, &user);
    return uuid_equal(&message, &m->message) && uuid_equal(&user, &m->user);
}

const struct write_codec write_codecs_plain[WRITE_KINDS] = {
    [WRITE_MESSAGE] = {.query = QUERY_MESSAGE_PUT,
                       .arrays = 8,
                       .types = {ARRAY_UUID, ARRAY_UUID, ARRAY_UUID, ARRAY_TEXT, ARRAY_TEXT,
                                 ARRAY_UUID, ARRAY_INTEGER, ARRAY_INTEGER},
                       .encode = encode_plain,
                       .decode = decode_plain,
                       .is_row = is_plain_row},
    [WRITE_MARK] = {.query = QUERY_MARK_PUT,
                    .arrays = 3,
                    .types = {ARRAY_UUID, ARRAY_UUID, ARRAY_UUID},
                    .encode = encode_plain_mark,
                    .decode = decode_plain_mark,
                    .is_row = is_plain_mark_row},
};

static void array_free(GArray *array)
{
    if (array)
        g_array_unref(array);
}

void message_write_free(struct message_write *m)
{
    if (!m)
        return;
    g_free(m->body);
    g_free(m->client_id);
    g_free(m->from);
    g_free(m->to);
    g_free(m->address);
    g_free(m->room);
    g_free(m->foreign_id);
    g_free(m->stanza);
    g_free(m->details);
    g_free(m->verdict);
    g_free(m->refusal);
    g_bytes_unref(m->seen_facts);
    g_free(m->remote_jid);
    g_free(m->events);
    array_free(m->members);
    array_free(m->closed_to);
    g_bytes_unref(m->sender_facts);
    g_bytes_unref(m->shown_facts);
    g_free(m);
}

struct message_write *message_write_again(struct message_write *m)
{
    struct message_write *again = g_new0(struct message_write, 1);
    again->write = (struct write){
        .kind = m->write.kind, .done = m->write.done, .late = m->write.late, .data = m->write.data};
    again->id = m->own_id;
    if (m->write.kind == WRITE_MESSAGE) {
        again->conversation = m->conversation;
        again->sender = m->sender;
    }
    again->dedupe = m->dedupe;
    again->earlier = m->earlier;
    again->limited = m->limited;
    again->blocked = m->blocked;
    again->markable = m->markable;
    again->receipt = m->receipt;
    again->sent_at = m->sent_at;
    again->body = g_steal_pointer(&m->body);
    again->client_id = g_steal_pointer(&m->client_id);
    again->details = g_steal_pointer(&m->details);
    again->verdict = g_steal_pointer(&m->verdict);
    again->from = g_steal_pointer(&m->from);
    again->to = g_steal_pointer(&m->to);
    again->address = g_steal_pointer(&m->address);
    again->room = g_steal_pointer(&m->room);
    again->foreign_id = g_steal_pointer(&m->foreign_id);
    again->stanza = g_steal_pointer(&m->stanza);
    message_write_free(m);
    return again;
}

void mark_write_free(struct mark_write *m)
{
    if (!m)
        return;
    g_free(m->jid);
    array_free(m->members);
    g_free(m->marker_to);
    g_free(m->marker_reference);
    g_free(m);
}

void failure_write_free(struct failure_write *f)
{
    if (!f)
        return;
    g_free(f->from);
    g_free(f->condition);
    g_free(f->client_id);
    g_free(f);
}

void change_write_free(struct change_write *c)
{
    if (!c)
        return;
    g_free(c->arguments);
    g_free(c->result);
    g_free(c->events);
    g_free(c->follows);
    g_free(c);
}
