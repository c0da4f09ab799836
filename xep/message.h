/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 6121 messages. What else a message carries is read by who deals with it, by the codec of its
 * XEP. */
#pragma once

#include "xep/stanza.h"

enum message_type {
    MESSAGE_NORMAL, /* also when the type is absent or unknown */
    MESSAGE_CHAT,
    MESSAGE_GROUPCHAT,
    MESSAGE_HEADLINE,
    MESSAGE_ERROR,
};

/* Borrowed from the stanza; what is absent is NULL. */
struct message_stanza {
    const char *from;
    const char *to;
    const char *id;
    enum message_type type;
    const char *lang;
    const char *body;
    const char *subject;
    const char *thread;
    const char *origin_id;
};

/* What a hosted user says, mapping to a chat message; ID is also the origin-id. */
struct message_out {
    const char *from;
    const char *to;
    const char *id;
    const char *body;
};

/* Reads STANZA, which must be a message (false otherwise). Of several bodies and subjects that show
 * something the one in LANG (may be NULL) is taken, else the one without language, else the first.
 */
bool message_parse(xmpp_stanza_t *stanza, const char *lang, struct message_stanza *ret);

/* A bare message; TYPE and ID may be NULL. */
xmpp_stanza_t *message_new(const char *type, const char *id, const char *from, const char *to);
/* A chat message with body, active state, origin-id, receipt request and markable. */
xmpp_stanza_t *message_build_chat(const struct message_out *message);
/* What every message of a person has beside its text: all that, with ID. */
void message_add_usual(xmpp_stanza_t *stanza, const char *id);
/* A receipt for, or a displayed marker up to, the message PEER_ID; both ask to be stored. */
xmpp_stanza_t *message_build_received(const struct message_out *message, const char *peer_id);
xmpp_stanza_t *message_build_displayed(const struct message_out *message, const char *peer_id);
