/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of this folder share. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"
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
    char *epoch;   /* of the module; NULL: never heard */
    unsigned has;  /* of enum bound_has */
    bool archives; /* its archive is ours */
    bool decimal;  /* it spells ids of that as numbers: it is known to, or was seen to */
    char *server, *plugin, *users, *archive_problem; /* as of struct bound_hello; NULL: none yet */
    uint64_t archive_waiting;
    struct {
        enum host_state state;
        unsigned has;
        bool archives;
    } afar;                /* as the instance has it that has the link, see holder.h */
    char *refusal;         /* the condition with which it refused hello; NULL: it did not */
    const char *privilege; /* namespace under which it lets us send as its accounts (XEP-0356);
                              static; NULL: it does not */
    bool asking;           /* hello is out */
    unsigned failures;     /* hellos in a row that came to nothing */
    gint64 ask_at;         /* monotonic: when to say hello again */
    unsigned count;        /* sessions bound */
    unsigned count_max;    /* 0: it does not say */
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
    bool online;       /* a socket of the user is open here */
    bool afar;         /* or at another instance, see holder.h */
    bool stale;        /* bound under a resource or for a reason that has passed: bind anew */
    bool waiting;      /* the database may have stanzas for it */
    bool reading;      /* they are being read */
    unsigned storing;  /* stanzas on their way there */
    unsigned attempt;  /* resources that others had */
    unsigned failures; /* in a row */
    gint64 not_before; /* monotonic: when it may be bound again */
    gint64 wanted_until;
    gint64 left;            /* monotonic: when the last socket was closed */
    bool shown;             /* presence was sent */
    bool attentive;         /* with a priority that draws messages */
    gint64 after;           /* of the waiting stanzas: the last one sent */
    bool syncs;             /* its server keeps what its clients have read */
    GHashTable *read;       /* conversation → message, in the app, not published yet; bounded */
    gint64 bookmarks_at;    /* monotonic: when they are asked for again */
    guint bookmarks_digest; /* of those that were taken last */
    GQueue soon;            /* struct soon *: sent once, as soon as it is bound; bounded */
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
    GHashTable *admitting; /* id → question to another instance, see admit.c; bounded */
    bool recovered;        /* accounts that are to stay bound were read */
    bool recovering;
    char recover_after[UUID_TEXT_SIZE];
};
