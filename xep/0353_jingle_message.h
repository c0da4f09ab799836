/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0353 Jingle Message Initiation: ringing before there is a session. */
#pragma once

#include "xep/0166_jingle.h"

enum jingle_message_kind {
    JM_PROPOSE,
    JM_RINGING,
    JM_PROCEED,
    JM_ACCEPT, /* of version 0.3: as proceed, and told to one's own other resources */
    JM_REJECT,
    JM_RETRACT,
    JM_FINISH,
    JM_KINDS
};

enum jingle_media { JINGLE_AUDIO = 1 << 0, JINGLE_VIDEO = 1 << 1 };

/* Borrowed. */
struct jingle_message {
    enum jingle_message_kind kind;
    const char *id;   /* never NULL, at most JINGLE_SID_MAX bytes */
    unsigned media;   /* propose: enum jingle_media, of RTP descriptions */
    bool other_media; /* propose: there is a description of another kind, too */
    enum jingle_reason reason;
    bool tie_break;          /* reject, because of a proposal of one's own */
    const char *migrated_to; /* finish: the id of the session that goes on; NULL: none */
};

/* Reads the first of these payloads. False: there is none that can be used. */
bool jingle_message_parse(xmpp_stanza_t *message, struct jingle_message *ret);
void jingle_message_add(xmpp_stanza_t *message, const struct jingle_message *jingle_message);
