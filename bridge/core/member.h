/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who takes part in a conversation, as writes yield it: arrays of struct member (archive.h). */
#pragma once

#include "bridge/archive/archive.h"
#include "bridge/core/event.h"

/* A conversation and who does something in it. */
struct member_scene {
    const GArray *members;
    bool direct;
    struct uuid conversation, message, actor;
};

/* The parties of an event. */
struct event_parties member_parties(const struct member_scene *scene);

/* The number of the other member of a direct conversation; 0: there is none. */
gint64 member_peer_number(const GArray *members, const struct uuid *user);
gint64 member_number(const GArray *members, const struct uuid *user); /* 0: not a member */

/* The ids of MEMBERS; caller unrefs. */
GArray *member_ids(const GArray *members);
/* Takes ID out of an array of struct uuid; false: it is not in there. */
bool member_ids_remove(GArray *ids, const struct uuid *id);
