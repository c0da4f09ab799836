/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanza errors (RFC 6120 section 8.3), the reading half; stanza_reply_error() is the other. */
#pragma once

#include "xep/stanza.h"

/* Borrowed from the stanza. TYPE defaults to "cancel", CONDITION to "undefined-condition"; TEXT and
 * BY may be NULL. */
struct stanza_error {
    const char *type;
    const char *condition;
    const char *text;
    const char *by;
};

/* False when STANZA is not of type error. */
bool stanza_error_parse(xmpp_stanza_t *stanza, struct stanza_error *ret);
