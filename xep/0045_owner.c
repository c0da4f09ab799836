/* SPDX-License-Identifier: GPL-3.0-or-later */
/* muc#owner, XEP-0045. */
#include "config.h"

#include <string.h>

#include "xep/0045_owner.h"

static xmpp_stanza_t *query_of(xmpp_stanza_t *iq, const char *type)
{
    if (!stanza_is(iq, "iq", NS_CLIENT) || g_strcmp0(stanza_attr(iq, "type"), type) != 0)
        return NULL;
    return stanza_child(iq, "query", NS_MUC_OWNER);
}

enum muc_owner_request muc_owner_parse(xmpp_stanza_t *iq, struct data_form **ret_form,
                                       struct muc_destroy *ret_destroy)
{
    if (query_of(iq, "get"))
        return OWNER_GET;
    xmpp_stanza_t *query = query_of(iq, "set");
    if (!query)
        return OWNER_NONE;
    if (muc_destroy_parse(query, ret_destroy))
        return OWNER_DESTROY;
    xmpp_stanza_t *x = stanza_child(query, "x", NS_DATA);
    const char *type = x ? stanza_attr(x, "type") : NULL;
    if (g_strcmp0(type, "cancel") == 0)
        return OWNER_CANCEL;
    if (g_strcmp0(type, "submit") != 0)
        return OWNER_NONE;
    *ret_form = data_form_parse(x);
    return OWNER_SUBMIT;
}

void muc_owner_add(xmpp_stanza_t *iq, const struct data_form *form)
{
    xmpp_stanza_t *query = stanza_add(iq, "query", NS_MUC_OWNER);
    if (form)
        data_form_add(query, form);
}

void muc_owner_add_destroy(xmpp_stanza_t *iq, const struct muc_destroy *destroy)
{
    muc_destroy_add(stanza_add(iq, "query", NS_MUC_OWNER), destroy);
}

struct data_form *muc_owner_parse_result(xmpp_stanza_t *iq)
{
    xmpp_stanza_t *query = query_of(iq, "result");
    xmpp_stanza_t *x = query ? stanza_child(query, "x", NS_DATA) : NULL;
    return x ? data_form_parse(x) : NULL;
}
