/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A cursor is the opaque text form of (epoch of the log, position in it). */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define CURSOR_TEXT_SIZE 48

void cursor_format(const char *epoch, gint64 position, char ret_text[CURSOR_TEXT_SIZE]);

/* False if TEXT is not a cursor, or not one of EPOCH. */
bool cursor_parse(const char *text, const char *epoch, gint64 *ret_position);
