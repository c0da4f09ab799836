/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The component link: XEP-0114 stream, non-blocking, reconnecting (0.2 → 30 s, jitter), pinged. */
#pragma once

#include <strophe.h>

#include <glib.h>
#include <stdbool.h>

struct link;
struct options;

struct link_callbacks {
    void (*up)(void *data);   /* handshake done; sending is possible */
    void (*down)(void *data); /* the stream ended; what was not proven delivered is unknown */
    /* A stanza addressed to us: any message and presence, IQ get and set. IQ results and errors
     * are matched with link_request and never come here. STANZA is borrowed. */
    void (*stanza)(xmpp_stanza_t *stanza, void *data);
};

/* Starts connecting at once. CALLBACKS is copied. */
struct link *link_new(const struct options *options, const struct link_callbacks *callbacks,
                      void *data);
/* Sends the closing stream tag if it can, closes, fails pending requests and barriers. */
void link_free(struct link *link);

bool link_is_up(const struct link *link);

/* Queues one stanza. False (nothing queued) when the link is down, the queue is full, or the
 * stanza exceeds 512 KiB or lacks to or from, or its from is not on our domain: those would cost
 * the stream. */
bool link_send(struct link *link, xmpp_stanza_t *stanza);
/* The same for XML text that this program has serialised itself. */
bool link_send_text(struct link *link, const char *xml, size_t length);

/* RESULT is the answering IQ (result or error), borrowed; NULL on timeout or loss of the link. */
typedef void (*link_answer)(xmpp_stanza_t *result, void *data);

/* Sends IQ (get or set; a random id is set on it) and calls ANSWER exactly once, later. An answer
 * counts only if it comes from the address that was asked. False: not sent, ANSWER is not called. */
bool link_request(struct link *link, xmpp_stanza_t *iq, guint timeout_seconds, link_answer answer,
                  void *data);

/* Calls DONE exactly once: true when the server has taken over everything sent before (a ping to
 * it came back, streams being processed in order), false when the link went down first. False
 * return: the link is down, DONE is not called. */
bool link_barrier(struct link *link, void (*done)(bool delivered, void *data), void *data);
