/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The batch writer. While statements are in flight on the writing connection, writes collect; when
 * they have come back, everything that waits goes out as one statement per kind. There is one
 * writing connection, so results arrive in the order of log positions.
 *
 * A batch whose connection breaks has an unknown outcome: it is sent again first thing on the next
 * connection, where the dedupe keys recognise what had been stored. A batch that PostgreSQL refuses
 * is sent again row by row, so that a bad row does not fail its neighbours. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive_part.h"
#include "bridge/archive/codec.h"
#include "bridge/archive/heads.h"
#include "bridge/archive/health.h"
#include "bridge/archive/writer.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/loop/loop.h"

#define MARKS_MAX 64   /* in one batch: marks do more work each, and messages wait behind them */
#define CHANGES_MAX 16 /* likewise: one of a large group may take tens of milliseconds */
#define PLAIN_MIN 16   /* fewer than that of what waits are no batch of their own */
#define BATCH_BYTES_MAX                                                                            \
    (4 * 1024 * 1024) /* of text in one statement; a single write may exceed it */
#define QUEUE_BYTES_MAX (256 * 1024 * 1024) /* of text that waits or is in flight */
#define VICTIM_DELAY 20                     /* milliseconds, the first time */
#define RESEND_DELAY (500 * G_TIME_SPAN_MILLISECOND)

struct batch {
    struct writer *writer;
    enum write_kind kind;
    GQueue writes; /* struct write.link */
    bool careful;  /* some of it may have been stored before */
    bool plain;    /* needs nothing but its rows: see write_codecs_plain */
    gint64 sent_at;
    struct pq_frame frame; /* with several instances: where the log stood before and after */
};

/* What writes whose answers were lost have added to the log besides their own rows: when they are
 * sent again, there is nothing to add any more. */
struct missed {
    bool open;           /* it is to be read, before anything is sent again */
    bool asked;          /* and was asked for */
    gint64 after, until; /* where */
    GPtrArray *events;   /* char *: was read, and is told when nothing is unsettled any more */
};

struct writer {
    struct pq_connection *connection;
    const struct archive_callbacks *callbacks;
    void *data;
    struct health *health;
    gint64 newest; /* the highest position known of the log */
    struct missed missed;
    GQueue waiting[WRITE_KINDS];
    GQueue unsettled; /* struct batch *: sent on a connection that broke; go first, one by one */
    GQueue refused;   /* struct write.link: did not fit, are told at the turn's end */
    gint64 resend_at; /* not before this are unsettled batches sent */
    gint64 retry_at;  /* not before this anything is: somebody else has to end first */
    unsigned queued;
    guint64 numbered;
    guint64 lost; /* writes that were not carried out, or perhaps not */
    size_t queued_bytes;
    unsigned queue_max;
    unsigned batch_max;
    GQueue in_flight;    /* struct batch *, in sending order */
    GHashTable *dedupes; /* struct uuid *, of the batch being put together */
    struct heads *heads;
    bool open;        /* between writer_connected() and writer_parted() */
    bool heads_count; /* profiles are open unless somebody closes one: conversations.closed tells
                         all */
    struct array arrays[ARRAYS_MAX];
};

struct writer *writer_new(const struct options *options, struct pq_connection *connection,
                          const struct archive_callbacks *callbacks, struct health *health,
                          void *data)
{
    struct writer *writer = g_new0(struct writer, 1);
    writer->connection = connection;
    writer->callbacks = callbacks;
    writer->health = health;
    writer->data = data;
    for (int kind = 0; kind < WRITE_KINDS; kind++)
        g_queue_init(&writer->waiting[kind]);
    g_queue_init(&writer->unsettled);
    g_queue_init(&writer->refused);
    g_queue_init(&writer->in_flight);
    writer->queue_max = (unsigned)options->database_queue_max;
    writer->batch_max = (unsigned)options->database_batch_max;
    writer->dedupes = g_hash_table_new(uuid_hash, uuid_equal);
    writer->missed.events = g_ptr_array_new_with_free_func(g_free);
    writer->heads = heads_new();
    writer->heads_count = strcmp(options->privacy_profile, "everyone") == 0;
    return writer;
}

