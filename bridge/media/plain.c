/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <unistd.h>

#include "bridge/media/plain.h"
#include "bridge/media/shelf.h"
#include "bridge/media/vault.h"

bool plain_each(const struct plain_place *place, guint64 size,
                bool (*take)(const guint8 *bytes, size_t length, void *data), void *data)
{
    g_autofree char *path = shelf_path(place->folder, &place->file, place->part);
    g_autofree guint8 *sealed = g_malloc(SEGMENT_SLOT);
    g_autofree guint8 *plain = g_malloc(SEGMENT_SIZE);
    for (guint64 index = 0; index * SEGMENT_SIZE < size; index++) {
        size_t length = (size_t)MIN(size - index * SEGMENT_SIZE, SEGMENT_SIZE);
        struct segment_place at = {place->key, place->part, index};
        if (!shelf_read(path, index * SEGMENT_SLOT, sealed, length + SEGMENT_EXTRA) ||
            !segment_open(&at, sealed, length + SEGMENT_EXTRA, plain) || !take(plain, length, data))
            return false;
    }
    return true;
}

static bool take_bytes(const guint8 *bytes, size_t length, void *data)
{
    g_byte_array_append(data, bytes, (guint)length);
    return true;
}

GBytes *plain_read(const struct plain_place *place, guint64 size)
{
    GByteArray *bytes = g_byte_array_sized_new((guint)size);
    if (size <= G_MAXINT && plain_each(place, size, take_bytes, bytes))
        return g_byte_array_free_to_bytes(bytes);
    g_byte_array_unref(bytes);
    return NULL;
}

static bool write_bytes(const guint8 *bytes, size_t length, void *data)
{
    const int *fd = data;
    while (length > 0) {
        ssize_t count = write(*fd, bytes, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        bytes += count;
        length -= (size_t)count;
    }
    return true;
}

bool plain_copy(const struct plain_place *place, guint64 size, int fd)
{
    return plain_each(place, size, write_bytes, &fd);
}

enum error_code plain_store(const struct plain_place *place, const guint8 *data, size_t length)
{
    g_autofree char *path = shelf_path(place->folder, &place->file, place->part);
    g_autofree guint8 *sealed = g_malloc(SEGMENT_SLOT);
    enum error_code error = ERROR_NONE;
    int fd = shelf_open(path);
    if (fd < 0 || ftruncate(fd, 0) != 0)
        error = ERROR_UNAVAILABLE;
    for (guint64 index = 0; error == ERROR_NONE && index * SEGMENT_SIZE < length; index++) {
        size_t piece = MIN(length - (size_t)index * SEGMENT_SIZE, SEGMENT_SIZE);
        struct segment_place at = {place->key, place->part, index};
        error = segment_seal(&at, data + index * SEGMENT_SIZE, piece, sealed)
                    ? shelf_write(fd, index * SEGMENT_SLOT, sealed, piece + SEGMENT_EXTRA)
                    : ERROR_UNAVAILABLE;
    }
    if (error == ERROR_NONE)
        error = shelf_sync(fd, path);
    if (fd >= 0)
        close(fd);
    return error;
}
