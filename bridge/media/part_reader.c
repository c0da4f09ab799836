/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bridge/media/part_reader.h"

#include <openssl/crypto.h>
#include <string.h>

#include "bridge/loop/disk.h"
#include "bridge/media/bucket.h"
#include "bridge/media/shelf.h"
#include "bridge/media/vault.h"

#define SEGMENTS_AT_ONCE 4

struct part_reader {
    struct disk_work work;
    char *path, *part;
    guint8 key[FILE_KEY_SIZE];
    guint64 size, next, end; /* of the part; bytes still to be read */
    guint8 *sealed, *plain;
    size_t length; /* of plain: what was read; 0: it could not be */
    size_t skip;   /* of its beginning */
    bool reading, telling, freed;
    part_read done;
    void *data;
};

static struct part_reader *reader_of(struct disk_work *work)
{
    return (struct part_reader *)(void *)work; /* its first member */
}

static void reader_destroy(struct part_reader *reader)
{
    OPENSSL_cleanse(reader->key, sizeof reader->key);
    g_free(reader->path);
    g_free(reader->part);
    g_free(reader->sealed);
    g_free(reader->plain);
    g_free(reader);
}

struct part_reader *part_reader_new(const struct part_place *place)
{
    struct part_reader *reader = g_new0(struct part_reader, 1);
    reader->path = shelf_path(place->folder, &place->file, place->part);
    reader->part = g_strdup(place->part);
    memcpy(reader->key, place->key, sizeof reader->key);
    reader->size = place->size;
    reader->next = place->first;
    reader->end = place->first + place->length;
    return reader;
}

void part_reader_free(struct part_reader *reader)
{
    if (!reader)
        return;
    reader->freed = true;
    if (!reader->reading && !reader->telling)
        reader_destroy(reader);
}

bool part_reader_at_end(const struct part_reader *reader)
{
    return reader->next == reader->end;
}

/* The segments in which the next bytes are: one reading, each opened by itself. */
static void run_read(struct disk_work *work)
{
    struct part_reader *reader = reader_of(work);
    guint64 index = reader->next / SEGMENT_SIZE;
    guint64 last = MIN((reader->end - 1) / SEGMENT_SIZE, index + SEGMENTS_AT_ONCE - 1);
    guint64 plain_end = MIN((last + 1) * SEGMENT_SIZE, reader->size);
    size_t plain_length = (size_t)(plain_end - index * SEGMENT_SIZE);
    size_t sealed_length = (size_t)segments_size(plain_length);
    reader->length = 0;
    if (!reader->sealed) { /* no later reading is longer */
        reader->sealed = g_malloc(SEGMENTS_AT_ONCE * SEGMENT_SLOT);
        reader->plain = g_malloc(SEGMENTS_AT_ONCE * SEGMENT_SIZE);
    }
    if (!shelf_read(reader->path, index * SEGMENT_SLOT, reader->sealed, sealed_length))
        return;
    for (size_t i = 0; i <= last - index; i++) {
        size_t length = MIN(plain_length - i * SEGMENT_SIZE, SEGMENT_SIZE);
        struct segment_place place = {reader->key, reader->part, index + i};
        if (!segment_open(&place, reader->sealed + i * SEGMENT_SLOT, length + SEGMENT_EXTRA,
                          reader->plain + i * SEGMENT_SIZE))
            return;
    }
    reader->skip = (size_t)(reader->next % SEGMENT_SIZE);
    reader->length = (size_t)MIN(plain_length - reader->skip, reader->end - reader->next);
}

static void read_done(struct disk_work *work)
{
    struct part_reader *reader = reader_of(work);
    reader->reading = false;
    if (!reader->freed) {
        reader->next += reader->length;
        reader->telling = true; /* it may be freed in there, or read on */
        reader->done(reader->plain ? reader->plain + reader->skip : NULL, reader->length,
                     reader->data);
        reader->telling = false;
    }
    if (reader->freed && !reader->reading)
        reader_destroy(reader);
}

void part_reader_next(struct part_reader *reader, part_read done, void *data)
{
    reader->reading = true;
    reader->done = done;
    reader->data = data;
    reader->work = (struct disk_work){run_read, read_done, bucket_is_set()};
    disk_submit(&reader->work);
}