static void write_finish(struct writer *writer, struct write *write, enum error_code error)
{
    writer->lost += error == ERROR_UNAVAILABLE;
    writer->queued--;
    writer->queued_bytes -= write->size;
    write->done(write, error);
}

static struct write *pop_write(GQueue *queue)
{
    GList *link = g_queue_pop_head_link(queue);
    return link ? link->data : NULL;
}

static void batch_free(struct batch *batch)
{
    g_free(batch);
}

bool writer_is_waiting(const struct writer *writer)
{
    return writer->in_flight.length > 0;
}

gint64 writer_newest(const struct writer *writer)
{
    return writer->newest;
}

void writer_set_newest(struct writer *writer, gint64 position)
{
    writer->newest = position;
    writer->missed.until = position;
    heads_clear(writer->heads);
}

void writer_other_log(struct writer *writer)
{
    writer->missed.open = false;
    g_ptr_array_set_size(writer->missed.events, 0);
}

bool writer_is_empty(const struct writer *writer)
{
    return writer->queued == 0 && !writer->refused.head;
}

static void progress_note(struct archive_progress *progress, const GQueue *writes)
{
    const struct write *first = writes->head ? writes->head->data : NULL;
    if (first && first->number <= progress->settled)
        progress->settled = first->number - 1;
}

void writer_progress(struct writer *writer, struct archive_progress *ret_progress)
{
    const GQueue *sent[] = {&writer->in_flight, &writer->unsettled};
    *ret_progress = (struct archive_progress){
        .queued = writer->numbered, .settled = writer->numbered, .lost = writer->lost};
    for (int kind = 0; kind < WRITE_KINDS; kind++)
        progress_note(ret_progress, &writer->waiting[kind]);
    for (size_t i = 0; i < G_N_ELEMENTS(sent); i++) {
        for (GList *link = sent[i]->head; link; link = link->next)
            progress_note(ret_progress, &((struct batch *)link->data)->writes);
    }
}

void writer_refuse(struct writer *writer)
{
    writer->lost += writer->refused.length;
    GQueue refused = writer->refused;
    struct write *write;
    g_queue_init(&writer->refused);
    while ((write = pop_write(&refused)))
        write->done(write, ERROR_UNAVAILABLE);
}

void writer_fail_all(struct writer *writer)
{
    struct write *write;
    struct batch *batch;
    writer_refuse(writer);
    while ((batch = g_queue_pop_head(&writer->unsettled))) {
        while ((write = pop_write(&batch->writes))) {
            write->uncertain = true;
            write_finish(writer, write, ERROR_UNAVAILABLE);
        }
        batch_free(batch);
    }
    for (int kind = 0; kind < WRITE_KINDS; kind++) {
        while ((write = pop_write(&writer->waiting[kind]))) {
            write->uncertain = write->unsettled;
            write_finish(writer, write, ERROR_UNAVAILABLE);
        }
    }
}

void writer_free(struct writer *writer)
{
    if (!writer)
        return;
    for (int i = 0; i < ARRAYS_MAX; i++)
        array_clear(&writer->arrays[i]);
    g_hash_table_unref(writer->dedupes);
    g_ptr_array_unref(writer->missed.events);
    heads_free(writer->heads);
    g_free(writer);
}

static const struct uuid *write_dedupe(const struct write *write)
{
    if (write->kind != WRITE_MESSAGE && write->kind != WRITE_RECEIVE)
        return NULL;
    return &((const struct message_write *)(const void *)write)->dedupe;
}

/* Whether WRITE is a message that may be about the ones before it: those have to be there. */
static bool write_refers(const struct write *write)
{
    return write->kind == WRITE_RECEIVE &&
           ((const struct message_write *)(const void *)write)->details;
}

static const struct write_codec *batch_codec(const struct batch *batch)
{
    return batch->plain ? &write_codecs_plain[batch->kind] : &write_codecs[batch->kind];
}

/* As batch_match(), of a plain batch, whose rows come in the order of the writes; -1: has none. */
static bool batch_match_plain(const struct batch *batch, const PGresult *result, int *ret_rows)
{
    int row = 0;
    for (const GList *link = batch->writes.head; link; link = link->next) {
        bool put = row < PQntuples(result) && batch_codec(batch)->is_row(link->data, result, row);
        *ret_rows++ = put ? row : -1;
        row += put;
    }
    return row == PQntuples(result);
}

