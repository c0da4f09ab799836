/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How events and answers read to a client: one const struct per dialect, one file each. A dialect
 * makes JSON text and knows no transport; it only chooses the outgoing form, what comes in is
 * understood in every dialect's spelling. */
#pragma once

#include <stddef.h>

#include "bridge/base/buffer.h"
#include "bridge/base/words.h"
#include "bridge/core/event.h"

/* A frame that is no event: hello, ack, error, pong, resumed, resync. */
struct dialect_frame {
    const char *type;
    const char *id;      /* JSON value; NULL: none */
    const char *cursor;  /* NULL: none */
    const char *payload; /* JSON object; NULL: none */
    /* Of hello, for dialects that welcome people in words and name them by number. */
    const char *welcome;
    gint64 user_number;
};

struct shape_rule;

struct dialect {
    enum event_dialect index; /* in event->frames */
    const char *greeting;     /* the type of the frame that hello becomes */
    /* Appends the JSON text. False: this dialect does not show such events. CURSOR is NULL for
     * events that are not in the log. */
    bool (*write_event)(struct buffer *out, const struct event *event, const char *cursor);
    void (*write_frame)(struct buffer *out, const struct dialect_frame *frame);
    bool brief;   /* answers its clients' messages with BriefMessage */
    bool splits;  /* is also told signals of calls under the name of what they say: event->split */
    bool repeats; /* its clients forget that somebody types unless they hear it every two seconds */
    unsigned invalid_status; /* HTTP's, of what is invalid; 0: as error.def has it */
    /* How its clients have the objects of the API: in replies, and its names in their requests;
     * NULL: as they are. */
    const struct shape_rule *rules;
    /* The type of the frame that an event becomes; NULL if there is none. */
    const char *(*event_name)(const struct event *event);
};

#define DECLARE(symbol, name, subprotocol) extern const struct dialect dialect_##name;
DIALECTS(DECLARE, DECLARE)
#undef DECLARE

/* The names, and the subprotocols for the opening handshake, in order of preference; NULL ends
 * both. */
extern const char *const dialect_names[], *const dialect_subprotocols[];

/* The dialect that has NAME as name or subprotocol; NULL if NAME is NULL or unknown. */
const struct dialect *dialect_find(const char *name);

/* Appends EVENT's text to OUT. False, with OUT as it was: the dialect does not show such events. */
bool dialect_write_event(const struct dialect *dialect, struct buffer *out,
                         const struct event *event, const char *epoch);
/* The ceiling, in bytes, of a buffer for EVENT's text, and of one for FRAME's. */
size_t dialect_event_max(const struct event *event);
size_t dialect_frame_max(const struct dialect_frame *frame);

/* EVENT's text, made on first use and kept in the event; borrowed, not NUL-terminated. NULL: not
 * shown. */
const char *dialect_event_text(const struct dialect *dialect, struct event *event,
                               const char *epoch, size_t *ret_length);
