/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanzas that must reach the XMPP server. A row waits in the database from the commit that caused
 * it until a ping sent after it has come back on the same stream, and xmpp.keep longer; after a
 * reconnect what is left is sent again, in order and with the same ids. Memory holds only where we
 * are.
 *
 * Each link has a lane: entries of one service go in their order, and wait for no other link.
 *
 * What an entry becomes is not known here: features have tables of struct outgoing. An entry whose
 * kind none of them knows was written by another version: it is passed over and stays in the
 * database for one that knows it (decision 0040). */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"
#include "bridge/base/service.h"
#include "xep/stanza.h"

struct core;
struct outbox;

struct outbox *outbox_new(struct core *core);
void outbox_free(struct outbox *outbox);

/* The link of SERVICE is up, and this instance is the one that sends the outbox; or no longer so.
 * IN_ORDER: the stream was closed by a server that was well, what it has read need not be sent
 * again. */
void outbox_link_up(struct outbox *outbox, enum service service);
void outbox_link_down(struct outbox *outbox, enum service service, bool in_order);
/* Before an orderly end: clears all that the server has read, so that the next start repeats
 * nothing. DONE is called once, after MILLISECONDS at the latest, perhaps before this returns. */
void outbox_drain(struct outbox *outbox, guint milliseconds, void (*done)(void *data), void *data);
/* The database came (back): there may be rows whose commit was never reported. */
void outbox_archive_up(struct outbox *outbox);
/* It came back restored to the past, or as another one: positions start anew. outbox_archive_up
 * follows. */
void outbox_other_log(struct outbox *outbox);

/* The log has got to POSITION, by a change or by another instance: there may be entries up to it.
 */
void outbox_wake(struct outbox *outbox, gint64 position);
/* The same of entries of SERVICE alone. */
void outbox_wake_service(struct outbox *outbox, enum service service, gint64 position);
/* Several instances: what is cleared from now on is cleared as the holder of this epoch. */
void outbox_fence(struct outbox *outbox, gint64 epoch);

/* One entry, as far as it is known; strings are borrowed and may be NULL where a kind has none.
 * What ID, REFERENCE and PAYLOAD mean is up to the kind. */
struct outbox_entry {
    gint64 position;
    int n;            /* which one of those with that position */
    const char *kind; /* of a row of struct outgoing */
    /* Bare JID of the hosted user, or the address in a room; NULL: not known here, read the entry.
     */
    const char *from;
    const char *to;
    char id[UUID_TEXT_SIZE]; /* of the message it is about; "": none */
    const char *reference;
    const char *payload;
    gint64 created;  /* of that message, wall clock; 0: just now */
    gint64 accepted; /* clock_monotonic: when it came here; 0: that is not known */
};

/* One kind of stanza that must arrive; the feature that it belongs to owns the row. */
struct outgoing {
    const char *kind;     /* outbox.kind in SQL */
    enum service service; /* by whose link it goes: the stanza is from that domain */
    /* Entries that follow each other and differ in `to` alone are one stanza, built once. Of a
     * message, the first alone may have a payload. */
    bool copies;
    /* The stanza of ENTRY, or NULL: it cannot be made. An entry that is sent again has to become
     * the same stanza again, with the same id. */
    xmpp_stanza_t *(*build)(const struct outbox_entry *entry);
    /* ENTRY was handed to the link; may be NULL. */
    void (*sent)(struct core *core, const struct outbox_entry *entry);
    /* The link will never take ENTRY, which is dropped; may be NULL. */
    void (*refused)(struct core *core, const struct outbox_entry *entry);
};

/* The row of KIND; NULL: nobody here knows it. */
const struct outgoing *outbox_find_kind(const struct core *core, const char *kind);

/* An id for the stanza of ENTRY, "KIND-position", that stays the same when it is sent again. The
 * caller frees it. */
char *outbox_entry_id(const struct outbox_entry *entry);
/* The full JID of the hosted user that ENTRY is from: always the same resource, for clients take
 * what is about a message (an edit) from its sender's full JID alone. The caller frees it. */
char *outbox_entry_from(const struct outbox_entry *entry);

/* ENTRY was committed, the only one of its position. It is sent at once when everything before it
 * has been, else in its turn; of several instances, by the one that sends the outbox. */
void outbox_committed(struct outbox *outbox, const struct outbox_entry *entry);
