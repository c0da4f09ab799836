/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0355 namespace delegation and XEP-0356 privileged entity, as the component to which a server
 * leaves a namespace, and which may send messages in the name of its accounts. */
#pragma once

#include "xep/stanza.h"

/* The request of somebody that IQ, which a server has sent, hands on; borrowed. NULL: it hands on
 * none. */
xmpp_stanza_t *delegation_parse(xmpp_stanza_t *iq);
/* Answers IQ with REPLY, which is given away: what whoever has asked gets. NULL when IQ must not be
 * answered. */
xmpp_stanza_t *delegation_build_result(xmpp_stanza_t *iq, xmpp_stanza_t *reply);

/* The namespace that a disco#info NODE of the server asks about; *ret_bare: as for an account, else
 * as for the server. NULL: it is another node. Borrowed. */
const char *delegation_node_parse(const char *node, bool *ret_bare);

/* Under which namespace MESSAGE grants privileges; NULL: it does not. Borrowed. */
const char *privilege_parse(xmpp_stanza_t *message);
/* A message from FROM, a component, to HOST that has INNER, which is given away, sent in the name
 * of whom INNER is from; NS is that of the grant. */
xmpp_stanza_t *privilege_build(const char *from, const char *host, const char *ns,
                               xmpp_stanza_t *inner);
