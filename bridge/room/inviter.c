/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How far the word of a room goes. */
#include "config.h"

#include <string.h>

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/options.h"
#include "bridge/room/inviter.h"
#include "xep/jid.h"

/* Whether DOMAIN, whose room passes on an invitation, may speak for INVITER: it lies below the
 * inviter's own domain or is the same. */
static bool may_speak_for(const char *domain, const char *inviter, const char *ours)
{
    const char *own = strchr(inviter, '@');
    if (!own || strcmp(own + 1, ours) == 0)
        return false;
    gsize length = strlen(domain), own_length = strlen(own + 1);
    return length >= own_length && strcmp(domain + length - own_length, own + 1) == 0 &&
           (length == own_length || domain[length - own_length - 1] == '.');
}

char *inviter_of(const struct options *options, const char *room, const char *inviter)
{
    const char *at = strchr(room, '@');
    const char *domain = at ? at + 1 : room;
    g_autofree char *who = inviter ? jid_prepare_bare(inviter) : NULL;
    if (who && may_speak_for(domain, who, options->xmpp_domain))
        return g_steal_pointer(&who);
    return g_strdup(domain);
}
