/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time, in one place so that tests can move it. Timers and deadlines use the monotonic clock; the
 * wall clock is only shown to people and put into tokens and ids. */
#pragma once

#include <glib.h>

gint64 clock_monotonic(void); /* microseconds since an arbitrary start */
gint64 clock_wall(void);      /* microseconds since 1970-01-01 UTC */

/* Tests only: shift both clocks forward by MICROSECONDS (cumulative). */
void clock_advance(gint64 microseconds);

#define CLOCK_TIMESTAMP_SIZE 25 /* "2026-05-04T09:12:44.031Z" and NUL */

/* RFC 3339 UTC with milliseconds (also XEP-0082) of WALL microseconds. */
void clock_format(gint64 wall, char ret_text[CLOCK_TIMESTAMP_SIZE]);
