/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What waits to be written to one socket: references to ready frames, with a ceiling in bytes. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct output_item {
    GBytes *bytes;
    gint64 position; /* of the event in the log; OUTPUT_EPHEMERAL, OUTPUT_CONTROL */
    gint64 accepted; /* clock_monotonic: when what it tells came here; 0: that does not count */
};

#define OUTPUT_EPHEMERAL 0  /* an event that may be dropped */
#define OUTPUT_CONTROL (-1) /* an answer or control frame */

/* Zeroed it is empty; an empty one owns no memory. */
struct output {
    struct output_item *items; /* first..first+count */
    guint32 first, count, capacity;
    guint32 written; /* bytes of the first item that are written */
    gsize bytes;     /* that wait, plus OUTPUT_OVERHEAD for each frame */
};

#define OUTPUT_OVERHEAD 64

void output_clear(struct output *output);

/* Whether BYTES may be added without passing CEILING; a single frame always may. */
bool output_fits(const struct output *output, GBytes *bytes, gsize ceiling);

/* Takes a reference of BYTES. */
void output_push(struct output *output, GBytes *bytes, gint64 position, gint64 accepted);

/* Both never drop a frame that has been written in part. */
void output_drop_ephemeral(struct output *output);
void output_drop_all(struct output *output);

/* The events that wait no longer tell how far the reader has come. */
void output_forget_positions(struct output *output);

enum output_result { OUTPUT_EMPTY, OUTPUT_BLOCKED, OUTPUT_FAILED };

/* Writes as much as the socket takes, with one system call. *ret_position becomes the position of
 * the newest event that was written whole or in part, if one was. */
enum output_result output_write(struct output *output, int fd, gint64 *ret_position);
