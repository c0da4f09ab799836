/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way out to XMPP. What is worth something now only (an answer, presence, typing) goes by
 * stanza_out(): once, or not at all. What must arrive is a row of the outbox, made in the
 * transaction that causes it; see outbox.h. */
#pragma once

#include <stdbool.h>

#include "xep/stanza.h"

struct core;

enum sink_result {
    SINK_SENT,
    SINK_LATER, /* the link is down or its queue is full */
    SINK_NEVER  /* not a stanza that may go out, whenever it is tried */
};

/* RESULT is the answering IQ (result or error), borrowed; NULL on timeout or loss of the link. */
typedef void (*stanza_answer)(xmpp_stanza_t *result, void *data);

/* The way of one of our domains to the XMPP server, handed in by the wiring so that core does not
 * know the link. */
struct stanza_sink {
    void *link;
    bool (*ready)(void *link);
    /* Queues STANZA (borrowed; its `to` may be spelt otherwise afterwards). */
    enum sink_result (*send)(void *link, xmpp_stanza_t *stanza);
    /* The same of one of several copies, of the same object as the one before but for its `to`.
     * NULL: as `send`. */
    enum sink_result (*copy)(void *link, xmpp_stanza_t *stanza);
    /* The same of what is sent once, or not at all. NULL: as `send`. */
    enum sink_result (*once)(void *link, xmpp_stanza_t *stanza);
    /* Calls done once: true when everything sent before was taken over by the server, false when
     * the link went down first. False at once (and no call) if the link is down. */
    bool (*barrier)(void *link, void (*done)(bool delivered, void *data), void *data);
    /* Several instances: whether this one may send what is in the outbox, and can. NULL: when
     * ready. */
    bool (*durable)(void *link);
    /* Whether IQ requests can be sent: this process's own link is up. */
    bool (*may_ask)(void *link);
    /* Sends IQ (get or set), as stanza_ask() has it. */
    bool (*ask)(void *link, xmpp_stanza_t *iq, unsigned seconds, stanza_answer answer, void *data);
};

/* Sends STANZA (borrowed) by the link of the domain that it is from. False when the link is down or
 * takes no more, or the process is going down; a stanza that may never go out is logged and
 * dropped, and counts as sent. */
bool stanza_out(struct core *core, xmpp_stanza_t *stanza);

/* Sends IQ (get or set; a random id is set on it) over this process's own link of
 * the domain that it is from, and calls ANSWER
 * exactly once, later. An answer counts only if it comes from the address that was asked. False:
 * not sent (also when too many requests are pending), ANSWER is not called. */
bool stanza_ask(struct core *core, xmpp_stanza_t *iq, unsigned seconds, stanza_answer answer,
                void *data);
/* Whether this process is the one that sends what must reach XMPP by the users' link, and can. */
bool stanza_is_mine(const struct core *core);
/* The way of the domain that STANZA is from; of an account of another host that is used here, the
 * way through its session there. */
const struct stanza_sink *stanza_sink_of(const struct core *core, xmpp_stanza_t *stanza);

/* Whether one of the users could be sent: their link is up. */
bool stanza_may_ask(const struct core *core);