/* Finds in ret_rows the row of each write; false: the rows are not those of the batch. */
static bool batch_match(const struct batch *batch, const PGresult *result, int *ret_rows)
{
    if (batch->plain)
        return batch_match_plain(batch, result, ret_rows);
    int column = write_codecs[batch->kind].place;
    int count = (int)batch->writes.length;
    if (PQntuples(result) != count)
        return false;
    for (int row = 0; row < count; row++) {
        gint64 place = column > 0 ? binary_integer(result, row, column) - 1 : row;
        if (place < 0 || place >= count)
            return false;
        ret_rows[place] = row;
    }
    return true;
}

static struct message_write *write_message(struct write *write)
{
    return (struct message_write *)(void *)write;
}

/* What heads_take() has filled in counts no more. */
static void write_unplain(struct writer *writer, struct write *write)
{
    struct message_write *message = write_message(write);
    if (write->kind != WRITE_MESSAGE)
        return;
    heads_forget(writer->heads, &message->conversation);
    g_clear_pointer(&message->members, g_array_unref);
    message->seq = message->sender_seq = 0;
}

/* The batch was not stored, or nobody knows: it goes the long way next time. */
static void batch_unplain(struct batch *batch)
{
    for (GList *link = batch->writes.head; batch->plain && link; link = link->next)
        write_unplain(batch->writer, link->data);
    batch->plain = false;
}

static void write_miss(struct writer *writer, struct write *write)
{
    write_unplain(writer, write);
    if (write->kind == WRITE_MESSAGE)
        heads_miss(writer->heads, &write_message(write)->conversation);
    metric_add(METRIC_ARCHIVE_PLAIN_MISSES, 1);
    write->sent = false;
    write->asking = true;
}

/* Takes out of a plain batch what it has not stored, to go the long way, before anything else. */
static void batch_leave(struct batch *batch, int *rows)
{
    GList *last = NULL, *next;
    GQueue *waiting = &batch->writer->waiting[batch->kind];
    int *kept = rows;
    for (GList *link = batch->writes.head; link; link = next, rows++) {
        struct write *write = link->data;
        next = link->next;
        if (*rows >= 0) {
            *kept++ = *rows;
            continue;
        }
        write_miss(batch->writer, write);
        g_queue_unlink(&batch->writes, link);
        if (last)
            g_queue_insert_after_link(waiting, last, link);
        else
            g_queue_push_head_link(waiting, link);
        last = link;
    }
}

/* What a stored message says of its conversation. */
static void write_teach(struct writer *writer, struct write *write, bool plain)
{
    if (write->kind == WRITE_MESSAGE && !plain && writer->heads_count)
        heads_learn(writer->heads, write_message(write));
    else if (write->kind == WRITE_RECEIVE && write->outcome == OUTCOME_DONE)
        heads_forget(writer->heads, &write_message(write)->conversation);
}

/* ROWS: of each write. */
static void batch_settled(struct batch *batch, const PGresult *result, const int *rows)
{
    const struct write_codec *codec = batch_codec(batch);
    struct writer *writer = batch->writer;
    metric_add(METRIC_ARCHIVE_BATCHES, 1);
    metric_add(METRIC_ARCHIVE_BATCH_ROWS, batch->writes.length);
    metric_add(METRIC_ARCHIVE_PLAIN_ROWS, batch->plain ? batch->writes.length : 0);
    metric_observe(METRIC_ARCHIVE_COMMIT, clock_monotonic() - batch->sent_at);
    health_proven(writer->health);
    if (writer->callbacks->batch_begin)
        writer->callbacks->batch_begin(batch->frame.ret_before, batch->frame.ret_after,
                                       writer->data);
    struct write *write;
    while ((write = pop_write(&batch->writes))) {
        codec->decode(write, result, *rows++);
        writer->newest = MAX(writer->newest, write->position);
        write_teach(writer, write, batch->plain);
        write_finish(writer, write, ERROR_NONE);
    }
    if (writer->callbacks->batch_begin)
        writer->callbacks->batch_end(writer->data);
}

