/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a dialect makes, as WebSocket text frames. */
#pragma once

#include <glib.h>

struct deflate;
struct dialect;
struct dialect_frame;
struct event;

/* The ready frame of EVENT, made on first use and kept in the event, so that all sockets of a
 * dialect share it; borrowed. NULL: the dialect does not show such events. */
GBytes *text_frame_of_event(const struct dialect *dialect, struct event *event, const char *epoch);
/* The same compressed, or as it is where that is shorter; after text_frame_of_event(). The event
 * keeps it, too. */
GBytes *text_frame_deflated(const struct dialect *dialect, struct event *event,
                            struct deflate *deflate);

/* The ready frame of what is no event; caller unrefs. */
GBytes *text_frame_of(const struct dialect *dialect, const struct dialect_frame *frame);
