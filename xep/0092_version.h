/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0092 software version. */
#pragma once

#include "xep/stanza.h"

/* Borrowed; OS may be NULL and is better left out. */
struct software_version {
    const char *name;
    const char *version;
    const char *os;
};

/* Answers IQ; NULL when IQ must not be answered. */
xmpp_stanza_t *version_build_result(xmpp_stanza_t *iq, const struct software_version *software);
bool version_parse(xmpp_stanza_t *iq, struct software_version *ret);
