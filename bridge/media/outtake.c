/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stream asks when it has nothing; a thread reads; what it has read goes to the stream. */
#include "config.h"

#include "bridge/core/stream.h"
#include "bridge/media/outtake.h"
#include "bridge/media/part_reader.h"

struct serving {
    struct stream *stream;
    struct part_reader *reader;
    bool reading;
};

static void serving_free(struct serving *serving)
{
    part_reader_free(serving->reader);
    g_free(serving);
}

static void serving_read(const guint8 *bytes, size_t length, void *data)
{
    struct serving *serving = data;
    struct stream *stream = serving->stream;
    bool last = length == 0 || part_reader_at_end(serving->reader);
    serving->reading = false;
    if (length > 0)
        stream_write(stream, (const char *)bytes, length);
    if (last) {
        stream_end(stream, length == 0);
        serving_free(serving);
    }
}

static void serving_drained(void *data)
{
    struct serving *serving = data;
    if (serving->reading)
        return;
    serving->reading = true;
    part_reader_next(serving->reader, serving_read, serving);
}

static void serving_closed(void *data)
{
    serving_free(data);
}

void outtake_begin(struct request *request, const struct outtake *plan)
{
    struct serving *serving = g_new0(struct serving, 1);
    struct stream_head head = {.content_type = plan->content_type,
                               .length = (gint64)plan->place.length,
                               .status = plan->status};
    struct stream_owner owner = {serving_drained, serving_closed, serving};
    serving->reader = part_reader_new(&plan->place);
    serving->stream = request_stream_head(request, &head, &owner);
    if (!serving->stream)
        serving_free(serving);
}
