/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contact lists (RFC 6121 section 2) and block lists (XEP-0191) of an account, as one of its own
 * clients reads and changes them. */
#pragma once

#include "xep/stanza.h"

#define ROSTER_GROUPS_MAX 32 /* that we put a contact in, and show */

/* Borrowed; what is absent is NULL. */
struct roster_item {
    const char *jid;
    const char *name;
    const char *const *groups; /* NULL-terminated; as they come, perhaps empty, or one twice */
    const char *subscription;  /* "none", "to", "from", "both", "remove"; never NULL */
    bool ask;                  /* the account has asked and waits */
};

/* Requests without addresses. */
xmpp_stanza_t *roster_build_get(void);
/* Puts ITEM, or removes it (subscription "remove"): all that there is of name and groups is
 * replaced. No other subscription may be set, and none is. */
xmpp_stanza_t *roster_build_set(const struct roster_item *item);
xmpp_stanza_t *blocks_build_get(void);
/* Blocks JID, or lets it in again. */
xmpp_stanza_t *blocks_build_set(bool block, const char *jid);

/* Calls TELL for each item of IQ, a result or a push; false when it holds no list. */
bool roster_parse(xmpp_stanza_t *iq, void (*tell)(const struct roster_item *item, void *data),
                  void *data);

enum blocks_change { BLOCKS_NONE, BLOCKS_LIST, BLOCKS_ADDED, BLOCKS_REMOVED, BLOCKS_CLEARED };

/* What IQ, a result or a push, says of the list; TELL is called for each address. */
enum blocks_change blocks_parse(xmpp_stanza_t *iq, void (*tell)(const char *jid, void *data),
                                void *data);
