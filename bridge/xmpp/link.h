/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The component link: XEP-0114 stream, non-blocking, reconnecting (0.2 → 30 s, jitter), pinged. */
#pragma once

#include <strophe.h>

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/service.h"

struct link;
struct options;

enum link_state {
    LINK_WAITING,        /* no socket; the retry timer runs */
    LINK_CONNECTING,     /* TCP connect under way; has a deadline, as the next two have */
    LINK_OPENING,        /* our stream header is sent, the server's awaited */
    LINK_AUTHENTICATING, /* handshake sent, its answer awaited */
    LINK_UP,             /* stanzas flow; pings prove that the server still reads */
    LINK_CLOSED,         /* link_free was called; nothing happens any more */
    LINK_STATE_MAX
};

/* Why an attempt came to nothing. */
struct link_failure {
    enum link_state state; /* how far it had come: LINK_CONNECTING to LINK_AUTHENTICATING */
    int error;             /* errno of connecting; 0: that was not it */
    const char *condition; /* of the server's stream error (RFC 6120 section 4.9.3); NULL: none */
};

struct link_callbacks {
    void (*up)(void *data); /* handshake done; sending is possible */
    /* The stream ended; what was not proven delivered is unknown. Pending requests and barriers
     * have been failed before. Not called by link_free. */
    void (*down)(void *data);
    /* An attempt ended before the link was up; link_problem says why in words. NULL: nobody asks.
     * It may come inside of link_new, which has then not returned. */
    void (*failed)(const struct link_failure *failure, void *data);
    /* A stanza addressed to us: any message and presence, IQ get and set (and an IQ of unknown
     * type). IQ results and errors are matched with link_request and never come here. STANZA is
     * borrowed. */
    void (*stanza)(xmpp_stanza_t *stanza, void *data);
    /* An IQ result or error nobody here waits for, borrowed; NULL: it is dropped. */
    void (*unclaimed)(xmpp_stanza_t *result, void *data);
    enum service service; /* whose domain it is of; SERVICE_USERS by default */
    /* Not NULL: the program works without this link, and this says what to do about it. Only the
     * first failure of a kind is a warning. */
    const char *without;
    bool forbidden; /* does not connect before link_allow */
    bool shared;    /* one of several links of the domain: answers may come to another one */
    bool spare;     /* besides the one that the metrics tell of */
};

/* Starts connecting at once (the loop must have been started). CALLBACKS is copied, OPTIONS read.
 */
struct link *link_new(const struct options *options, const struct link_callbacks *callbacks,
                      void *data);
/* Sends what waits and the closing stream tag if the kernel takes them, closes, fails pending
 * requests and barriers. Allowed inside the link's own callbacks. NULL is fine. */
void link_free(struct link *link);

/* Whether new connections may be made. One that is there stays until it ends by itself. */
void link_allow(struct link *link, bool allowed);
/* Ends our side of the stream: the link is no longer up, but what the server has sent is still
 * read, until it ends its side or three seconds are over. `down` follows then. */
void link_drop(struct link *link);

bool link_is_up(const struct link *link);
enum link_state link_state(const struct link *link);
/* Whether the last stream ended with a closing tag or a stream error, so that the server was well
 * enough to keep what it had read. */
bool link_ended_in_order(const struct link *link);
/* Why the link is not up, for operators: English, never secret; NULL while up or not yet known.
 * Valid until the link's state changes. */
const char *link_problem(const struct link *link);

/* A number of the connection over which stanzas flow, another one for each; 0: the link is not up.
 */
unsigned link_stream(const struct link *link);
/* Bytes that wait for the server. */
size_t link_backlog(const struct link *link);
/* Queues one stanza; it is written at the end of the turn. False (nothing queued) when the link is
 * down, the queue is full, or the stanza is none, exceeds 512 KiB, lacks to or from, or its from is
 * not on our domain: those would cost the stream. That the text is well-formed is the serialiser's
 * promise (xep/stanza_text.c); it is not read again. */
bool link_send(struct link *link, xmpp_stanza_t *stanza);
/* The same of one of several copies: if the one before was of the same object, nothing of it but
 * its attribute `to` is another. */
bool link_send_copy(struct link *link, xmpp_stanza_t *stanza);
/* Whether link_send could ever take STANZA: tells a full queue from a bad stanza. */
bool link_may_send(const struct link *link, xmpp_stanza_t *stanza);
/* Queues a stanza as XML text that came from elsewhere, from another instance: it is parsed as a
 * check, and refused unless it is exactly one well-formed stanza. */
bool link_send_text(struct link *link, const char *xml, size_t length);

/* RESULT is the answering IQ (result or error), borrowed; NULL on timeout or loss of the link. */
typedef void (*link_answer)(xmpp_stanza_t *result, void *data);

/* Sends IQ (get or set; a random id is set on it) and calls ANSWER exactly once, later. An answer
 * counts only if it comes from the address that was asked. False: not sent (also when 10,000
 * requests are pending), ANSWER is not called. */
bool link_request(struct link *link, xmpp_stanza_t *iq, guint timeout_seconds, link_answer answer,
                  void *data);

/* An answer that came to another link of the domain. False: nobody waits for it here either. */
bool link_offer(struct link *link, xmpp_stanza_t *result);

/* Does what is due: retry, deadlines, pings. The link's own timer calls it; tests that move the
 * clock do, too. */
void link_tick(struct link *link);
