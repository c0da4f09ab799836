/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a hosted user and somebody else stand to each other: blocks, privacy, message requests,
 * subscriptions, and their conversation. Messages ask in SQL, in the statement that stores them;
 * this is for what never touches SQL: typing, presence, IQs. Bounded, forgets by itself, and is
 * told of changes. */
#pragma once

#include <stdbool.h>

#include "bridge/base/error.h"
#include "bridge/base/id.h"

struct core;

/* What one of the two allows the other. */
struct relation_side {
    bool blocks;    /* refuses everything, looking like a user who does not exist */
    bool shows;     /* shows presence */
    bool last_seen; /* shows when they were last there */
    bool profile;   /* shows name and picture */
};

struct relation_party {
    struct uuid id; /* nil: the user: no such hosted user; the peer: nobody we have heard of */
    gint64 number;  /* users.number */
    char *jid;      /* bare; NULL when id is nil */
    bool hosted;
    struct relation_side allows;
};

/* Which of the two. */
enum { RELATION_USER, RELATION_PEER, RELATION_NEITHER };

/* Only `heard` changes after it was read. */
struct relation {
    int references;
    struct relation_party party[2];
    struct uuid conversation; /* of the two; nil: none */
    bool known;               /* the peer may know that there is the user */
    /* Typing may pass between the two: there is a conversation, no request waits, nobody blocks the
     * other, and both could write. */
    bool live;
    /* The peer is not hosted and has written, acknowledged or typed, or shares presence, so that
     * chat states may be sent (XEP-0085 section 5.1). */
    bool heard;
};

typedef struct relation trestle_relation;

struct relation *relation_ref(struct relation *relation);
void relation_unref(struct relation *relation); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(trestle_relation, relation_unref)

/* Which of the two the user is. */
unsigned relation_party_of(const struct relation *relation, const struct uuid *user);

/* To the peer, the user must look like one who does not exist. Asked for what the peer sends. */
bool relation_is_silent(const struct relation *relation);

/* What is asked for: how hosted USER (bare JID) stands to PEER or to whom REFERENCE means; one of
 * the two is NULL. All borrowed. */
struct relation_key {
    const char *user;
    const char *peer; /* a bare JID, or as text the id of a user or of a conversation of USER's */
    const char
        *reference; /* what the app calls somebody: JSON, as SQL's relation_refer() takes it */
    /* Only the conversation counts, what changes in it is told by the log: it is remembered for
     * half an hour, that there is none for two seconds. Else: for a minute, silence for five
     * seconds. */
    bool conversation;
};

/* RELATION is NULL unless ERROR is ERROR_NONE; who keeps it takes a reference. */
typedef void (*relation_done)(struct relation *relation, enum error_code error, void *data);

/* DONE is called exactly once, later, and may not rely on what was asked still being so. An unknown
 * user and one who blocks the peer take the same steps and time. When too many wait for a
 * conversation, ERROR is ERROR_UNAVAILABLE. */
void relation_find(struct core *core, const struct relation_key *key, relation_done done,
                   void *data);

/* What is in memory already, borrowed; NULL: ask. With key->conversation and the id of one as
 * key->peer, USER may be either party of it. */
struct relation *relation_recall(const struct core *core, const struct relation_key *key);

/* What is remembered of the conversation, borrowed and perhaps old, or NULL. */
struct relation *relation_of_conversation(const struct core *core, const struct uuid *conversation);

/* The one of RELATION who is not hosted has been heard of: for all that is remembered of the
 * conversation. */
void relation_note_heard(struct core *core, struct relation *relation);

/* Something about USER may have changed: everything that involves USER is asked anew, here and on
 * other instances. */
void relation_forget(struct core *core, const struct uuid *user);
/* Like relation_forget, where another instance has changed it: nobody else is told. */
void relation_changed_elsewhere(struct core *core, const struct uuid *user);

/* The log, which all instances read, tells of a change in the conversation: it is asked anew. */
void relation_forget_conversation(struct core *core, const struct uuid *conversation);

/* There is a new conversation: where none was found, it is asked anew. */
void relations_grew(struct core *core);

/* Nothing that is remembered counts any more, here. */
void relations_forget_all(struct core *core);

void relations_init(struct core *core);
void relations_clear(struct core *core);
