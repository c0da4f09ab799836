/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0215 External Service Discovery: STUN and TURN servers of an XMPP server. */
#pragma once

#include "xep/stanza.h"

#define EXTERNAL_SERVICES_MAX 16

/* Borrowed. */
struct external_service {
    const char *type;                /* "stun", "stuns", "turn", "turns" */
    const char *host;                /* a name or a numeric address, without brackets */
    unsigned port;                   /* 0: not said */
    const char *transport;           /* "udp", "tcp"; NULL: not said */
    const char *username, *password; /* NULL: none */
    const char *expires;             /* as XEP-0082 writes times; NULL: not said */
    bool restricted;                 /* needs credentials */
};

/* Puts the question into an IQ of type get. */
void external_services_add_request(xmpp_stanza_t *iq);
/* Reads a result: an array of struct external_service, of the four types only; what is not usable
 * and what is beyond EXTERNAL_SERVICES_MAX is left out. NULL: it is no result. Caller frees. */
GArray *external_services_parse(xmpp_stanza_t *iq);
/* SERVICE as an address of RFC 7064 and RFC 7065: "turn:HOST:PORT?transport=udp", IPv6 in brackets.
 * Caller frees. */
char *external_service_uri(const struct external_service *service);
