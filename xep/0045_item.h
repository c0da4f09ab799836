/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The <item/> of XEP-0045, which is one thing in presences of rooms and in lists of people. */
#pragma once

#include "xep/0045_muc.h"

/* Borrowed; what is not said is NULL or UNSAID. */
struct muc_item {
    enum muc_affiliation affiliation;
    enum muc_role role;
    const char *jid;
    const char *nick;
    const char *actor_jid;
    const char *actor_nick;
    const char *reason;
};

/* Reads <item/>, in whichever namespace it is. False: it names an affiliation or a role that there
 * is not. */
bool muc_item_parse(xmpp_stanza_t *element, struct muc_item *ret);
/* Adds one in the namespace of PARENT. */
void muc_item_add(xmpp_stanza_t *parent, const struct muc_item *item);
