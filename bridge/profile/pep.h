/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Personal eventing (XEP-0163) of hosted users: the nodes that their profiles make. */
#pragma once

struct account;
struct core;

enum pep_node {
    PEP_AVATAR = 1 << 0, /* urn:xmpp:avatar:metadata; its data node has no events */
    PEP_NICK = 1 << 1,
    PEP_VCARD4 = 1 << 2,
    PEP_ALL = 7
};

/* The id of the one item of ACCOUNT's NODE, valid as long as the picture stays; NULL: there is no
 * such node. */
const char *pep_item_id(const struct account *account, const char *node);

/* ACCOUNT's NODES have changed: tells the contacts who want to know and are there. */
void pep_publish(struct core *core, struct account *account, unsigned nodes);
