/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Time, in one place so that tests can move it. Timers and deadlines use the monotonic clock; the
 * wall clock is only shown to people and put into tokens and ids. */
#pragma once

#include <glib.h>

gint64 clock_monotonic(void); /* microseconds since an arbitrary start */
gint64 clock_wall(void);      /* microseconds since 1970-01-01 UTC */

/* Tests only: shift both clocks forward by MICROSECONDS (cumulative). */
void clock_advance(gint64 microseconds);

/* The years 0001 to 9999, which RFC 3339 can write and PostgreSQL can read. */
#define CLOCK_WALL_MIN (G_GINT64_CONSTANT(-62135596800) * G_USEC_PER_SEC)
#define CLOCK_WALL_MAX (G_GINT64_CONSTANT(253402300800) * G_USEC_PER_SEC - 1)

/* WALL, or the end of the years above that is nearer. Whoever takes a time from outside clamps it.
 */
gint64 clock_clamp(gint64 wall);

#define CLOCK_TIMESTAMP_SIZE 25 /* "2026-05-04T09:12:44.031Z" and NUL */

/* RFC 3339 UTC with milliseconds, rounded down (also XEP-0082), of WALL microseconds. Any number
 * may be given; it is clamped. This is the one way to write a time; codecs have xep/time.h. */
void clock_format(gint64 wall, char ret_text[CLOCK_TIMESTAMP_SIZE]);
