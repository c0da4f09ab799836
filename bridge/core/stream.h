/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An answer that goes on: text in pieces, for as long as both sides want. What the client has not
 * read yet waits in memory, up to a ceiling. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

struct request;
struct stream;

struct stream_functions {
    bool (*write)(struct stream *stream, const char *bytes, size_t length);
    void (*end)(struct stream *stream, bool cut);
};

struct stream {
    const struct stream_functions *functions;
    size_t waiting; /* bytes that the client has not taken yet, as far as is known here */
    size_t ceiling;
    guint64 taken; /* bytes that the connection has taken over so far */
};

struct stream_owner {
    void (*drained)(void *data); /* nothing waits any more; may write and end */
    void (*closed)(void *data);  /* the client has left, and the stream is gone */
    void *data;
};

/* Answers REQUEST, which is gone afterwards, with a stream of CONTENT_TYPE (static text); it lives
 * until closed() or stream_end(). OWNER is copied; nothing is called before this has returned.
 * NULL: the client has left already, or came by a transport without streams. */
struct stream *request_stream(struct request *request, const char *content_type,
                              const struct stream_owner *owner);

struct stream_head {
    const char *content_type; /* static text */
    gint64 length;            /* bytes that will be written in all; negative: nobody knows */
    unsigned status;          /* of the answer; 0: 200 */
    bool is_long;             /* of unknown length, but much and soon over */
};

/* The same of any answer: the connection outlives one whose length is known. The owner cuts a
 * stream that it cannot complete. */
struct stream *request_stream_head(struct request *request, const struct stream_head *head,
                                   const struct stream_owner *owner);

/* False, and nothing is written, if BYTES are more than there is room for; when nothing waits,
 * there is room for whatever comes next. */
bool stream_write(struct stream *stream, const char *bytes, size_t length);

/* Ends the stream behind what waits, or at once (CUT). The owner is told nothing any more. */
void stream_end(struct stream *stream, bool cut);
