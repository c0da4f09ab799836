/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A session that is remembered, for session.c and sign_in.c alone. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/account/session.h"

struct known {
    struct session session; /* references, scopes and csrf are owned */
    bool is_kept;           /* session_keep() has not answered yet */
    enum credential_kind kind;
    char **scopes;
    char *csrf;
    gint64 forget_at;           /* clock_monotonic; when to ask again */
    const char *key;            /* in the table; NULL: not (yet) there */
    struct known *next, **link; /* of the same account, once there */
};

/* Takes it out of its account's list, too. A GDestroyNotify. */
void known_free(gpointer data);

/* The key under which a session is remembered. A user's own token, the hot case, is its own key;
 * else the key is made: *ret_made, which the caller frees. */
const char *known_key(const struct credentials *credentials, char **ret_made);

/* It has ended, or it is time to ask the database again. */
bool known_is_stale(const struct known *known);

/* Puts KNOWN into TABLE, whose size is bounded, under KEY; takes both. */
void known_remember(GHashTable *table, char *key, struct known *known);
