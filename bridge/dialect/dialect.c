/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of dialects, and what they share. */
#include "config.h"

#include <string.h>

#include "bridge/base/metrics.h"
#include "bridge/core/cursor.h"
#include "bridge/dialect/dialect.h"

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

size_t dialect_event_max(const struct event *event)
{
    return event->payload_length * GROWTH_MAX + ENVELOPE_MAX;
}

bool dialect_write_event(const struct dialect *dialect, struct buffer *out,
                         const struct event *event, const char *epoch)
{
    char cursor[CURSOR_TEXT_SIZE];
    if (event->position > 0)
        cursor_format(epoch, event->position, cursor);
    buffer_expect(out, event->payload_length + ENVELOPE_USUAL);
    if (!dialect->write_event(out, event, event->position > 0 ? cursor : NULL))
        return false;
    metric_add(METRIC_EVENT_SERIALISATIONS, 1);
    return true;
}

const char *dialect_event_text(const struct dialect *dialect, struct event *event,
                               const char *epoch, size_t *ret_length)
{
    GBytes **text = &event->texts[dialect->index];
    if (!*text) {
        g_auto(buffer) made = BUFFER_INIT(dialect_event_max(event));
        if (!dialect_write_event(dialect, &made, event, epoch))
            return NULL;
        size_t length;
        char *bytes = buffer_take(&made, &length);
        *text = g_bytes_new_take(bytes, length);
    }
    return g_bytes_get_data(*text, ret_length);
}

size_t dialect_frame_max(const struct dialect_frame *frame)
{
    size_t length =
        (frame->payload ? strlen(frame->payload) : 0) + (frame->id ? strlen(frame->id) : 0);
    return length * GROWTH_MAX + ENVELOPE_MAX;
}
