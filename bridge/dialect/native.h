/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The native envelope, which other dialects share. */
#pragma once

#include "bridge/dialect/dialect.h"

/* The event as { "type": TYPE, "cursor"?, "ts", "payload" }, for dialects with this envelope. */
void dialect_write_envelope(struct buffer *out, const char *type, const struct event *event,
                            const char *cursor, const char *payload);
void dialect_write_native_frame(struct buffer *out, const struct dialect_frame *frame);
