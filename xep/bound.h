/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions that a server binds for a component (urn:trestle:bind:0): what the component asks the
 * account's host, and the wrapper in which stanzas of those sessions travel over the component
 * link. Requests are IQs; wrappers are messages, which nobody answers. */
#pragma once

#include "xep/stanza.h"

#define BOUND_RESOURCE_MAX 255 /* bytes */

/* What a host says that it has. */
enum bound_has {
    BOUND_HAS_BIND = 1 << 0,
    BOUND_HAS_UID = 1 << 1,
    BOUND_HAS_OFFLINE_COPY = 1 << 2,
    BOUND_HAS_PASSWORD_CHANGED = 1 << 3,
    BOUND_HAS_LOGIN = 1 << 4
};

/* Borrowed from the stanza. */
struct bound_hello {
    const char *epoch;           /* another one: no session of an earlier one exists */
    const char *archive;         /* "trestle", "other"; "" when it does not say */
    const char *server;          /* name of the server; "", as those below, when it does not say */
    const char *plugin;          /* version of its module */
    const char *users;           /* whom it lets be bound: "all", "some", "none" */
    const char *archive_problem; /* why the archive cannot be used right now */
    uint64_t archive_waiting;    /* bytes that wait for it */
    uint64_t sessions;
    unsigned has;          /* of enum bound_has */
    uint64_t max_sessions; /* 0: it does not say */
};

/* A request that asks TO, a host, for the version spoken here. */
xmpp_stanza_t *bound_hello_build(const char *from, const char *to);
/* Reads the answer; false when it is none, of another version, or without an epoch. */
bool bound_hello_parse(xmpp_stanza_t *iq, struct bound_hello *ret);

/* Which session of which account of a host. Borrowed. */
struct bound_place {
    const char *user; /* localpart */
    const char *resource;
};

/* Requests to HOST: NAME is "bind" or "unbind". */
xmpp_stanza_t *bound_request_build(const char *name, const char *from, const char *host,
                                   const struct bound_place *place);

/* Asks HOST whether its account USER may be used here, and, unless PASSWORD is NULL, whether that
 * is its password. */
xmpp_stanza_t *bound_login_build(const char *from, const char *host, const char *user,
                                 const char *password);

enum bound_fault {
    BOUND_FINE,
    BOUND_NONE,  /* no wrapper of that name */
    BOUND_PLACE, /* it does not say which session */
    BOUND_INNER  /* not exactly one message, presence or iq in it */
};

struct bound_stanza {
    struct bound_place place;
    xmpp_stanza_t *stanza; /* borrowed */
    bool offline;          /* a copy of a message that went to offline storage */
};

/* Reads <stanza/> of MESSAGE; *ret is whole only with BOUND_FINE. */
enum bound_fault bound_stanza_parse(xmpp_stanza_t *message, struct bound_stanza *ret);

struct bound_end {
    struct bound_place place;
    const char *reason; /* "" when there is none */
};

/* Reads <unbound/> of MESSAGE. */
enum bound_fault bound_end_parse(xmpp_stanza_t *message, struct bound_end *ret);

struct bound_inject {
    const char *from, *host; /* the component, the host */
    const char *id;          /* of the wrapper: an error names it */
    struct bound_place place;
    const char *uid; /* that the row of a message has already; NULL: none */
};

/* The wrapper with STANZA (borrowed) in it, without its sender, which the host sets. */
xmpp_stanza_t *bound_inject_build(const struct bound_inject *inject, xmpp_stanza_t *stanza);

/* The id of the row of a message between the host and the component's own users. */
void bound_uid_add(xmpp_stanza_t *message, const char *id);
