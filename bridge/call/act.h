/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens in a call, and to a side of it that is on XMPP. */
#pragma once

#include "bridge/call/call.h"

struct relation;

struct call_deed {
    enum call_event event;
    enum call_reason reason;        /* of what ends it; 0: the usual one */
    const struct call_actor *actor; /* NULL: the bridge */
    const json_t *signal;           /* { type, data } of an offer, answer, candidate, restart */
    const json_t *bound;            /* by the description in it, see binding.h; NULL: nothing */
    const json_t *state;            /* of CALL_INFO: members of /state; `connecting` is set by it */
    const struct call_device *target; /* of CALL_TRANSFER */
    const struct uuid *guest;         /* likewise; NULL: it goes to another device */
    bool reachable;                   /* the guest, as far as is known */
    const json_t *next; /* the call that is begun in place of this one: see call_pass_on() in SQL */
    const char *address; /* of the peer, full, for the session; NULL: as it is */
    bool elsewhere;      /* another client of the account did it, and has told the peer */
};

struct call_outcome {
    enum call_verdict verdict; /* CALL_DONE, CALL_SAME: done */
    enum error_code error;     /* unless it could be written; ERROR_UNPROCESSABLE: the description
                                * has another key than was bound to the call */
    const json_t *call;        /* the Call as the actor sees it, if it was written; else NULL */
    const json_t *next;        /* row of the one that was begun in its place; NULL: none */
    const char *reason;        /* of an ERROR_CONFLICT: error_reason; or NULL */
};

/* CALL is borrowed; it was read anew if that was needed. Called exactly once, now or later. */
typedef void (*call_acted)(struct call *call, const struct call_outcome *outcome, void *data);

/* Does DEED (copied; its json is referenced): asks the machine, writes what has changed, tells the
 * other side and its devices. DONE may be NULL. */
void call_act(struct call *call, const struct call_deed *deed, call_acted done, void *data);

/* Writes what the caller has changed: the party of a side, or new members of the session. BEFORE is
 * the machine as it was. */
void call_note(struct call *call, const struct call_machine *before);

/* A call has just been stored, with ROW: the callee is to be rung, wherever. NULL: it is over. */
struct call *call_began(struct core *core, const json_t *row);

/* ---- The other side is on XMPP --------------------------------------------------------------- */

/* How a call's side on XMPP is told; set by the feature that speaks Jingle. Any may be NULL. */
struct call_peer {
    /* Whether the peer of RELATION can be called, as far as is known. */
    bool (*may_ring)(const struct core *core, const struct relation *relation);
    /* The call has been stored: ring. False: the peer cannot be reached now. */
    bool (*ring)(struct call *call);
    /* DEED was done by our side, or by the bridge, and written if it had to be. BEFORE is the
     * machine as it was. */
    void (*told)(struct call *call, const struct call_deed *deed,
                 const struct call_machine *before);
    /* DEED, an offer or candidate of our side's, is kept until the peer accepts. */
    void (*held)(struct call *call, const struct call_deed *deed);
    /* DEED was done by the app of an account of another server that is called: its other clients
     * are told. */
    void (*shared)(struct call *call, const struct call_deed *deed);
    /* The call is over, whoever has ended it. */
    void (*over)(struct call *call);
};
void call_set_peer(const struct call_peer *peer);
const struct call_peer *call_get_peer(void);