/* Puts the writes back to the head of the queue, in their order, to go out one by one. */
static void batch_split(struct batch *batch)
{
    GQueue *waiting = &batch->writer->waiting[batch->kind];
    GList *link;
    while ((link = g_queue_pop_tail_link(&batch->writes))) {
        ((struct write *)link->data)->alone = true;
        g_queue_push_head_link(waiting, link);
    }
}

/* Puts them back to be sent again: CAREFUL when there is a repetition among them. */
static void batch_put_back(struct batch *batch, bool careful)
{
    GQueue *waiting = &batch->writer->waiting[batch->kind];
    GList *link;
    while ((link = g_queue_pop_tail_link(&batch->writes))) {
        struct write *write = link->data;
        write->careful = write->careful || careful;
        g_queue_push_head_link(waiting, link);
    }
}

static void writer_go_on(gpointer data)
{
    (void)data;
    loop_wake();
}

/* Whether BATCH, undone by a deadlock, is sent again: three times, a little later each time. */
static bool batch_retried(struct batch *batch, const PGresult *result)
{
    struct writer *writer = batch->writer;
    guint most = 0;
    if (!archive_is_victim(result))
        return false;
    for (const GList *link = batch->writes.head; link; link = link->next)
        most = MAX(most, ((const struct write *)link->data)->victim);
    if (most >= VICTIM_RETRIES)
        return false;
    for (GList *link = batch->writes.head; link; link = link->next)
        ((struct write *)link->data)->victim++;
    guint milliseconds = (guint)VICTIM_DELAY << most;
    log_info(AREA_ARCHIVE, "batch-retried", "kind=%d rows=%u times=%u", (int)batch->kind,
             batch->writes.length, most + 1);
    writer->retry_at = clock_monotonic() + (gint64)milliseconds * 1000;
    g_timeout_add_once(milliseconds + 1, writer_go_on, NULL);
    batch_put_back(batch, false);
    return true;
}

static void batch_refused(struct batch *batch, enum error_code error)
{
    if (error == ERROR_CONFLICT && !batch->careful) {
        batch_put_back(batch, true);
        return;
    }
    if (batch->writes.length > 1 && error != ERROR_UNAVAILABLE) {
        batch_split(batch);
        return;
    }
    log_warning(AREA_ARCHIVE, "batch-refused", "kind=%d rows=%u code=%s", (int)batch->kind,
                batch->writes.length, error_info(error)->code);
    struct write *write;
    while ((write = pop_write(&batch->writes)))
        write_finish(batch->writer, write, error);
}

/* Whether some of BATCH may have been stored already: then it is settled by an answer alone. */
static bool batch_is_unsettled(const struct batch *batch)
{
    for (const GList *link = batch->writes.head; link; link = link->next) {
        if (((const struct write *)link->data)->unsettled)
            return true;
    }
    return false;
}

static void missed_open(struct writer *writer)
{
    if (writer->missed.open || !writer->callbacks->missed)
        return;
    writer->missed.open = true;
    writer->missed.after = writer->newest;
}

/* Nobody knows what became of BATCH: it is sent again, before anything else. */
static void batch_unsettle(struct batch *batch)
{
    bool once_more = batch_is_unsettled(batch);
    missed_open(batch->writer);
    batch_unplain(batch);
    for (GList *link = batch->writes.head; link; link = link->next)
        ((struct write *)link->data)->unsettled = true;
    if (once_more)
        g_queue_push_head(&batch->writer->unsettled, batch);
    else
        g_queue_push_tail(&batch->writer->unsettled, batch);
}

static void batch_done(PGresult *result, void *data)
{
    struct batch *batch = data;
    struct writer *writer = batch->writer;
    g_queue_remove(&writer->in_flight, batch);
    enum error_code error = result ? archive_result_error(result) : ERROR_NONE;
    if (error != ERROR_NONE)
        health_note_error(writer->health, result);
    /* What may have been stored by an earlier sending is not refused because the database is busy.
     */
    if (!result || (error == ERROR_UNAVAILABLE && batch_is_unsettled(batch))) {
        if (result)
            writer->resend_at = clock_monotonic() + RESEND_DELAY;
        batch_unsettle(batch);
        return;
    }
    g_autofree int *rows = g_new0(int, batch->writes.length);
    if (error == ERROR_NONE && !batch_match(batch, result, rows))
        error = ERROR_INTERNAL;
    if (error != ERROR_NONE) {
        batch_unplain(batch);
    } else if (batch->plain) {
        batch_leave(batch, rows);
        /* It teaches nothing that the next one could wait for. What was missed is told in its turn.
         */
        if (!writer->missed.open && writer->missed.events->len == 0)
            writer_flush(writer);
    }
    if (error == ERROR_NONE)
        batch_settled(batch, result, rows);
    else if (archive_is_read_only(result))
        batch_put_back(batch, false);
    else if (!batch_retried(batch, result))
        batch_refused(batch, error);
    batch_free(batch);
}

