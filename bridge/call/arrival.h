/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a call from XMPP begins: proposed, or with an offer at once. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/xmpp/dispatch.h"
#include "xep/0353_jingle_message.h"

struct core;

/* A proposal, or a session-initiate without one. */
struct arrival {
    struct core *core;
    char *from, *from_bare, *to_bare, *sid;
    json_t *offer; /* signal, without a proposal; NULL */
    json_t *names;
    char *propose; /* id of the proposal's stanza, to acknowledge; NULL */
    bool jmi, video;
    bool settled; /* it is known which of two who call each other goes on */
    /* Called when what has become of it is stored, or nothing has; NULL: nobody waits. */
    void (*ended)(struct core *core, const char *local, const char *peer, const char *sid);
};

/* Has it ring, or refuses it, as the addressee wants. Takes ARRIVAL, which is allocated. */
void arrival_submit(struct arrival *arrival);
/* MESSAGE proposes a call with sound. */
void arrival_propose(const struct stanza_context *context, const struct jingle_message *message);
