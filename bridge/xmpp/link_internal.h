/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The inside of a component link: for link.c and link_ping.c only. */
#pragma once

#include "bridge/loop/loop.h"
#include "bridge/xmpp/copies.h"
#include "bridge/xmpp/guard.h"
#include "bridge/xmpp/link.h"
#include "bridge/xmpp/pending_iq.h"
#include "bridge/xmpp/send_queue.h"
#include "bridge/xmpp/stream_error.h"
#include "xep/stream_reader.h"

#define PROBES_MAX 1024
#define PROBE_ROOM (512 * 1024) /* queue room on top of the ceiling, for pings only */

/* A ping to the server that is under way, and the barriers that wait for it. */
struct probe {
    struct link *link;
    gint64 sent;
    GArray *barriers; /* struct barrier */
};

struct barrier {
    void (*done)(bool delivered, void *data);
    void *data;
};

struct link {
    enum link_state state;
    gint64 since;     /* when the state was entered */
    unsigned streams; /* how often it has come up */
    struct loop_watch watch;
    bool watching_output; /* EPOLLOUT is asked for: the kernel is full */
    struct stream_reader *reader;
    bool feeding; /* inside the reader: it must not be freed now */
    struct send_queue queue;
    struct copies copies; /* of this turn */
    GString *text;        /* of the stanza that is being queued */
    struct guard *guard;
    struct labels *labels;
    struct pending_iq *pending;

    GQueue probes;           /* struct probe, oldest first; owned */
    struct probe *last_sent; /* the probe that is the newest thing in the stream, or NULL */
    gint64 last_proof;       /* when the latest ping was answered, or the link came up */
    gint64 last_received;    /* when bytes last came */

    gint64 retry_delay;  /* base of the next wait */
    gint64 retry_at;     /* LINK_WAITING: when to connect */
    char *problem;       /* see link_problem */
    guint timer;         /* GLib source, 0: none */
    gint64 timer_at;     /* when it fires */
    bool allowed;        /* to connect */
    bool closing;        /* our side of the stream has ended */
    bool in_order;       /* the server has ended its side, or said why it will */
    bool offered;        /* inside link_offer */
    unsigned candidates; /* pings from addresses that are being tried */
    char *ping_from;     /* shared: an address whose answers come to this link; NULL: not known */
    guint busy;          /* depth of our own functions on the stack: link_free must wait */

    struct link_failure failure; /* of the attempt */
    struct link_callbacks callbacks;
    void *data;
    struct stream_limits limits;
    char *domain;
    char *server_domain;
    char *host;
    char *secret;
    guint16 port;
    gint64 ping_interval;
    gint64 ping_timeout;
};

/* ---- link.c ---------------------------------------------------------------------------------- */

/* The attempt or the link is over; the next one comes after a while. */
void link_lost(struct link *link, enum retry_pace pace, const char *problem);

/* Sets the timer to the next deadline. */
void link_schedule(struct link *link);

/* Like link_request, without its ceiling. DEADLINE G_MAXINT64 is a ping's: it lives as long as the
 * link and may use the room that is kept for pings. */
bool link_request_until(struct link *link, xmpp_stanza_t *iq, gint64 deadline, link_answer answer,
                        void *data);

/* ---- link_ping.c ----------------------------------------------------------------------------- */

/* Pings the server; NULL: not possible. The probe is the link's. */
struct probe *link_ping(struct link *link);

/* When the oldest ping (there is one) counts as unanswered. */
gint64 link_ping_deadline(struct link *link);

/* The link came up: finds the address that pings come from, if it is one of several. */
void link_find_place(struct link *link);
