/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request to a room, or to somebody in it, with what the room is to who asks. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0045_muc.h"

struct core;

/* Borrowed; texts that there are not are NULL. */
struct room_scene {
    struct uuid conversation;
    const char *name, *description, *subject;
    const char *photo; /* digest of the icon */
    bool is_public;    /* anybody may enter, and only moderators see who somebody is */
    bool moderated;    /* members have no voice */
    enum muc_affiliation affiliation; /* of who asks */
    enum muc_role role;
    const char *nick; /* as whom the asking session is in the room; NULL: it is not */
    gint64 occupants; /* people, not sessions */
};

struct room_call {
    struct core *core;
    xmpp_stanza_t *stanza; /* the request; reference */
    char *room;            /* localpart */
    const char *place;     /* behind the slash: who is addressed; NULL: the room itself */
    struct room_scene scene;
    void (*serve)(struct room_call *call);
};

/* Calls SERVE with the scene, later, or answers: item-not-found if there is no such room. Always
 * true, for use in a handler's return. SERVE must end the call with exactly one of room_answer and
 * room_refuse, now or later; what the scene borrows is valid until SERVE returns. */
bool room_serve(const struct stanza_context *context, void (*serve)(struct room_call *call));

/* Sends REPLY (taken; NULL: nothing) and ends the call. */
void room_answer(struct room_call *call, xmpp_stanza_t *reply);
/* Ends the call with a stanza error; TEXT may be NULL. */
void room_refuse(struct room_call *call, const char *type, const char *condition, const char *text);

/* The localpart of the room that a stanza is addressed to; the caller frees it. */
char *room_of_context(const struct stanza_context *context);
