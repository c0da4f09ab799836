/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an archive replays besides messages (decision 0041): how an entry becomes the payload of a
 * stanza again. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "xep/stanza.h"

/* An entry of a room; borrowed. */
struct entry {
    const char
        *target; /* id of the message that it is about, by which the room knows it; or NULL */
    const json_t *payload; /* entries.payload */
    const char *rooms;     /* the domain of the room */
};

/* One kind of entry; the feature that it belongs to owns the row. */
struct entry_kind {
    const char *kind; /* entries.kind */
    /* Adds to STANZA what the entry says. False: it says nothing on the wire. */
    bool (*add)(xmpp_stanza_t *stanza, const struct entry *entry);
};

/* The tables of all features, each ended by a row without kind, the list by NULL: once, at start.
 */
void entry_use(const struct entry_kind *const *tables);

/* Adds what ENTRY of KIND says. False, and nothing added: nobody here knows it. */
bool entry_add(xmpp_stanza_t *stanza, const char *kind, const struct entry *entry);
