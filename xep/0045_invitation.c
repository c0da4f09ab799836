/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mediated invitations, XEP-0045. */
#include "config.h"

#include "xep/0045_invitation.h"

static const char *const names[] = {
    [INVITATION_INVITE] = "invite", [INVITATION_DECLINE] = "decline"};

static bool invitation_parse(xmpp_stanza_t *element, struct invitation *ret)
{
    bool invites = stanza_is(element, names[INVITATION_INVITE], NS_MUC_USER);
    if (!invites && !stanza_is(element, names[INVITATION_DECLINE], NS_MUC_USER))
        return false;
    xmpp_stanza_t *goes_on = stanza_child(element, "continue", NS_MUC_USER);
    *ret = (struct invitation){
        .kind = invites ? INVITATION_INVITE : INVITATION_DECLINE,
        .to = stanza_attr(element, "to"),
        .from = stanza_attr(element, "from"),
        .reason = stanza_child_text(element, "reason", NS_MUC_USER),
        .goes_on = goes_on != NULL,
        .thread = goes_on ? stanza_attr(goes_on, "thread") : NULL,
    };
    return ret->to || ret->from;
}

size_t invitations_parse(xmpp_stanza_t *message, struct invitation ret[INVITATIONS_MAX],
                         bool *ret_more)
{
    xmpp_stanza_t *x = stanza_child(message, "x", NS_MUC_USER);
    const char *password = x ? stanza_child_text(x, "password", NS_MUC_USER) : NULL;
    size_t count = 0;
    struct invitation next;
    *ret_more = false;
    for (xmpp_stanza_t *child = x ? stanza_first(x) : NULL; child && !*ret_more;
         child = stanza_next(child)) {
        if (!invitation_parse(child, &next))
            continue;
        *ret_more = count == INVITATIONS_MAX;
        if (*ret_more)
            continue;
        next.password = password;
        ret[count++] = next;
    }
    return count;
}

static void invitation_add(xmpp_stanza_t *x, const struct invitation *invitation)
{
    xmpp_stanza_t *element = stanza_add(x, names[invitation->kind], NS_MUC_USER);
    stanza_set(element, "to", invitation->to);
    stanza_set(element, "from", invitation->from);
    if (invitation->reason)
        stanza_add_text(element, "reason", NS_MUC_USER, invitation->reason);
    if (invitation->goes_on)
        stanza_set(stanza_add(element, "continue", NS_MUC_USER), "thread", invitation->thread);
}

void invitations_add(xmpp_stanza_t *message, const struct invitation *invitations, size_t count)
{
    xmpp_stanza_t *x = stanza_add(message, "x", NS_MUC_USER);
    for (size_t i = 0; i < count; i++)
        invitation_add(x, &invitations[i]);
    if (count > 0 && invitations[0].password)
        stanza_add_text(x, "password", NS_MUC_USER, invitations[0].password);
}
