/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may happen in a call of two, as data: one table of transitions and one of timers. Pure: no
 * clock, socket, database or XMPP. The vocabularies of apps and of Jingle are views of it.
 *
 * It promises that no description of media reaches the callee before the callee has accepted, that
 * none but the device that has accepted can answer, and that a call ends exactly once, with the
 * same outcome for both. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"

enum call_state {
    CALL_NEW, /* nobody has heard of it */
    CALL_RINGING,
    CALL_ACTIVE, /* accepted */
    CALL_ENDED,
    CALL_DECLINED,
    CALL_MISSED,
    CALL_FAILED,
    CALL_STATES
};

enum call_side { CALL_CALLER, CALL_CALLEE, CALL_SIDES, CALL_NOBODY = CALL_SIDES };

enum call_event {
    CALL_INITIATE,
    CALL_RING, /* a device of the callee's rings */
    CALL_ACCEPT,
    CALL_DECLINE,
    CALL_END,
    CALL_OFFER,
    CALL_ANSWER,
    CALL_CANDIDATE,
    CALL_RESTART,  /* an offer with new ICE credentials, or the wish for one */
    CALL_TIMEOUT,  /* the timer that runs has run out */
    CALL_FAIL,     /* the media, or the way to the other side, has failed */
    CALL_BUSY,     /* the callee is in another call */
    CALL_TRANSFER, /* to another device of the same side, or to a guest; which has to accept */
    CALL_PASS,     /* on to somebody who is not asked here, but called by the one who stays */
    CALL_INFO,     /* muted, on hold, connected…: goes to the other side */
    CALL_TAKE,     /* a client of the callee's that is none of these devices has answered */
    CALL_EVENTS
};

/* Why it ended. Names are those of `error_reason` and `end_reason` in the API. */
enum call_reason {
    CALL_REASON_NONE,
    CALL_REASON_HANGUP,
    CALL_REASON_CANCELLED, /* the caller has given up */
    CALL_REASON_DECLINED,
    CALL_REASON_BUSY,
    CALL_REASON_NO_ANSWER,    /* it rang for too long */
    CALL_REASON_TIMEOUT,      /* accepted, and then nothing came */
    CALL_REASON_CONNECTIVITY, /* media could not flow */
    CALL_REASON_GONE,         /* one side's socket was lost for too long */
    CALL_REASON_EXPIRED,      /* a day without an end */
    CALL_REASON_UNREACHABLE,
    CALL_REASON_UNSUPPORTED, /* no common media */
    CALL_REASON_SECURITY,    /* no DTLS */
    CALL_REASON_APPLICATION, /* a description that could not be used */
    CALL_REASON_ELSEWHERE,   /* told to devices only: another one has answered */
    CALL_REASON_TRANSFERRED, /* likewise: it goes on at another one */
    CALL_REASONS
};

/* What is to be done besides remembering the new state. */
enum call_effect {
    CALL_TELL_CALLER = 1 << 0,
    CALL_TELL_CALLEE = 1 << 1, /* while it rings: all the callee's devices; then the one that
                                * accepted */
    CALL_TELL_OTHERS = 1 << 2, /* the side's other devices: it goes on at this one */
    CALL_HOLD = 1 << 3,        /* keep it for the callee, who has not accepted */
    CALL_RELEASE = 1 << 4,     /* give the callee what was kept */
};

enum call_verdict {
    CALL_DONE,
    CALL_SAME,      /* is so already: a repetition */
    CALL_CONFLICT,  /* not in this state */
    CALL_FORBIDDEN, /* takes part, but not with this device */
    CALL_STRANGER   /* to whom there is no such call */
};

/* By what somebody takes part; nil members are not known. A peer on XMPP has its full address as
 * credential. */
struct call_device {
    struct uuid session; /* of the socket */
    struct uuid credential;
};

struct call_party {
    struct uuid user;
    struct call_device device; /* all nil: none yet */
    bool lost;                 /* its socket is gone: another one with the same credential may go
                                * on */
};

struct call_machine {
    enum call_state state;
    enum call_reason reason;
    struct call_party party[CALL_SIDES];
    struct call_device next; /* to which `moving` wants to move */
    struct uuid guest;       /* or who is to take the call over from it; nil: nobody */
    enum call_side moving;   /* CALL_NOBODY */
    enum call_side offered;  /* whose offer waits for an answer; CALL_NOBODY */
    bool held;               /* the caller's first offer waits for the callee to accept */
    bool negotiated;         /* an offer was answered */
    bool connecting;         /* an app has said that media does not flow yet */
};

struct call_actor {
    struct uuid user;
    struct call_device device;
};

struct call_step {
    enum call_verdict verdict;
    unsigned effects;    /* enum call_effect */
    enum call_side side; /* of who did it; CALL_NOBODY: the clock, the guest, or a stranger */
};

/* Does EVENT. ACTOR NULL: the bridge itself (CALL_TIMEOUT, CALL_FAIL, CALL_BUSY). REASON
 * (CALL_REASON_NONE: the usual one) says why of what ends the call. Nothing changes unless the
 * verdict is CALL_DONE. */
struct call_step call_machine_step(struct call_machine *machine, const struct call_actor *actor,
                                   enum call_event event, enum call_reason reason);

bool call_is_final(enum call_state state);
/* Whether DEVICE is the one with which PARTY takes part, or may take its place. */
bool call_device_matches(const struct call_party *party, const struct call_device *device);
/* Whether USER is asked to take the call over. */
bool call_is_guest(const struct call_machine *machine, const struct uuid *user);
/* The side of USER; CALL_NOBODY: a stranger. */
enum call_side call_side_of(const struct call_machine *machine, const struct uuid *user);
enum call_side call_other_side(enum call_side side);

/* ---- Timers ---------------------------------------------------------------------------------- */

enum call_timer {
    CALL_TIMER_NONE,
    CALL_TIMER_RING,
    CALL_TIMER_OFFER,   /* accepted, and no offer yet */
    CALL_TIMER_CONNECT, /* an offer without an answer, or media that does not flow */
    CALL_TIMER_LOST,    /* a socket is gone */
    CALL_TIMER_GUEST,   /* somebody is asked to take the call over */
    CALL_TIMER_LONG,
    CALL_TIMERS
};

/* Which one is to run in this state. */
enum call_timer call_timer_of(const struct call_machine *machine);
/* How long, in seconds; RING is the option of that name for CALL_TIMER_RING and CALL_TIMER_GUEST,
 * CONNECT for CALL_TIMER_CONNECT. */
unsigned call_timer_seconds(enum call_timer timer, unsigned ring, unsigned connect);

/* ---- Names ----------------------------------------------------------------------------------- */

const char *call_state_name(enum call_state state);
enum call_state call_state_find(const char *name); /* CALL_STATES: none */
const char *call_reason_name(enum call_reason reason);
enum call_reason call_reason_find(const char *name); /* CALL_REASON_NONE: none */
const char *call_event_name(enum call_event event);

/* Two who call each other at once (XEP-0353 section 3.8): whether the call with id OURS goes on,
 * and not the one with THEIRS. Ids are compared by octets; both sides come to the same. */
bool call_tie_is_ours(const char *ours, const char *theirs);
