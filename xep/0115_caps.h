/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0115 entity capabilities, version 1.5 and later (hash sha-1). */
#pragma once

#include "xep/0030_disco.h"

/* Borrowed. VER NULL: no capabilities. */
struct caps {
    const char *hash;
    const char *node;
    const char *ver;
};

/* Reads the capabilities of a presence; false without all three attributes, *ret is then untouched.
 */
bool caps_parse(xmpp_stanza_t *presence, struct caps *ret);
void caps_add(xmpp_stanza_t *presence, const struct caps *caps);

/* The verification string of INFO, base64 of sha-1; to be freed. */
char *caps_ver(const struct disco_info *info);
/* Whether INFO is well-formed in the sense of section 5.4, cannot be mistaken for another set, and
 * matches CAPS; only then may it be cached for everybody who shows the same caps. */
bool caps_verify(const struct caps *caps, const struct disco_info *info);
