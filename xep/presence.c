/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 6121 presence. */
#include "config.h"

#include <string.h>

#include "xep/0319_idle.h"
#include "xep/presence.h"

static const char *const types[] = {NULL,          "unavailable",  "subscribe", "subscribed",
                                    "unsubscribe", "unsubscribed", "probe",     "error"};
static const char *const shows[] = {NULL, "away", "chat", "dnd", "xa"};

static enum presence_type type_of(const char *text)
{
    if (!text)
        return PRESENCE_AVAILABLE;
    for (unsigned i = PRESENCE_UNAVAILABLE; i <= PRESENCE_ERROR; i++)
        if (strcmp(text, types[i]) == 0)
            return (enum presence_type)i;
    return PRESENCE_UNKNOWN;
}

static enum presence_show show_of(const char *text)
{
    for (unsigned i = PRESENCE_SHOW_AWAY; text && i <= PRESENCE_SHOW_XA; i++)
        if (strcmp(text, shows[i]) == 0)
            return (enum presence_show)i;
    return PRESENCE_SHOW_NONE;
}

static int priority_of(const char *text)
{
    gint64 value;
    if (!text || !g_ascii_string_to_signed(text, 10, -128, 127, &value, NULL))
        return 0;
    return (int)value;
}

bool presence_parse(xmpp_stanza_t *stanza, struct presence_stanza *ret)
{
    if (strcmp(stanza_name(stanza), "presence") != 0)
        return false;
    const char *ns = stanza_ns(stanza);
    struct presence_stanza presence = {
        .from = stanza_attr(stanza, "from"),
        .to = stanza_attr(stanza, "to"),
        .id = stanza_attr(stanza, "id"),
        .type = type_of(stanza_attr(stanza, "type")),
        .show = show_of(stanza_child_text(stanza, "show", ns)),
        .status = stanza_child_text(stanza, "status", ns),
        .priority = priority_of(stanza_child_text(stanza, "priority", ns)),
    };
    caps_parse(stanza, &presence.caps);
    presence.in_call = stanza_child(stanza, "in-call", NS_IN_CALL) != NULL;
    idle_parse(stanza, &presence.idle_since_us);
    *ret = presence;
    return true;
}

xmpp_stanza_t *presence_build(const struct presence_stanza *presence)
{
    xmpp_stanza_t *stanza = stanza_new("presence", NULL);
    if (presence->type != PRESENCE_UNKNOWN)
        stanza_set(stanza, "type", types[presence->type]);
    stanza_set(stanza, "id", presence->id);
    stanza_set(stanza, "from", presence->from);
    stanza_set(stanza, "to", presence->to);
    if (presence->show != PRESENCE_SHOW_NONE)
        stanza_add_text(stanza, "show", NULL, shows[presence->show]);
    if (presence->status)
        stanza_add_text(stanza, "status", NULL, presence->status);
    if (presence->priority != 0) {
        g_autofree char *number = g_strdup_printf("%d", presence->priority);
        stanza_add_text(stanza, "priority", NULL, number);
    }
    if (presence->caps.ver)
        caps_add(stanza, &presence->caps);
    if (presence->in_call)
        stanza_add(stanza, "in-call", NS_IN_CALL);
    if (presence->idle_since_us > 0)
        idle_add(stanza, presence->idle_since_us);
    return stanza;
}
