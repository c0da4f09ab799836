/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds the handlers of a stanza. Features name them in rows; the table is built once, at start,
 * and in which order features come means nothing. */
#pragma once

#include <strophe.h>

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"
#include "bridge/base/service.h"

struct dispatch;
struct link;
struct options;

/* Who is addressed; a handler names those it serves. */
enum stanza_target {
    TARGET_DOMAIN = 1 << 0,   /* app.example.org */
    TARGET_USER = 1 << 1,     /* alice@app.example.org */
    TARGET_RESOURCE = 1 << 2, /* alice@app.example.org/rest (or any other resource) */
    TARGET_ANY = 7,
    TARGET_ROOMS = 1 << 3,    /* rooms.app.example.org */
    TARGET_ROOM = 1 << 4,     /* team@rooms.app.example.org */
    TARGET_OCCUPANT = 1 << 5, /* team@rooms.app.example.org/Ann */
    TARGET_ANY_ROOM = 7 << 3,
    /* bob@example.org/trestle, a session at another host, see bridge/bound. Neither of the above.
     */
    TARGET_ACCOUNT = 1 << 6,
    /* Out of the archive of such an account, to or from it. */
    TARGET_FILED = 1 << 7,
    /* From such an account: a copy of what another of its clients has sent. */
    TARGET_SENT = 1 << 8,
    TARGET_EVERY = TARGET_ANY | TARGET_ANY_ROOM
};

/* What an archive knows of a stanza. */
struct stanza_filed {
    struct uuid uid; /* the id that it has there */
    gint64 stamp;    /* wall clock: when it was said */
};

struct stanza_context {
    xmpp_stanza_t *stanza;  /* borrowed */
    xmpp_stanza_t *payload; /* the element that the row names; NULL: the row names none */
    const char *type;       /* as rows have it, see below; "" for none */
    const char *from;       /* as delivered */
    const char *from_bare;
    const char *to;
    const char *to_bare;
    enum service service; /* whose link it came by */
    enum stanza_target target;
    struct link *link;                /* NULL: it came by none, and nobody is answered */
    const struct stanza_filed *filed; /* of TARGET_FILED, else NULL */
    void *data;                       /* the dispatcher's data: the core */
    struct dispatch *dispatch;
    const char *archive_id; /* it came out of an archive, which calls it so; NULL: it was sent */
};

/* A row has exactly one of the four functions, and so its phase. A stanza goes through the phases
 * one by one, until one has dealt with it. */
struct stanza_handler {
    const char *stanza; /* "iq", "message", "presence" */
    const char *type;   /* "get", or several: "chat|normal"; NULL: any. A message without type, or
                         * of an unknown one, counts as "normal", a presence without as "available" */
    const char *name;   /* payload element; NULL: any element of NS */
    const char *ns;     /* NULL: the whole stanza, whatever it has in it */
    unsigned targets;   /* of enum stanza_target */
    /* 1. May turn the whole stanza away: true, and nobody else sees it. */
    bool (*admit)(const struct stanza_context *context);
    /* 2. Looks on, and leaves the stanza to the others. There may be any number. Called once per
     * stanza, with the first payload that fits. */
    void (*observe)(const struct stanza_context *context);
    /* 3. Deals with a payload, and with all that is beside it; false: not with this one. Payloads
     * are offered in their order in the stanza. Who deals with an IQ answers it, now or later,
     * exactly once. */
    bool (*claim)(const struct stanza_context *context);
    /* 4. Deals with what nobody has claimed; false: not with this one. A row that names the type
     * is asked before one for any. */
    bool (*fallback)(const struct stanza_context *context);
};

/* DATA is handed to handlers; OPTIONS are kept. */
struct dispatch *dispatch_new(const struct options *options, void *data);
void dispatch_free(struct dispatch *dispatch); /* NULL is fine */

/* Adds ROWS (kept, ended by a row without stanza) of OWNER, who is named in errors. False and
 * *ERROR for a row that makes no sense, or that wants what another one has: of the same stanza,
 * type, name, namespace and target there is one handler in each phase but observe. */
bool dispatch_add(struct dispatch *dispatch, const char *owner, const struct stanza_handler *rows,
                  GError **error);

/* Called for every stanza of LINK, which is the one of SERVICE. Answers IQs nobody handles with
 * service-unavailable, a malformed one with bad-request (not exactly one child, no or an unknown
 * type); never answers an error or a result. Drops, and counts in trestle_stanzas_refused_total:
 * carbons (nobody above us could send them), anything claiming to come from a domain of our own,
 * and what is not addressed to that of SERVICE. */
void dispatch_stanza(struct dispatch *dispatch, enum service service, struct link *link,
                     xmpp_stanza_t *stanza);

/* Dispatches MESSAGE, to whom CONTEXT is to, which an archive that was asked has sent in the stanza
 * of CONTEXT under ARCHIVE_ID: as if it had come now, but that it was admitted as a part of that.
 * For a claim. */
void dispatch_archived(const struct stanza_context *context, xmpp_stanza_t *message,
                       const char *archive_id);

/* STANZA came for the session of an account of another host, which was checked: its `from` and `to`
 * are there and the host's word. OUTER is what it came in. False: nobody deals with it; a request
 * is then still to be answered. */
bool dispatch_account(const struct stanza_context *outer, xmpp_stanza_t *stanza);
/* Likewise; it is of a room where the account has a place, as one of our users would have: handled
 * as theirs, and nobody is answered. */
void dispatch_guest(const struct stanza_context *outer, xmpp_stanza_t *stanza);
/* Likewise; another client of the account has sent it. */
void dispatch_sent(const struct stanza_context *outer, xmpp_stanza_t *stanza);

/* STANZA, a message with `from` and `to`, is out of the archive of such an account. */
void dispatch_filed(struct dispatch *dispatch, xmpp_stanza_t *stanza,
                    const struct stanza_filed *filed);
