/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The receiving half of an XEP-0114 stream: bytes in, stanzas out, within hard limits.
 *
 * A stanza over a limit is dropped without being built or even parsed any further, reported, and
 * reading goes on behind it: one sender must not be able to cut everybody's link. Only broken XML,
 * a foreign encoding and what RFC 6120 section 11.1 forbids (DTD, comment, processing instruction)
 * end the stream. How the bytes are cut into calls makes no difference to the result, and the cost
 * is linear in the bytes. Memory is bounded by the limits, however long the stream lives.
 *
 * Elements are known by namespace, never by prefix. In the stanzas given out every element carries
 * its namespace (see stanza.h), NS_COMPONENT is turned into NS_CLIENT, and attributes in namespaces
 * other than xml: are left out. Text between stanzas is ignored. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "xep/stanza.h"

#define STREAM_ATTRIBUTES_MAX 250U /* a higher limit is taken as this */

struct stream_limits {
    size_t stanza_bytes;
    unsigned elements;   /* in one stanza, itself included */
    unsigned depth;      /* the stanza itself is at 1 */
    unsigned children;   /* of one element, pieces of text included */
    unsigned attributes; /* of one element, namespace declarations included */
};

#define STREAM_LIMITS_DEFAULT                                                                      \
    ((struct stream_limits){.stanza_bytes = 262144,                                                \
                            .elements = 4096,                                                      \
                            .depth = 64,                                                           \
                            .children = 1000,                                                      \
                            .attributes = 64})

enum stream_limit {
    STREAM_LIMIT_BYTES,
    STREAM_LIMIT_ELEMENTS,
    STREAM_LIMIT_DEPTH,
    STREAM_LIMIT_CHILDREN,
    STREAM_LIMIT_ATTRIBUTES,
};

enum stream_failure {
    STREAM_FAILURE_MALFORMED, /* not well-formed, or not UTF-8 */
    STREAM_FAILURE_FORBIDDEN, /* DTD, comment, processing instruction */
    STREAM_FAILURE_ENCODING,  /* the XML declaration names something else than UTF-8 */
    STREAM_FAILURE_ROOT,      /* not a stream, or a root tag over 4 KiB */
};

/* What is known of a stanza over a limit; each may be NULL. All are NULL when its first tag alone
 * is over the limit of bytes. */
struct stream_header {
    const char *name;
    const char *ns;
    const char *from;
    const char *to;
    const char *id;
    const char *type;
};

/* What is handed over lives until the callback returns. All callbacks run inside
 * stream_reader_feed(); they may call stream_reader_stop(), but not feed or free the reader. */
struct stream_callbacks {
    /* The root tag was read; ID and FROM may be NULL. */
    void (*opened)(const char *id, const char *from, void *userdata);
    /* A child of the root, stream errors and the handshake included. Borrowed: to keep it, take a
     * reference with xmpp_stanza_clone(). */
    void (*stanza)(xmpp_stanza_t *stanza, void *userdata);
    void (*over_limit)(const struct stream_header *header, enum stream_limit limit, void *userdata);
    /* The peer closed the root element; nothing follows. */
    void (*closed)(void *userdata);
    /* The stream cannot be read any further; nothing follows. TEXT is English, for a log. */
    void (*failed)(enum stream_failure failure, const char *text, void *userdata);
};

struct stream_reader;

/* A reader at the start of a stream. CALLBACKS must outlive it; all five are needed. */
struct stream_reader *stream_reader_new(const struct stream_limits *limits,
                                        const struct stream_callbacks *callbacks, void *userdata);
void stream_reader_free(struct stream_reader *reader);

/* Reads on. False when the stream is over: closed, failed or stopped; bytes are then ignored. */
bool stream_reader_feed(struct stream_reader *reader, const char *data, size_t length);

/* No callback runs any more once this returns. */
void stream_reader_stop(struct stream_reader *reader);
