/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0355, XEP-0356 */
#include "config.h"

#include <string.h>

#include "xep/0297_forward.h"
#include "xep/0355_delegation.h"

xmpp_stanza_t *delegation_parse(xmpp_stanza_t *iq)
{
    struct forward forward;
    const char *type = stanza_attr(iq, "type");
    xmpp_stanza_t *delegation = stanza_child(iq, "delegation", NS_DELEGATION);
    if (!delegation || g_strcmp0(type, "set") != 0 || !forward_parse(delegation, &forward) ||
        strcmp(stanza_name(forward.stanza), "iq") != 0 ||
        strcmp(stanza_ns(forward.stanza), NS_CLIENT) != 0)
        return NULL;
    return forward.stanza;
}

xmpp_stanza_t *delegation_build_result(xmpp_stanza_t *iq, xmpp_stanza_t *reply)
{
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (result)
        forward_take(stanza_add(result, "delegation", NS_DELEGATION), reply, NULL);
    else
        xmpp_stanza_release(reply);
    return result;
}

const char *delegation_node_parse(const char *node, bool *ret_bare)
{
    static const char of_server[] = NS_DELEGATION "::", of_account[] = NS_DELEGATION ":bare:";
    bool bare = node && g_str_has_prefix(node, of_account);
    if (!bare && !(node && g_str_has_prefix(node, of_server)))
        return NULL;
    *ret_bare = bare;
    return node + (bare ? sizeof of_account : sizeof of_server) - 1;
}

const char *privilege_parse(xmpp_stanza_t *message)
{
    static const char *const known[] = {NS_PRIVILEGE, NS_PRIVILEGE_1};
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        xmpp_stanza_t *privilege = stanza_child(message, "privilege", known[i]);
        xmpp_stanza_t *child = privilege ? stanza_first(privilege) : NULL;
        for (; child; child = stanza_next(child)) {
            if (stanza_is(child, "perm", known[i]) &&
                g_strcmp0(stanza_attr(child, "access"), "message") == 0 &&
                g_strcmp0(stanza_attr(child, "type"), "outgoing") == 0)
                return known[i];
        }
    }
    return NULL;
}

xmpp_stanza_t *privilege_build(const char *from, const char *host, const char *ns,
                               xmpp_stanza_t *inner)
{
    xmpp_stanza_t *message = stanza_new("message", NULL);
    stanza_set(message, "from", from);
    stanza_set(message, "to", host);
    forward_take(stanza_add(message, "privilege", ns), inner, NULL);
    return message;
}
