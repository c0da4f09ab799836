/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cursor is the opaque text form of (epoch of the log, position in it). */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define CURSOR_TEXT_SIZE 48

void cursor_format(const char *epoch, gint64 position, char ret_text[CURSOR_TEXT_SIZE]);

/* False if TEXT is not a cursor, or not one of EPOCH. */
bool cursor_parse(const char *text, const char *epoch, gint64 *ret_position);

/* The same for EPOCH and those of PAST, which is "epoch:last epoch:last": epochs that have ended,
 * whose logs are the present one up to `last`; NULL: none. */
bool cursor_accept(const char *text, const char *epoch, const char *past, gint64 *ret_position);
