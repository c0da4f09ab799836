/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of dialects, and what they share. */
#include "config.h"

#include <string.h>

#include "bridge/base/metrics.h"
#include "bridge/core/cursor.h"
#include "bridge/ws/dialect.h"
#include "bridge/ws/frame.h"

/* What a dialect adds to a payload is far below this. */
#define ENVELOPE_MAX 4096

static const struct dialect *const dialects[DIALECT_MAX] = {
    [DIALECT_NATIVE] = &dialect_native,
};

const char *const dialect_subprotocols[] = {"trestle.v1", NULL};

const struct dialect *dialect_find(const char *name)
{
    for (size_t i = 0; name && i < DIALECT_MAX; i++) {
        if (strcmp(name, dialects[i]->name) == 0 || strcmp(name, dialects[i]->subprotocol) == 0)
            return dialects[i];
    }
    return &dialect_native;
}

const char *dialect_command(const char *type)
{
    for (size_t i = 0; i < DIALECT_MAX; i++) {
        for (const struct dialect_alias *alias = dialects[i]->aliases; alias && alias->type;
             alias++) {
            if (strcmp(type, alias->type) == 0)
                return alias->command;
        }
    }
    return type;
}

static GBytes *make_frame(struct buffer *text)
{
    g_return_val_if_fail(!text->overflow, NULL);
    return frame_make(FRAME_TEXT, text->data, text->length);
}

GBytes *dialect_event_frame(const struct dialect *dialect, struct event *event, const char *epoch)
{
    GBytes **frame = &event->frames[dialect->index];
    if (*frame)
        return *frame;
    char cursor[CURSOR_TEXT_SIZE];
    if (event->position > 0)
        cursor_format(epoch, event->position, cursor);
    g_auto(buffer) text = BUFFER_INIT(event->payload_length + ENVELOPE_MAX);
    if (!dialect->write_event(&text, event, event->position > 0 ? cursor : NULL))
        return NULL;
    metric_add(METRIC_EVENT_SERIALISATIONS, 1);
    return *frame = make_frame(&text);
}

GBytes *dialect_make_frame(const struct dialect *dialect, const struct dialect_frame *frame)
{
    size_t length =
        (frame->payload ? strlen(frame->payload) : 0) + (frame->id ? strlen(frame->id) : 0);
    g_auto(buffer) text = BUFFER_INIT(length + ENVELOPE_MAX);
    dialect->write_frame(&text, frame);
    return make_frame(&text);
}
