/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stream asks when it has nothing; a thread reads; what it has read goes to the stream. */
#include "config.h"

#include <openssl/crypto.h>
#include <string.h>

#include "bridge/core/stream.h"
#include "bridge/loop/disk.h"
#include "bridge/media/bucket.h"
#include "bridge/media/outtake.h"
#include "bridge/media/shelf.h"
#include "bridge/media/vault.h"

#define SEGMENTS_AT_ONCE 4

struct serving {
    struct disk_work work;
    struct stream *stream; /* NULL: over, or the client has left */
    char *path, *part;
    guint8 key[FILE_KEY_SIZE];
    guint64 size, next, end; /* of the part; bytes still to be read */
    guint8 *sealed, *plain;
    size_t length; /* of plain: what was read; 0: it could not be */
    size_t skip;   /* of its beginning */
    bool reading;
};

static struct serving *serving_of(struct disk_work *work)
{
    return (struct serving *)(void *)work; /* its first member */
}

static void serving_free(struct serving *serving)
{
    OPENSSL_cleanse(serving->key, sizeof serving->key);
    g_free(serving->path);
    g_free(serving->part);
    g_free(serving->sealed);
    g_free(serving->plain);
    g_free(serving);
}

/* The segments in which the next bytes are: one reading, each opened by itself. */
static void run_read(struct disk_work *work)
{
    struct serving *serving = serving_of(work);
    guint64 index = serving->next / SEGMENT_SIZE;
    guint64 last = MIN((serving->end - 1) / SEGMENT_SIZE, index + SEGMENTS_AT_ONCE - 1);
    guint64 plain_end = MIN((last + 1) * SEGMENT_SIZE, serving->size);
    size_t plain_length = (size_t)(plain_end - index * SEGMENT_SIZE);
    size_t sealed_length = (size_t)segments_size(plain_length);
    serving->length = 0;
    if (!serving->sealed) { /* no later reading is longer */
        serving->sealed = g_malloc(SEGMENTS_AT_ONCE * SEGMENT_SLOT);
        serving->plain = g_malloc(SEGMENTS_AT_ONCE * SEGMENT_SIZE);
    }
    if (!shelf_read(serving->path, index * SEGMENT_SLOT, serving->sealed, sealed_length))
        return;
    for (size_t i = 0; i <= last - index; i++) {
        size_t length = MIN(plain_length - i * SEGMENT_SIZE, SEGMENT_SIZE);
        struct segment_place place = {serving->key, serving->part, index + i};
        if (!segment_open(&place, serving->sealed + i * SEGMENT_SLOT, length + SEGMENT_EXTRA,
                          serving->plain + i * SEGMENT_SIZE))
            return;
    }
    serving->skip = (size_t)(serving->next % SEGMENT_SIZE);
    serving->length = (size_t)MIN(plain_length - serving->skip, serving->end - serving->next);
}

static void read_done(struct disk_work *work)
{
    struct serving *serving = serving_of(work);
    struct stream *stream = serving->stream;
    serving->reading = false;
    if (stream && serving->length == 0) {
        stream_end(stream, true);
        serving->stream = NULL;
    } else if (stream) {
        serving->next += serving->length;
        stream_write(stream, (const char *)serving->plain + serving->skip, serving->length);
        if (serving->next == serving->end) {
            stream_end(stream, false);
            serving->stream = NULL;
        }
    }
    if (!serving->stream)
        serving_free(serving);
}

static void serving_drained(void *data)
{
    struct serving *serving = data;
    if (serving->reading)
        return;
    serving->reading = true;
    serving->work = (struct disk_work){run_read, read_done, bucket_is_set()};
    disk_submit(&serving->work);
}

static void serving_closed(void *data)
{
    struct serving *serving = data;
    serving->stream = NULL;
    if (!serving->reading)
        serving_free(serving);
}

void outtake_begin(struct request *request, const struct outtake *plan)
{
    struct serving *serving = g_new0(struct serving, 1);
    struct stream_head head = {
        .content_type = plan->content_type, .length = (gint64)plan->length, .status = plan->status};
    struct stream_owner owner = {serving_drained, serving_closed, serving};
    serving->path = shelf_path(plan->folder, &plan->file, plan->part);
    serving->part = g_strdup(plan->part);
    memcpy(serving->key, plan->key, sizeof serving->key);
    serving->size = plan->size;
    serving->next = plan->first;
    serving->end = plan->first + plan->length;
    serving->stream = request_stream_head(request, &head, &owner);
    if (!serving->stream)
        serving_free(serving);
}
