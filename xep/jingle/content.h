/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contents of a Jingle session with RTP over ICE-UDP and DTLS: XEP-0166, 0167, 0176, 0293, 0294,
 * 0320, 0338, 0339. */
#pragma once

#include "xep/jingle/media.h"
#include "xep/stanza.h"

/* Reads what is in <jingle/>. BY_INITIATOR: the session's initiator says it, which turns senders
 * into directions. Contents without a description (transport-info, content-remove) are there and
 * not `described`. A content that is no RTP over ICE-UDP is `described` and `rejected`. NULL and
 * *ret_fault when it cannot be read, also because there is no content. */
struct media_description *content_read(xmpp_stanza_t *jingle, bool by_initiator,
                                       enum media_fault *ret_fault);

enum content_parts {
    CONTENT_NAME = 0,           /* content-remove, content-modify */
    CONTENT_TRANSPORT = 1 << 0, /* transport-info: with candidates and credentials */
    CONTENT_DESCRIPTION = 1 << 1,
    CONTENT_FINGERPRINT = 1 << 2, /* in the transport */
    CONTENT_ALL = 7
};

/* Writes the contents of DESCRIPTION that are not rejected into <jingle/>, and the BUNDLE group
 * when descriptions are written. */
void content_write(xmpp_stanza_t *jingle, const struct media_description *description,
                   bool by_initiator, enum content_parts parts);
/* The BUNDLE group alone, if there is one. */
void content_write_group(xmpp_stanza_t *jingle, const struct media_description *description);
/* The same for one content; without a group. */
void content_write_one(xmpp_stanza_t *jingle, const struct media_content *content,
                       bool by_initiator, enum content_parts parts);
