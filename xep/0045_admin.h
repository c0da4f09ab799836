/* SPDX-License-Identifier: GPL-3.0-or-later */
/* muc#admin, XEP-0045 sections 8 to 10: lists of people by affiliation or role, and changes of
 * them. */
#pragma once

#include "xep/0045_item.h"

#define MUC_ADMIN_ITEMS_MAX 500

typedef struct muc_admin muc_admin;
struct muc_admin {
    bool is_set;   /* else it asks for a list, and has one item that says which */
    bool has_bad;  /* an item names what there is not */
    bool has_more; /* than the limit above: those are not in the list */
    GArray *items; /* struct muc_item */
};

/* Reads a request of type get or set; NULL: IQ is none. */
struct muc_admin *muc_admin_parse(xmpp_stanza_t *iq);
/* Reads what was answered. */
struct muc_admin *muc_admin_parse_result(xmpp_stanza_t *iq);
void muc_admin_free(struct muc_admin *admin);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(muc_admin, muc_admin_free)

/* Adds the query with COUNT items to IQ: a request, or what stanza_reply_result() made. */
void muc_admin_add(xmpp_stanza_t *iq, const struct muc_item *items, size_t count);
