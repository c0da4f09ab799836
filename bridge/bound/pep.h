/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nodes that an account keeps for its own clients (XEP-0163, XEP-0223). */
#pragma once

#include "bridge/bound/bound_part.h"

/* ITEMS is the answer, borrowed; NULL: there are none. THERE: the node is. */
typedef void (*bound_pep_opened)(struct bound_session *session, xmpp_stanza_t *items, bool there);

/* Asks for all items of NODE. One that is not there is made, for the account alone, and OPENED is
 * called again then; it is not called for a server that cannot tell. */
void bound_pep_open(struct bound_session *session, const char *node, bound_pep_opened opened);
