/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The text is written right behind the room for the frame's header: nothing is copied. */
#include "config.h"

#include "bridge/dialect/dialect.h"
#include "bridge/ws/frame.h"
#include "bridge/ws/text_frame.h"

GBytes *text_frame_of_event(const struct dialect *dialect, struct event *event, const char *epoch)
{
    GBytes **frame = &event->frames[dialect->index];
    if (*frame)
        return *frame;
    g_auto(buffer) text = BUFFER_INIT(FRAME_HEADER_MAX + dialect_event_max(event));
    frame_begin(&text);
    if (!dialect_write_event(dialect, &text, event, epoch))
        return NULL;
    return *frame = frame_end(&text, FRAME_TEXT);
}

GBytes *text_frame_deflated(const struct dialect *dialect, struct event *event,
                            struct deflate *deflate)
{
    GBytes **frame = &event->deflated[dialect->index];
    if (*frame)
        return *frame;
    GBytes *packed = frame_deflate(event->frames[dialect->index], deflate);
    return *frame = packed ? packed : g_bytes_ref(event->frames[dialect->index]);
}

GBytes *text_frame_of(const struct dialect *dialect, const struct dialect_frame *frame)
{
    g_auto(buffer) text = BUFFER_INIT(FRAME_HEADER_MAX + dialect_frame_max(frame));
    frame_begin(&text);
    dialect->write_frame(&text, frame);
    return frame_end(&text, FRAME_TEXT);
}
