/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Several instances of which one has the link ([xmpp] links = one): sessions are at that one, the
 * holder, whichever instance their users' sockets are at. The others tell it who is here, and what
 * is to be sent once; it tells them how the hosts are. Alone, or with a link at each, nothing is
 * told. */
#pragma once

#include "bridge/bound/bound_part.h"

void bound_holder_start(struct bound *bound);
/* Whether another instance has the link, or may have. */
bool bound_holder_is_elsewhere(const struct bound *bound);

/* To the holder: what it is to know of the account JID. */
enum holder_word {
    HOLDER_HERE,    /* somebody is here, or a request wants its session */
    HOLDER_WATCH,   /* its session is to stay */
    HOLDER_UNWATCH, /* not any more */
    HOLDER_LEFT,    /* has signed out at a device */
    HOLDER_OUT      /* everywhere */
};
void bound_holder_tell(const struct bound *bound, const char *jid, enum holder_word word);
/* To the holder: STANZA is to be sent once. False: nobody hears it. */
bool bound_holder_send(const struct bound *bound, xmpp_stanza_t *stanza);

/* To the holder: may JID be used here? To the one who asked: WORD. False: nobody hears it. */
bool bound_holder_ask(const struct bound *bound, const char *jid, const char *id);
void bound_holder_answer(const struct bound *bound, const char *id, const char *word);

/* As the holder: the link is up; the hosts are otherwise than before. */
void bound_holder_link_up(struct bound *bound);
void bound_holder_hosts(struct bound *bound);
/* As the holder: whether the user of SESSION has a socket at another instance. */
bool bound_holder_is_afar(const struct bound_session *session);
