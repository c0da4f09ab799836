/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of STUN and TURN servers (RFC 7064, RFC 7065), and what opens a TURN server that shares
 * a secret with us. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define ICE_URIS_MAX 16 /* of one list */

enum ice_scheme { ICE_STUN, ICE_STUNS, ICE_TURN, ICE_TURNS };

struct ice_uri {
    enum ice_scheme scheme;
    char host[256]; /* a name or a numeric address, without brackets */
    unsigned port;  /* that of the scheme if the address names none */
    bool tcp;       /* always with TLS */
};

/* Reads "turn:HOST[:PORT][?transport=udp|tcp]"; an IPv6 HOST stands in brackets, and only TURN has
 * a transport. False: it is none. */
bool ice_uri_parse(const char *text, struct ice_uri *ret);

bool ice_uri_is_turn(const struct ice_uri *uri);
/* Whether LIST, separated by spaces, holds nothing but such addresses, of STUN or of TURN, and at
 * most ICE_URIS_MAX of them. */
bool ice_uri_list_is_good(const char *list, bool turn);

/* The credential for USERNAME ("EXPIRY:ANYTHING", EXPIRY in seconds since 1970) at a TURN server
 * that shares SECRET with us: base64(HMAC-SHA1(SECRET, USERNAME)), as coturn's use-auth-secret and
 * others have it. Caller frees. */
char *ice_credential(const char *secret, const char *username);
