/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an archive shows in place of a message that was retracted (XEP-0424) or moderated
 * (XEP-0425); read in both versions. */
#pragma once

#include "xep/0425_moderation.h"

/* Borrowed; what is not said is NULL or 0. */
struct tombstone {
    const char *id;   /* of the message that retracted it */
    int64_t stamp_us; /* when */
    bool moderated;
    struct moderator moderator;
    const char *reason;
};

bool tombstone_parse(xmpp_stanza_t *message, struct tombstone *ret);
/* As version :1 spells it. */
void tombstone_add(xmpp_stanza_t *message, const struct tombstone *tombstone);
