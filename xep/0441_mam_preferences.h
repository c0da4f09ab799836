/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0441 message archive management preferences. */
#pragma once

#include "xep/stanza.h"

#define MAM_PREFERENCES_MAX 500 /* addresses in a list */

enum mam_default { MAM_DEFAULT_ALWAYS, MAM_DEFAULT_NEVER, MAM_DEFAULT_ROSTER };

typedef struct mam_preferences mam_preferences;
struct mam_preferences {
    enum mam_default otherwise;
    bool has_more;     /* addresses than the limit above: those are not in the lists */
    GPtrArray *always; /* addresses as claimed, borrowed */
    GPtrArray *never;
};

/* Whether IQ asks for them. */
bool mam_preferences_is_request(xmpp_stanza_t *iq);
/* Reads what IQ, of type set or result, says; NULL: nothing, or what it cannot. */
struct mam_preferences *mam_preferences_parse(xmpp_stanza_t *iq);
struct mam_preferences *mam_preferences_new(enum mam_default otherwise);
void mam_preferences_free(struct mam_preferences *preferences);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(mam_preferences, mam_preferences_free)

/* Adds them to a request of type set or to a result. */
void mam_preferences_add(xmpp_stanza_t *iq, const struct mam_preferences *preferences);
