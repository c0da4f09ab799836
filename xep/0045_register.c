/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registration of a nick with a room, XEP-0045. */
#include "config.h"

#include <string.h>

#include "xep/0004_data_forms.h"
#include "xep/0045_register.h"

#define NICK_FIELD "muc#register_roomnick"

static xmpp_stanza_t *query_of(xmpp_stanza_t *iq, const char *type)
{
    if (!stanza_is(iq, "iq", NS_CLIENT) || g_strcmp0(stanza_attr(iq, "type"), type) != 0)
        return NULL;
    return stanza_child(iq, "query", NS_REGISTER);
}

/* The first value of the field of the submitted form in QUERY. */
static const char *submitted_nick(xmpp_stanza_t *query)
{
    xmpp_stanza_t *x = stanza_child(query, "x", NS_DATA);
    if (!x || g_strcmp0(stanza_attr(x, "type"), "submit") != 0)
        return NULL;
    g_autoptr(data_form) form = data_form_parse(x);
    const char *form_type = data_form_form_type(form);
    if (form_type && strcmp(form_type, FORM_MUC_REGISTER) != 0)
        return NULL;
    return data_form_value(form, NICK_FIELD);
}

enum muc_register_request muc_register_parse(xmpp_stanza_t *iq, const char **ret_nick)
{
    if (query_of(iq, "get"))
        return REGISTER_GET;
    xmpp_stanza_t *query = query_of(iq, "set");
    if (!query)
        return REGISTER_NONE;
    if (stanza_child(query, "remove", NS_REGISTER))
        return REGISTER_REMOVE;
    const char *nick = submitted_nick(query);
    if (!nick || !*nick)
        return REGISTER_NONE;
    *ret_nick = nick;
    return REGISTER_SUBMIT;
}

void muc_register_add(xmpp_stanza_t *iq, const char *nick)
{
    g_autoptr(data_form) form = data_form_new("submit");
    data_form_put(form, "FORM_TYPE", "hidden", FORM_MUC_REGISTER);
    data_form_put(form, NICK_FIELD, NULL, nick);
    data_form_add(stanza_add(iq, "query", NS_REGISTER), form);
}

xmpp_stanza_t *muc_register_build_result(xmpp_stanza_t *iq, const char *nick)
{
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (!result)
        return NULL;
    xmpp_stanza_t *query = stanza_add(result, "query", NS_REGISTER);
    if (nick) {
        stanza_add(query, "registered", NS_REGISTER);
        stanza_add_text(query, "username", NS_REGISTER, nick);
        return result;
    }
    g_autoptr(data_form) form = data_form_new("form");
    form->title = "Registration";
    data_form_put(form, "FORM_TYPE", "hidden", FORM_MUC_REGISTER);
    data_form_put(form, NICK_FIELD, "text-single", "");
    data_form_find(form, NICK_FIELD)->label = "Name in the room";
    data_form_add(query, form);
    return result;
}

const char *muc_register_parse_result(xmpp_stanza_t *iq)
{
    xmpp_stanza_t *query = query_of(iq, "result");
    if (!query || !stanza_child(query, "registered", NS_REGISTER))
        return NULL;
    return stanza_child_text(query, "username", NS_REGISTER);
}