static bool batch_send(struct batch *batch)
{
    struct writer *writer = batch->writer;
    const struct write_codec *codec = batch_codec(batch);
    const char *values[ARRAYS_MAX + 1];
    int lengths[ARRAYS_MAX + 1];
    int formats[ARRAYS_MAX + 1];
    for (int i = 0; i < codec->arrays; i++)
        array_begin(&writer->arrays[i], codec->types[i]);
    for (GList *link = batch->writes.head; link; link = link->next) {
        codec->encode(link->data, writer->arrays);
        struct write *write = link->data;
        write->again = write->sent;
        write->known = write->again ? write->known : writer->newest;
        batch->careful = batch->careful || write->careful || write->again;
        write->sent = true;
    }
    for (int i = 0; i < codec->arrays; i++) {
        const GByteArray *bytes = array_end(&writer->arrays[i]);
        values[i] = bytes ? (const char *)bytes->data : NULL;
        lengths[i] = bytes ? (int)bytes->len : 0;
        formats[i] = 1;
    }
    int count = archive_statements()[codec->query].parameters;
    if (count > codec->arrays) {
        values[count - 1] = batch->careful ? "t" : "f";
        lengths[count - 1] = 0;
        formats[count - 1] = 0;
    }
    struct pq_values parameters = {count, values, lengths, formats, 1};
    batch->sent_at = clock_monotonic();
    batch->frame = (struct pq_frame){QUERY_LOG_BEFORE, QUERY_LOG_AFTER, 0, 0};
    struct pq_frame *frame = writer->callbacks->batch_begin ? &batch->frame : NULL;
    if (!pq_connection_send_framed(writer->connection, (int)codec->query, &parameters, frame,
                                   batch_done, batch))
        return false;
    g_queue_push_tail(&writer->in_flight, batch);
    return true;
}

/* The number before which a batch of KIND ends: marks wait for a failure that came before them,
 * failures for marks, and changes for messages from XMPP, which they may be about. */
static guint64 batch_end(const struct writer *writer, enum write_kind kind)
{
    const GQueue *other = kind == WRITE_MARK      ? &writer->waiting[WRITE_FAILURE]
                          : kind == WRITE_FAILURE ? &writer->waiting[WRITE_MARK]
                          : kind == WRITE_CHANGE  ? &writer->waiting[WRITE_RECEIVE]
                                                  : NULL;
    return other && other->head ? ((const struct write *)other->head->data)->number : G_MAXUINT64;
}

/* Takes what may go out together: no two writes with one dedupe key, no neighbours for a write that
 * was refused with others. */
static void batch_collect(struct writer *writer, struct batch *batch)
{
    GQueue *waiting = &writer->waiting[batch->kind];
    unsigned most = MIN(writer->batch_max, batch->kind == WRITE_MARK     ? MARKS_MAX
                                           : batch->kind == WRITE_CHANGE ? CHANGES_MAX
                                                                         : G_MAXUINT);
    size_t bytes = 0;
    guint64 end = batch_end(writer, batch->kind);
    g_hash_table_remove_all(writer->dedupes);
    while (waiting->head && batch->writes.length < most) {
        struct write *write = waiting->head->data;
        if (write->number > end)
            return;
        const struct uuid *dedupe = write_dedupe(write);
        bytes += write->size;
        if (batch->writes.length > 0 &&
            (write->alone || write_refers(write) || bytes > BATCH_BYTES_MAX))
            return;
        if (dedupe && !g_hash_table_add(writer->dedupes, (gpointer)(uintptr_t)dedupe))
            return;
        g_queue_push_tail_link(&batch->writes, g_queue_pop_head_link(waiting));
        if (write->alone)
            return;
    }
}

