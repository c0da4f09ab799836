/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages and watermarks, whichever way they come: one path into the archive, one way out to
 * sockets and to the outbox. */
#pragma once

#include <jansson.h>

#include "bridge/archive/archive.h"
#include "bridge/base/buffer.h"

struct account;
struct core;
struct request;

#define MESSAGE_JSON_MAX (1024 * 1024) /* ceiling of one Message object, bytes */

struct message_draft {
    const struct uuid *conversation;
    const char *content;
    const char *client_id; /* may be NULL */
    json_t *details;       /* content.h; NULL: nothing. message_send() takes it */
    bool brief;            /* the answer is a message_write_brief() */
};

/* The message of clients that know users and messages by whole numbers. */
struct message_brief {
    gint64 number;           /* position in the log */
    gint64 sender, receiver; /* account numbers */
    const char *content;
    const char *created_at;
    const char *client_id; /* may be NULL */
    const char *id;        /* of the Message object, and of its conversation */
    const char *conversation;
    bool read;
};

struct judged_text {
    const char *text;      /* NULL: none */
    const json_t *details; /* what it carries, as a message_draft has it; NULL: nothing */
    struct uuid user, object;
};

/* REASON: why it may not be said; NULL: it may, or, with an ERROR, that cannot be told now. */
typedef void (*judged_done)(const char *reason, enum error_code error, void *data);

/* Who is asked about messages before they are stored; see bridge/message/judge.h. */
struct message_judge {
    /* Whether WRITE, which is about to be written, waits behind others of its conversation: it is
     * the judge's then. */
    bool (*holds)(struct core *core, struct message_write *write);
    /* Whether WRITE, which came back with OUTCOME_ASKED, waits for the answer: likewise. Its `done`
     * is called, now or of one that goes on in its place, as if it had not come back before. */
    bool (*takes)(struct core *core, struct message_write *write);
    /* Whether every text of app users is judged: TEXT, of USER, about OBJECT (a message, or a
     * conversation), is then, and DONE is told once, later. NULL: they are not. */
    bool (*judges)(struct core *core, const struct judged_text *text, judged_done done, void *data);
};

/* Stores the message of REQUEST's account, answers REQUEST with the Message object after the
 * commit (201; 200 for a repetition), tells the members' sockets and the remote member. */
void message_send(struct request *request, const struct message_draft *draft);

/* Sends that wait for their files are tried once more, and then no longer: before an end. */
void messages_drain(struct core *core);

/* A message that came by XMPP. Strings are borrowed. */
struct message_arrival {
    const char *from; /* bare JIDs */
    const char *to;
    const char *address; /* full JID of the sender */
    /* localpart of the room that it came to; NULL: it came to a user; "": it is out of the archive
     * of an account elsewhere */
    const char *room;
    const char *body;
    const char *foreign_id; /* the stanza's id; may be NULL */
    const char *origin_id;  /* may be NULL */
    const char *stanza;     /* as archived */
    json_t *details;        /* what it carries, see content_of_stanza(); taken; NULL: nothing */
    bool markable;
    bool receipt;   /* asked for */
    gint64 sent_at; /* wall clock: when its sender's side says it was sent; 0: just now */
    /* The id that it is to have, by which a repetition is known; NULL: a new one. */
    const struct uuid *uid;
};

/* Whether the XMPP user FROM (bare JID) may send one more message just now; it is counted. */
bool message_is_admitted(struct core *core, const char *from);
/* Why what FROM has just said is not taken; ERROR_NONE: it is, and counts. Messages may be switched
 * off. */
enum error_code message_admit(struct core *core, const char *from);

/* DONE (may be NULL) is told ERROR_NONE, ERROR_NOT_FOUND when there is no such hosted user, or its
 * sender is not in the room,
 * ERROR_CONFLICT when the sender used the origin-id for another text before, or ERROR_UNAVAILABLE
 * when it could not be stored. */
void message_arrived(struct core *core, const struct message_arrival *arrival,
                     void (*done)(enum error_code error, void *data), void *data);

/* By which a message that came from FROM to TO (bare JIDs) with that origin-id is found again:
 * messages.dedupe of its sender. */
void message_origin_dedupe(const char *from, const char *to, const char *origin_id,
                           struct uuid *ret_digest);
