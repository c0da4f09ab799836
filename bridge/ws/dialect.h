/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How frames look to a client: one const struct per dialect, one file each. A dialect only chooses
 * the outgoing form; what comes in is understood in every dialect's spelling. */
#pragma once

#include "bridge/base/buffer.h"
#include "bridge/core/event.h"

/* A frame that is no event: hello, ack, error, pong, resumed, resync. */
struct dialect_frame {
    const char *type;
    const char *id;      /* JSON value; NULL: none */
    const char *cursor;  /* NULL: none */
    const char *payload; /* JSON object; NULL: none */
};

/* Another spelling of a command's type. */
struct dialect_alias {
    const char *type;
    const char *command;
};

struct dialect {
    enum event_dialect index; /* in event->frames */
    const char *name;         /* of ?dialect= */
    const char *subprotocol;  /* of Sec-WebSocket-Protocol */
    /* Appends the JSON text. False: this dialect does not show such events. CURSOR is NULL for
     * events that are not in the log. */
    bool (*write_event)(struct buffer *out, const struct event *event, const char *cursor);
    void (*write_frame)(struct buffer *out, const struct dialect_frame *frame);
    bool repeats; /* its clients forget that somebody types unless they hear it every two seconds */
    const struct dialect_alias *aliases; /* ended by a row without type; NULL: none */
};

extern const struct dialect dialect_native;

/* The subprotocols in order of preference, NULL-terminated: for the opening handshake. */
extern const char *const dialect_subprotocols[];

/* The dialect that has NAME as name or subprotocol; the native one if NAME is NULL or unknown. */
const struct dialect *dialect_find(const char *name);

/* The native command that TYPE means; TYPE itself if it is no alias. */
const char *dialect_command(const char *type);

/* The ready frame of EVENT, made on first use and kept in the event; borrowed. NULL: not shown. */
GBytes *dialect_event_frame(const struct dialect *dialect, struct event *event, const char *epoch);

/* A ready frame; caller unrefs. */
GBytes *dialect_make_frame(const struct dialect *dialect, const struct dialect_frame *frame);