static struct batch *batch_new(struct writer *writer, enum write_kind kind)
{
    struct batch *batch = g_new0(struct batch, 1);
    batch->writer = writer;
    batch->kind = kind;
    g_queue_init(&batch->writes);
    return batch;
}

static bool write_is_plain(const struct writer *writer, struct write *write)
{
    if (write->careful || write->sent || write->alone || write->asking)
        return false;
    if (write->kind == WRITE_MARK) {
        const struct mark_write *mark = (const struct mark_write *)(const void *)write;
        return !mark->read && !mark->jid && !uuid_is_nil(&mark->message) &&
               !uuid_is_nil(&mark->conversation);
    }
    const struct message_write *message = write_message(write);
    return write->kind == WRITE_MESSAGE && writer->heads_count && !message->limited &&
           !message->details && !message->blocked && heads_know(writer->heads, message);
}

/* Makes a batch plain if it is, or if it begins with enough that are: the others wait for the next
 * one then. */
static void batch_choose(struct batch *batch)
{
    struct writer *writer = batch->writer;
    guint plain = 0;
    for (GList *link = batch->writes.head; link && write_is_plain(writer, link->data);
         link = link->next)
        plain++;
    if (plain < MIN(batch->writes.length, PLAIN_MIN))
        return;
    while (batch->writes.length > plain)
        g_queue_push_head_link(&writer->waiting[batch->kind],
                               g_queue_pop_tail_link(&batch->writes));
    batch->plain = true;
    for (GList *link = batch->writes.head; link && batch->kind == WRITE_MESSAGE; link = link->next)
        heads_take(writer->heads, write_message(link->data));
}

static void batch_unsent(struct batch *batch)
{
    GList *link;
    batch_unplain(batch);
    while ((link = g_queue_pop_tail_link(&batch->writes)))
        g_queue_push_head_link(&batch->writer->waiting[batch->kind], link);
    batch_free(batch);
}

static void missed_read(PGresult *result, void *data)
{
    struct writer *writer = data;
    enum error_code error = result ? archive_result_error(result) : ERROR_UNAVAILABLE;
    writer->missed.asked = false;
    if (error == ERROR_UNAVAILABLE) { /* once more */
        writer->resend_at = result ? clock_monotonic() + RESEND_DELAY : writer->resend_at;
        return;
    }
    writer->missed.open = false;
    if (error != ERROR_NONE)
        log_warning(AREA_ARCHIVE, "missed-lost", "code=%s", error_info(error)->code);
    else if (PQntuples(result) == 1 && !PQgetisnull(result, 0, EVENT_MISSED_EVENTS))
        g_ptr_array_add(writer->missed.events,
                        g_strdup(PQgetvalue(result, 0, EVENT_MISSED_EVENTS)));
}

static void missed_ask(struct writer *writer)
{
    char after[24], until[24];
    const char *texts[] = {after, until};
    struct pq_values values = {.count = 2, .values = texts};
    g_snprintf(after, sizeof after, "%" G_GINT64_FORMAT, writer->missed.after);
    g_snprintf(until, sizeof until, "%" G_GINT64_FORMAT, writer->missed.until);
    writer->missed.asked =
        clock_monotonic() >= writer->resend_at &&
        pq_connection_send(writer->connection, QUERY_EVENT_MISSED, &values, missed_read, writer);
}

static void missed_tell(struct writer *writer)
{
    for (guint i = 0; i < writer->missed.events->len; i++)
        writer->callbacks->missed(writer->missed.events->pdata[i], writer->data);
    g_ptr_array_set_size(writer->missed.events, 0);
}

void writer_flush(struct writer *writer)
{
    metric_set(METRIC_ARCHIVE_QUEUE, writer->queued);
    if (!writer->open)
        return;
    if (!writer->unsettled.head && writer->in_flight.length == 0 && !writer->missed.open)
        missed_tell(writer);
    if (writer->in_flight.length > 0 || writer->queued == 0 || writer->missed.asked ||
        !pq_connection_is_ready(writer->connection) || clock_monotonic() < writer->retry_at)
        return;
    if (writer->missed.open) {
        missed_ask(writer);
        return;
    }
    if (writer->unsettled.head) {
        struct batch *batch = writer->unsettled.head->data;
        if (clock_monotonic() >= writer->resend_at && batch_send(batch))
            g_queue_pop_head(&writer->unsettled);
        return;
    }
    for (int kind = 0; kind < WRITE_KINDS; kind++) {
        if (!writer->waiting[kind].head)
            continue;
        struct batch *batch = batch_new(writer, (enum write_kind)kind);
        batch_collect(writer, batch);
        if (!batch->writes.head) {
            batch_free(batch);
            continue;
        }
        batch_choose(batch);
        if (!batch_send(batch)) {
            batch_unsent(batch);
            return;
        }
    }
}

