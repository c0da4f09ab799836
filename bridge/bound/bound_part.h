/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this folder share. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/bound.h"

struct account;
struct core;
struct bound_flights;
struct bound_asks;

enum host_state {
    HOST_UNKNOWN, /* the link is down, or the host has not answered yet */
    HOST_ABSENT,  /* it has no module that binds, or not for us */
    HOST_UP
};

struct bound_host {
    struct bound *bound;
    char *domain;
    enum host_state state;
    char *epoch;        /* of the module; NULL: never heard */
    unsigned has;       /* of enum bound_has */
    bool archives;      /* its archive is ours */
    bool asking;        /* hello is out */
    unsigned failures;  /* hellos in a row that came to nothing */
    gint64 ask_at;      /* monotonic: when to say hello again */
    unsigned count;     /* sessions bound */
    unsigned count_max; /* 0: it does not say */
};

enum session_state {
    SESSION_LOADING, /* its account is being read */
    SESSION_AWAY,    /* not bound */
    SESSION_QUEUED,  /* to be bound in its turn */
    SESSION_BINDING, /* asked */
    SESSION_BOUND
};

/* An account of a host, as long as there is something to do for it. */
struct bound_session {
    struct bound *bound;
    struct bound_host *host;
    char *jid;               /* bare */
    char *local;             /* its localpart */
    struct account *account; /* reference; NULL while it is loading */
    char *resource;          /* NULL likewise */
    char *full_jid;          /* likewise */
    char *base;              /* of the resource, before something is added after conflicts */
    enum session_state state;
    bool watched;      /* is to stay bound */
    bool online;       /* a socket of the user is open */
    bool stale;        /* bound under a resource or for a reason that has passed: bind anew */
    bool waiting;      /* the database may have stanzas for it */
    bool reading;      /* they are being read */
    unsigned storing;  /* stanzas on their way there */
    unsigned attempt;  /* resources that others had */
    unsigned failures; /* in a row */
    gint64 not_before; /* monotonic: when it may be bound again */
    gint64 wanted_until;
    gint64 left;    /* monotonic: when the last socket was closed */
    bool shown;     /* presence was sent */
    bool attentive; /* with a priority that draws messages */
    gint64 after;   /* of the waiting stanzas: the last one sent */
};

struct bound {
    struct core *core;
    GHashTable *hosts;    /* domain → struct bound_host *, owned */
    GHashTable *sessions; /* bare JID → struct bound_session *, owned; bounded */
    GQueue queue;         /* sessions to bind, borrowed */
    guint pace;           /* 0: nothing waits */
    guint tick;
    struct bound_flights *flights;
    struct bound_asks *asks;
    bool recovered; /* accounts that are to stay bound were read */
    bool recovering;
    char recover_after[UUID_TEXT_SIZE];
};

/* ---- bound.c --------------------------------------------------------------------------------- */

struct bound *bound_of(const struct core *core); /* NULL: no host is configured */

/* ---- host.c ---------------------------------------------------------------------------------- */

void bound_hosts_open(struct bound *bound);
void bound_host_free(gpointer host);
/* The host whose domain is that of ADDRESS, a JID of any form; NULL: not one of them. */
struct bound_host *bound_host_of(const struct bound *bound, const char *address);
/* Says hello where it is due. */
void bound_hosts_tick(struct bound *bound, gint64 now);
/* The link is down. */
void bound_hosts_lost(struct bound *bound);
/* Says hello at once: something does not fit what was known. */
void bound_host_doubt(struct bound_host *host);
/* Tells the users of HOST what it has now. */
void bound_host_tell(struct bound_host *host);

/* ---- session.c ------------------------------------------------------------------------------- */

/* The session of JID (bare), made if there is none; NULL: not at a host of ours, or there are too
 * many. */
struct bound_session *bound_session_get(struct bound *bound, const char *jid);
struct bound_session *bound_session_find(const struct bound *bound, const char *jid); /* or NULL */
void bound_session_free(gpointer session);
/* Binds, unbinds and shows presence where it is due. */
void bound_sessions_tick(struct bound *bound, gint64 now);
/* SESSION is to be bound for a while, whoever watches. */
void bound_session_want(struct bound_session *session);
/* It is not bound any more, whatever was thought. */
void bound_session_lost(struct bound_session *session);
/* Those of HOST (NULL: of all). */
void bound_sessions_lost(struct bound *bound, const struct bound_host *host);
/* The host has ended SESSION for REASON. */
void bound_session_ended(struct bound_session *session, const char *reason);
/* Asks the host to unbind it, and forgets it. */
void bound_session_leave(struct bound_session *session);

/* ---- inject.c -------------------------------------------------------------------------------- */

void bound_inject_open(struct bound *bound);
void bound_inject_close(struct bound *bound);
/* Sends STANZA (borrowed) once, or not at all. */
bool bound_inject_once(struct bound_session *session, xmpp_stanza_t *stanza);
/* Sends IQ (borrowed, get or set; a random id is set) and calls ANSWER once, later, with the
 * answer, or NULL. */
bool bound_inject_ask(struct bound_session *session, xmpp_stanza_t *iq, unsigned seconds,
                      void (*answer)(xmpp_stanza_t *result, void *data), void *data);
/* An IQ result or error that came for SESSION. */
void bound_inject_answered(struct bound_session *session, xmpp_stanza_t *result);
/* An error came for the wrapper ID. */
void bound_inject_failed(struct bound_host *host, const char *id, xmpp_stanza_t *error);
void bound_inject_tick(struct bound *bound, gint64 now);
/* The link is down: what was not proven is sent again by those who keep it. */
void bound_inject_lost(struct bound *bound);
/* SESSION is bound: what waits for it is sent. */
void bound_inject_resume(struct bound_session *session);
/* Nobody answers SESSION any more. */
void bound_inject_abandon(struct bound_session *session);

/* ---- arrival.c ------------------------------------------------------------------------------- */

extern const struct stanza_handler bound_stanzas[];

/* ---- mirror.c -------------------------------------------------------------------------------- */

/* SESSION is bound: asks for its contact list and block list. */
void bound_mirror_begin(struct bound_session *session);
/* Whether IQ, a request to SESSION, is a push of one of them; it is answered. */
bool bound_mirror_push(struct bound_session *session, xmpp_stanza_t *iq);
