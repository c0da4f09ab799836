/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of dialects, and what they share. */
#include "config.h"

#include <string.h>

#include "bridge/base/metrics.h"
#include "bridge/core/cursor.h"
#include "bridge/ws/dialect.h"
#include "bridge/ws/frame.h"

/* What a dialect adds to a payload is far below this; none says a member more than twice. */
#define ENVELOPE_MAX 4096
#define GROWTH_MAX 2
#define ENVELOPE_USUAL 160 /* what the native dialect adds */

static const struct dialect *const dialects[DIALECT_MAX] = {
    [DIALECT_NATIVE] = &dialect_native,
    [DIALECT_S0] = &dialect_s0,
    [DIALECT_S1] = &dialect_s1,
};

const char *const dialect_subprotocols[] = {"trestle.v1", "trestle.s0", "trestle.s1", NULL};

const struct dialect *dialect_find(const char *name)
{
    for (size_t i = 0; name && i < DIALECT_MAX; i++) {
        if (strcmp(name, dialects[i]->name) == 0 || strcmp(name, dialects[i]->subprotocol) == 0)
            return dialects[i];
    }
    return NULL;
}

GBytes *dialect_event_frame(const struct dialect *dialect, struct event *event, const char *epoch)
{
    GBytes **frame = &event->frames[dialect->index];
    if (*frame)
        return *frame;
    char cursor[CURSOR_TEXT_SIZE];
    if (event->position > 0)
        cursor_format(epoch, event->position, cursor);
    g_auto(buffer) text = BUFFER_INIT(event->payload_length * GROWTH_MAX + ENVELOPE_MAX);
    buffer_expect(&text, event->payload_length + ENVELOPE_USUAL);
    frame_begin(&text);
    if (!dialect->write_event(&text, event, event->position > 0 ? cursor : NULL))
        return NULL;
    metric_add(METRIC_EVENT_SERIALISATIONS, 1);
    return *frame = frame_end(&text, FRAME_TEXT);
}

const char *dialect_event_text(const struct dialect *dialect, struct event *event, const char *epoch,
                               size_t *ret_length)
{
    GBytes *frame = dialect_event_frame(dialect, event, epoch);
    return frame ? frame_payload(frame, ret_length) : NULL;
}

GBytes *dialect_make_frame(const struct dialect *dialect, const struct dialect_frame *frame)
{
    size_t length =
        (frame->payload ? strlen(frame->payload) : 0) + (frame->id ? strlen(frame->id) : 0);
    g_auto(buffer) text = BUFFER_INIT(length * GROWTH_MAX + ENVELOPE_MAX);
    buffer_expect(&text, length + ENVELOPE_USUAL);
    frame_begin(&text);
    dialect->write_frame(&text, frame);
    return frame_end(&text, FRAME_TEXT);
}