void writer_forget(struct writer *writer, const struct uuid *conversation)
{
    heads_forget(writer->heads, conversation);
}

void writer_connected(struct writer *writer)
{
    heads_clear(writer->heads);
    writer->open = true;
    writer_flush(writer);
}

void writer_parted(struct writer *writer)
{
    writer->open = false;
}

static size_t text_size(const char *text)
{
    return text ? strlen(text) : 0;
}

/* Messages and changes hold texts worth counting. */
static size_t write_size(const struct write *write)
{
    if (write->kind == WRITE_CHANGE)
        return text_size(((const struct change_write *)(const void *)write)->arguments);
    if (!write_dedupe(write))
        return 0;
    const struct message_write *message = (const struct message_write *)(const void *)write;
    return text_size(message->body) + text_size(message->stanza) + text_size(message->details);
}

void writer_add(struct writer *writer, struct write *write)
{
    write->link.data = write;
    write->size = write_size(write);
    loop_wake();
    if (writer->queued >= writer->queue_max ||
        writer->queued_bytes + write->size > QUEUE_BYTES_MAX) {
        g_queue_push_tail_link(&writer->refused, &write->link);
        return;
    }
    if (write->kind == WRITE_MESSAGE || write->kind == WRITE_RECEIVE) {
        struct message_write *message = (struct message_write *)(void *)write;
        message->own_id = message->id;
    }
    write->queued = clock_monotonic();
    write->number = ++writer->numbered;
    g_queue_push_tail_link(&writer->waiting[write->kind], &write->link);
    writer->queued++;
    writer->queued_bytes += write->size;
}

/* Nothing of these was ever stored: they can be refused with a good conscience. What can be sent is
 * sent at the turn's end, so whatever has become this old waits for a database that is away, busy
 * or not of our schema. What was refused together with others after its answer was lost may have
 * been stored, and stays. */
static void give_up_waiting(struct writer *writer, gint64 now)
{
    for (int kind = 0; kind < WRITE_KINDS; kind++) {
        GQueue *waiting = &writer->waiting[kind];
        for (GList *link = waiting->head, *next; link; link = next) {
            struct write *write = link->data;
            next = link->next;
            if (now - write->queued < ARCHIVE_PATIENCE)
                break;
            if (write->unsettled)
                continue;
            g_queue_unlink(waiting, link);
            write_finish(writer, write, ERROR_UNAVAILABLE);
        }
    }
}

/* What was sent has to be settled, however long that takes; only those who wait are told. */
static void writes_tell_late(const GQueue *writes, gint64 now)
{
    for (const GList *link = writes->head; link; link = link->next) {
        struct write *write = link->data;
        if (now - write->queued < ARCHIVE_PATIENCE)
            break;
        if (write->told_late)
            continue;
        write->told_late = true;
        if (write->late)
            write->late(write);
    }
}

static void batches_tell_late(const GQueue *batches, gint64 now)
{
    for (const GList *link = batches->head; link; link = link->next)
        writes_tell_late(&((const struct batch *)link->data)->writes, now);
}

void writer_tick(struct writer *writer)
{
    gint64 now = clock_monotonic();
    give_up_waiting(writer, now);
    for (int kind = 0; kind < WRITE_KINDS; kind++)
        writes_tell_late(&writer->waiting[kind], now); /* those that stay */
    batches_tell_late(&writer->in_flight, now);
    batches_tell_late(&writer->unsettled, now);
    const struct batch *oldest = g_queue_peek_head(&writer->in_flight);
    if (oldest && now - oldest->sent_at >= ARCHIVE_PATIENCE)
        health_refused(writer->health, "silent");
    if (writer->unsettled.head || writer->missed.open)
        loop_wake();
}
