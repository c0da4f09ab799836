/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 6121 messages. */
#include "config.h"

#include <string.h>

#include "xep/0085_chat_states.h"
#include "xep/0184_receipts.h"
#include "xep/0333_markers.h"
#include "xep/0334_hints.h"
#include "xep/0359_ids.h"
#include "xep/message.h"
#include "xep/visible.h"

static enum message_type type_of(xmpp_stanza_t *stanza)
{
    static const char *const names[] = {"normal", "chat", "groupchat", "headline", "error"};
    const char *type = stanza_attr(stanza, "type");
    for (unsigned i = 0; type && i < G_N_ELEMENTS(names); i++)
        if (strcmp(type, names[i]) == 0)
            return (enum message_type)i;
    return MESSAGE_NORMAL;
}

/* How well CHILD is what is wanted of several; 0: not at all. */
static unsigned child_fitness(xmpp_stanza_t *child, const char *lang)
{
    const char *text = stanza_text(child);
    const char *own = stanza_attr(child, "xml:lang");
    unsigned shown = text_is_visible(text, strlen(text)) ? 4 : 0;
    if (own && lang && g_ascii_strcasecmp(own, lang) == 0)
        return shown + 3;
    return shown + (own && *own ? 1 : 2);
}

static const char *text_in(xmpp_stanza_t *stanza, const char *name, const char *lang)
{
    xmpp_stanza_t *best = NULL;
    unsigned most = 0;
    for (xmpp_stanza_t *child = stanza_first(stanza); child; child = stanza_next(child)) {
        unsigned fits = stanza_is(child, name, stanza_ns(stanza)) ? child_fitness(child, lang) : 0;
        if (fits > most) {
            best = child;
            most = fits;
        }
    }
    return best ? stanza_text(best) : NULL;
}

bool message_parse(xmpp_stanza_t *stanza, const char *lang, struct message_stanza *ret)
{
    if (strcmp(stanza_name(stanza), "message") != 0)
        return false;
    struct message_stanza message = {
        .from = stanza_attr(stanza, "from"),
        .to = stanza_attr(stanza, "to"),
        .id = stanza_attr(stanza, "id"),
        .type = type_of(stanza),
        .lang = stanza_attr(stanza, "xml:lang"),
        .body = text_in(stanza, "body", lang),
        .subject = text_in(stanza, "subject", lang),
        .thread = stanza_child_text(stanza, "thread", stanza_ns(stanza)),
        .origin_id = origin_id_parse(stanza),
    };
    *ret = message;
    return true;
}

xmpp_stanza_t *message_new(const char *type, const char *id, const char *from, const char *to)
{
    xmpp_stanza_t *stanza = stanza_new("message", NULL);
    stanza_set(stanza, "type", type);
    stanza_set(stanza, "id", id);
    stanza_set(stanza, "from", from);
    stanza_set(stanza, "to", to);
    return stanza;
}

xmpp_stanza_t *message_build_chat(const struct message_out *message)
{
    xmpp_stanza_t *stanza = message_new("chat", message->id, message->from, message->to);
    stanza_add_text(stanza, "body", NULL, message->body);
    message_add_usual(stanza, message->id);
    return stanza;
}

void message_add_usual(xmpp_stanza_t *stanza, const char *id)
{
    chat_state_add(stanza, CHAT_STATE_ACTIVE);
    origin_id_add(stanza, id);
    receipt_add_request(stanza);
    marker_add_markable(stanza);
}

xmpp_stanza_t *message_build_received(const struct message_out *message, const char *peer_id)
{
    xmpp_stanza_t *stanza = message_new("chat", message->id, message->from, message->to);
    receipt_add_received(stanza, peer_id);
    hints_add(stanza, HINT_STORE);
    return stanza;
}

xmpp_stanza_t *message_build_displayed(const struct message_out *message, const char *peer_id)
{
    xmpp_stanza_t *stanza = message_new("chat", message->id, message->from, message->to);
    marker_add(stanza, MARKER_DISPLAYED, peer_id);
    hints_add(stanza, HINT_STORE);
    return stanza;
}
