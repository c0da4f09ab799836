/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests for voice in a moderated room, XEP-0045 sections 7.13 and 8.6. */
#pragma once

#include "xep/0045_muc.h"

enum voice_kind {
    VOICE_REQUEST, /* a visitor to the room */
    VOICE_FORM,    /* the room to its moderators, about jid and nick */
    VOICE_ANSWER,  /* a moderator to the room, about them */
};

/* Borrowed; what is not said is NULL. */
struct voice {
    enum voice_kind kind;
    enum muc_role role; /* which is asked for, never UNSAID */
    const char *jid;
    const char *nick;
    bool is_allowed; /* of an answer */
};

/* False: MESSAGE is none of these. */
bool voice_parse(xmpp_stanza_t *message, struct voice *ret);
void voice_add(xmpp_stanza_t *message, const struct voice *voice);
