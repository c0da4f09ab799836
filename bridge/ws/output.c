/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queue of frames and its one write per turn. */
#include "config.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/ws/output.h"

#define CAPACITY_FIRST 4
#define FRAMES_PER_WRITE 256

static gsize frame_weight(GBytes *bytes)
{
    return g_bytes_get_size(bytes) + OUTPUT_OVERHEAD;
}

static void output_release(struct output *output)
{
    g_free(output->items);
    *output = (struct output){0};
}

void output_clear(struct output *output)
{
    for (guint32 i = 0; i < output->count; i++)
        g_bytes_unref(output->items[output->first + i].bytes);
    output_release(output);
}

bool output_fits(const struct output *output, GBytes *bytes, gsize ceiling)
{
    return output->count == 0 || output->bytes + frame_weight(bytes) <= ceiling;
}

static void make_room(struct output *output)
{
    if (output->first + output->count < output->capacity)
        return;
    if (output->first > 0 && output->first >= output->capacity / 2) {
        for (guint32 i = 0; i < output->count; i++)
            output->items[i] = output->items[output->first + i];
        output->first = 0;
        return;
    }
    output->capacity = MAX(output->capacity * 2, CAPACITY_FIRST);
    output->items = g_renew(struct output_item, output->items, output->capacity);
}

void output_push(struct output *output, GBytes *bytes, gint64 position, gint64 accepted)
{
    make_room(output);
    output->items[output->first + output->count++] =
        (struct output_item){g_bytes_ref(bytes), position, accepted};
    output->bytes += frame_weight(bytes);
    metric_add(METRIC_WS_FRAMES_OUT, 1);
}

/* Keeps the items for which KEEP holds, and the first one if it is written in part. */
static void output_filter(struct output *output, bool (*keep)(const struct output_item *item))
{
    guint32 kept = 0;
    for (guint32 i = 0; i < output->count; i++) {
        struct output_item item = output->items[output->first + i];
        if ((i == 0 && output->written > 0) || keep(&item)) {
            output->items[output->first + kept++] = item;
            continue;
        }
        output->bytes -= frame_weight(item.bytes);
        g_bytes_unref(item.bytes);
    }
    output->count = kept;
}

static bool is_lasting(const struct output_item *item)
{
    return item->position != OUTPUT_EPHEMERAL;
}

static bool is_nothing(const struct output_item *item)
{
    (void)item;
    return false;
}

void output_drop_ephemeral(struct output *output)
{
    output_filter(output, is_lasting);
}

void output_drop_all(struct output *output)
{
    output_filter(output, is_nothing);
}

void output_forget_positions(struct output *output)
{
    for (guint32 i = 0; i < output->count; i++) {
        struct output_item *item = &output->items[output->first + i];
        if (item->position > 0)
            item->position = OUTPUT_CONTROL;
    }
}

static void output_consume(struct output *output, gsize length, gint64 *ret_position)
{
    while (length > 0) {
        struct output_item *item = &output->items[output->first];
        gsize rest = g_bytes_get_size(item->bytes) - output->written;
        if (item->position > 0)
            *ret_position = MAX(*ret_position, item->position);
        if (length < rest) {
            output->written += (guint32)length;
            return;
        }
        length -= rest;
        if (item->accepted > 0)
            metric_observe_of(METRIC_DELIVERY, "websocket", clock_monotonic() - item->accepted);
        output->bytes -= frame_weight(item->bytes);
        g_bytes_unref(item->bytes);
        output->written = 0;
        output->first++;
        output->count--;
    }
}

enum output_result output_write(struct output *output, int fd, gint64 *ret_position)
{
    struct iovec parts[FRAMES_PER_WRITE];
    guint32 count = MIN(output->count, FRAMES_PER_WRITE);
    for (guint32 i = 0; i < count; i++) {
        gsize size;
        gconstpointer data = g_bytes_get_data(output->items[output->first + i].bytes, &size);
        gsize skip = i == 0 ? output->written : 0;
        /* iov_base is not const for the sake of readv. */
        parts[i].iov_base = (char *)(guintptr)data + skip;
        parts[i].iov_len = size - skip;
    }
    if (count == 0)
        return OUTPUT_EMPTY;
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = count};
    metric_add(METRIC_WS_WRITES, 1);
    int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    ssize_t written = count == 1 ? send(fd, parts[0].iov_base, parts[0].iov_len, flags)
                                 : sendmsg(fd, &message, flags);
    if (written < 0 && (errno == EAGAIN || errno == EINTR))
        return OUTPUT_BLOCKED;
    if (written < 0)
        return OUTPUT_FAILED;
    output_consume(output, (gsize)written, ret_position);
    if (output->count > 0)
        return OUTPUT_BLOCKED;
    output_release(output);
    return OUTPUT_EMPTY;
}
