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
#define DIALECT_OF(symbol, name, subprotocol) [DIALECT_##symbol] = &dialect_##name,
    DIALECTS(DIALECT_OF, DIALECT_OF)
#undef DIALECT_OF
};

const char *const dialect_names[] = {
#define NAME_OF(symbol, name, subprotocol) #name,
    DIALECTS(NAME_OF, NAME_OF)
#undef NAME_OF
        NULL};

const char *const dialect_subprotocols[] = {
#define SUBPROTOCOL_OF(symbol, name, subprotocol) subprotocol,
    DIALECTS(SUBPROTOCOL_OF, SUBPROTOCOL_OF)
#undef SUBPROTOCOL_OF
        NULL};

const struct dialect *dialect_find(const char *name)
{
    for (size_t i = 0; name && i < DIALECT_MAX; i++) {
        if (strcmp(name, dialect_names[i]) == 0 || strcmp(name, dialect_subprotocols[i]) == 0)
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
    if (event->split && !dialect->splits)
        return false;
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
