/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 6121 presence. */
#pragma once

#include "xep/0115_caps.h"

enum presence_type {
    PRESENCE_AVAILABLE,
    PRESENCE_UNAVAILABLE,
    PRESENCE_SUBSCRIBE,
    PRESENCE_SUBSCRIBED,
    PRESENCE_UNSUBSCRIBE,
    PRESENCE_UNSUBSCRIBED,
    PRESENCE_PROBE,
    PRESENCE_ERROR,
    PRESENCE_UNKNOWN, /* a type that RFC 6121 does not have; only ever read */
};

enum presence_show {
    PRESENCE_SHOW_NONE, /* online; also when the value is unknown */
    PRESENCE_SHOW_AWAY,
    PRESENCE_SHOW_CHAT,
    PRESENCE_SHOW_DND,
    PRESENCE_SHOW_XA,
};

/* Borrowed; what is absent is NULL or 0. CAPS is empty (ver NULL) when there are none. */
struct presence_stanza {
    const char *from;
    const char *to;
    const char *id;
    enum presence_type type;
    enum presence_show show;
    const char *status;
    int priority; /* -128..127; anything else reads as 0 */
    struct caps caps;
    bool in_call;          /* the project's own marker: a display hint, nothing more */
    int64_t idle_since_us; /* 0319; 0: none */
};

/* Reads STANZA, which must be a presence (false otherwise). */
bool presence_parse(xmpp_stanza_t *stanza, struct presence_stanza *ret);
xmpp_stanza_t *presence_build(const struct presence_stanza *presence);
