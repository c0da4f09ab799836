/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Registration of a nick with a room, XEP-0045 section 7.10 (by XEP-0077). */
#pragma once

#include "xep/stanza.h"

enum muc_register_request {
    REGISTER_NONE,   /* it is none that there is */
    REGISTER_GET,    /* what is registered, and the form */
    REGISTER_SUBMIT, /* with *ret_nick */
    REGISTER_REMOVE,
};

/* Reads an IQ of type get or set; *ret_nick, borrowed and not empty, is set for REGISTER_SUBMIT
 * only. */
enum muc_register_request muc_register_parse(xmpp_stanza_t *iq, const char **ret_nick);
/* Asks a room elsewhere for NICK; IQ comes from stanza_new_iq("set", …). */
void muc_register_add(xmpp_stanza_t *iq, const char *nick);

/* Answers REGISTER_GET: what is registered, or with NICK NULL the form. NULL when IQ must not be
 * answered. */
xmpp_stanza_t *muc_register_build_result(xmpp_stanza_t *iq, const char *nick);
/* Reads that answer: the nick, borrowed; NULL: none is registered. */
const char *muc_register_parse_result(xmpp_stanza_t *iq);
