/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The <x/> of muc#user, XEP-0045. */
#include "config.h"

#include "xep/0045_user.h"

bool muc_user_has_code(const struct muc_user *user, uint16_t code)
{
    for (size_t i = 0; i < user->code_count; i++)
        if (user->codes[i] == code)
            return true;
    return false;
}

void muc_user_put_code(struct muc_user *user, uint16_t code)
{
    if (user->code_count < MUC_CODES_MAX && !muc_user_has_code(user, code))
        user->codes[user->code_count++] = code;
}

bool muc_destroy_parse(xmpp_stanza_t *element, struct muc_destroy *ret)
{
    const char *ns = stanza_ns(element);
    xmpp_stanza_t *destroy = stanza_child(element, "destroy", ns);
    if (!destroy)
        return false;
    *ret = (struct muc_destroy){.jid = stanza_attr(destroy, "jid"),
                                .password = stanza_child_text(destroy, "password", ns),
                                .reason = stanza_child_text(destroy, "reason", ns)};
    return true;
}

void muc_destroy_add(xmpp_stanza_t *element, const struct muc_destroy *destroy)
{
    const char *ns = stanza_ns(element);
    xmpp_stanza_t *child = stanza_add(element, "destroy", ns);
    stanza_set(child, "jid", destroy->jid);
    if (destroy->password)
        stanza_add_text(child, "password", ns, destroy->password);
    if (destroy->reason)
        stanza_add_text(child, "reason", ns, destroy->reason);
}

static void read_child(xmpp_stanza_t *child, struct muc_user *user)
{
    uint64_t code;
    if (stanza_is(child, "status", NS_MUC_USER) && stanza_attr_number(child, "code", 999, &code) &&
        code >= 100)
        muc_user_put_code(user, (uint16_t)code);
    else if (stanza_is(child, "item", NS_MUC_USER) && !user->has_item)
        user->has_item = muc_item_parse(child, &user->item);
}

bool muc_user_parse(xmpp_stanza_t *stanza, struct muc_user *ret)
{
    xmpp_stanza_t *x = stanza_child(stanza, "x", NS_MUC_USER);
    if (!x)
        return false;
    struct muc_user user = {0};
    for (xmpp_stanza_t *child = stanza_first(x); child; child = stanza_next(child))
        read_child(child, &user);
    user.is_destroyed = muc_destroy_parse(x, &user.destroy);
    *ret = user;
    return true;
}

void muc_user_add(xmpp_stanza_t *stanza, const struct muc_user *user)
{
    xmpp_stanza_t *x = stanza_add(stanza, "x", NS_MUC_USER);
    if (user->has_item)
        muc_item_add(x, &user->item);
    if (user->is_destroyed)
        muc_destroy_add(x, &user->destroy);
    for (size_t i = 0; i < user->code_count; i++)
        stanza_set_number(stanza_add(x, "status", NS_MUC_USER), "code", user->codes[i]);
}

static bool is_of_room(xmpp_stanza_t *child, const void *userdata)
{
    (void)userdata;
    return stanza_is(child, "x", NS_MUC_USER) || stanza_is(child, "occupant-id", NS_OCCUPANT) ||
           stanza_is(child, "hats", NS_HATS);
}

xmpp_stanza_t *muc_user_strip(xmpp_stanza_t *stanza)
{
    return stanza_copy_without(stanza, is_of_room, NULL);
}
