/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Serving IQ requests to hosted users: finds the account that is addressed, then calls the handler.
 *
 * A request to a user who does not exist, blocks the asker or is closed to the asker in everything,
 * or to another resource than /rest, is answered exactly as one that nobody handles:
 * service-unavailable, the same bytes and steps. /rest is answered for whether the user is online
 * or not, so that asking it tells nothing about that. */
#pragma once

#include <strophe.h>

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/error.h"
#include "bridge/core/relation.h"
#include "bridge/xmpp/dispatch.h"

struct account;
struct core;

struct hosted_call {
    struct core *core;
    struct account *account;   /* who is addressed; reference */
    xmpp_stanza_t *stanza;     /* the request; reference */
    enum stanza_target target; /* TARGET_USER, or TARGET_RESOURCE: then it is /rest */
    char *from_bare;
    struct relation_side side; /* what the user allows the asker */
    gint64 idle_seconds;       /* after hosted_ask_idle: how long the user has been offline, unless
                                * online */
    /* the helper's own */
    char *to_bare;
    void (*serve)(struct hosted_call *call);
};

/* Calls SERVE with the account, later, or answers with an error. Always true, for use in an IQ
 * handler's return. SERVE must end the call with exactly one of hosted_answer and hosted_refuse,
 * now or later. */
bool hosted_serve(const struct stanza_context *context, void (*serve)(struct hosted_call *call));

/* Calls NEXT, later, with `idle_seconds` set, or ends the call with an error. */
void hosted_ask_idle(struct hosted_call *call, void (*next)(struct hosted_call *call));

/* Sends REPLY (taken) and ends the call. */
void hosted_answer(struct hosted_call *call, xmpp_stanza_t *reply);
/* Ends the call with the stanza error of CODE. */
void hosted_refuse(struct hosted_call *call, enum error_code code);
