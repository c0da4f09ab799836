/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The archive: named queries on a pool of reading connections, and one writing connection through
 * which everything passes that adds to the log, in batches. The only layer that talks to
 * PostgreSQL; it knows rows, not stanzas and not JSON.
 *
 * Completion: every callback runs exactly once and never before the starting call returned. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/archive/outcome.h"
#include "bridge/archive/rows.h"
#include "bridge/base/error.h"
#include "bridge/base/id.h"

struct archive;
struct options;

/* The named queries of sql/query. */
enum query {
    QUERY_NONE,
#define TRESTLE_QUERY(symbol, name, parameters, text, names) QUERY_##symbol,
#include "bridge/archive/queries.def"
#undef TRESTLE_QUERY
    QUERY_MAX
};

/* The columns of their results: QUERY_MESSAGE_GET has MESSAGE_GET_MESSAGE. */
#include "bridge/archive/columns.def"

/* For one reader of the rows of several queries. */
#define ARCHIVE_SAME_COLUMN(a, b) G_STATIC_ASSERT((int)(a) == (int)(b))

/* What became of the log that was known. */
enum log_change {
    LOG_SAME,
    LOG_CONTINUED, /* another epoch, that has all that was known: nothing is lost but the name */
    LOG_OTHER      /* another log: positions start anew. The first one, too */
};

struct log_state {
    const char *epoch;
    gint64 position;  /* its head */
    const char *past; /* epochs that have ended, as cursor_accept() reads them */
    enum log_change change;
};

struct archive_callbacks {
    /* The database is there, its schema fits, and it may be written. Again after each reconnect,
     * and when the log's epoch has changed. */
    void (*up)(const struct log_state *log, void *data);
    void (*down)(void *data);
    /* For several instances, else NULL: a transaction that took the log's positions after BEFORE up
     * to AFTER (the same: none) was committed. The done callbacks of its writes are called between
     * the two. */
    void (*batch_begin)(gint64 before, gint64 after, void *data);
    void (*batch_end)(void *data);
    /* Events that writes have added to the log whose answers were lost, which nobody was told: a
     * JSON array as change_write.events, told when the outcome of all those writes is known. NULL
     * with several instances, which read what they miss. */
    void (*missed)(const char *events, void *data);
};

struct archive *archive_new(const struct options *options,
                            const struct archive_callbacks *callbacks, void *data);
/* Waiting work is answered with ERROR_UNAVAILABLE. */
void archive_free(struct archive *archive);

/* Whether there are connections to read and to write with. */
bool archive_is_up(const struct archive *archive);
/* Whether the database also takes writes: found by the writes themselves and, while there are none,
 * by trying one every few seconds. */
bool archive_is_writable(const struct archive *archive);
/* Whether the standby of database.read_uri answers; false without one. */
bool archive_has_replica(const struct archive *archive);

/* The parameters of a query that names them, as "name type, name type"; else "". Static text. */
const char *query_parameters(enum query query);

/* ROWS is NULL unless ERROR is ERROR_NONE. */
typedef void (*archive_done)(const struct rows *rows, enum error_code error, void *data);

/* Runs QUERY with text VALUES (as many as it has parameters; NULL is SQL NULL; copied). Waits at
 * most three seconds for a connection. */
void archive_query(struct archive *archive, enum query query, const char *const *values,
                   archive_done done, void *data);
/* The same; PostgreSQL sends the values in binary form, which it need not print. For pages. Columns
 * are text, uuid, bigint, int, boolean and timestamptz. */
void archive_query_binary(struct archive *archive, enum query query, const char *const *values,
                          archive_done done, void *data);

/* Questions of which many come in one moment; see kinds[] in gather.c. */
enum gather { GATHER_SIGN_IN, GATHER_PARTNERS, GATHER_MAX };

/* Like archive_query() with the query of that kind. While some are out those that come gather, and
 * go as one statement, which may leave some to be asked by themselves. */
void archive_gather(struct archive *archive, enum gather kind, const char *const *values,
                    archive_done done, void *data);

/* ---- Writes -------------------------------------------------------------------------------------
 *
 * A write is a struct that its owner allocates with g_new0, fills, hands over and gets back in its
 * done callback, with the results filled in; the owner then frees it (its strings too). Writes of
 * one kind are carried out in the order in which they were queued, and so are marks and failures
 * among each other: what is said first of a message counts. */

enum write_kind {
    WRITE_MESSAGE,
    WRITE_RECEIVE,
    WRITE_MARK,
    WRITE_FAILURE,
    WRITE_CHANGE,
    WRITE_KINDS
};

struct write {
    enum write_kind kind;
    /* error: ERROR_NONE, or why nothing was stored; `uncertain`: it may have been (shutdown only).
     */
    void (*done)(struct write *write, enum error_code error);
    /* Called at most once, before done, when the database has not said for three seconds whether
     * the write was stored: whoever waits may be told so. May be NULL. */
    void (*late)(struct write *write);
    void *data; /* the owner's */
    enum write_outcome outcome;
    bool uncertain;
    gint64 position; /* result: in the log */
    gint64 at;       /* result: wall clock, microseconds */
    /* the writer's own */
    GList link;
    gint64 queued;
    guint64 number; /* rises with each write */
    size_t size;    /* of its texts, bytes */
    bool alone;     /* to be sent without neighbours, after a refusal */
    bool sent;      /* has been sent at least once */
    bool again;     /* not for the first time now */
    gint64 known;   /* the newest position that was known of the log when it was first sent */
    bool unsettled; /* was sent on a connection that broke: only an answer settles it */
    bool careful;   /* may repeat an earlier one */
    bool asking;    /* goes the long way, the short one did not do */
    guint8 victim;  /* how often a deadlock or a serialization failure has undone it */
    bool told_late;
};

/* Somebody who takes part in a conversation; arrays of them are struct member. */
struct member {
    struct uuid id;
    gint64 number; /* users.number */
};

/* A message of a hosted user (WRITE_MESSAGE) or one that came by XMPP (WRITE_RECEIVE). */
struct message_write {
    struct write write;
    struct uuid id;           /* in; result: of the first message when repeated */
    struct uuid own_id;       /* set by the writer: id as it was handed in */
    struct uuid conversation; /* in for WRITE_MESSAGE; result */
    struct uuid sender;       /* in for WRITE_MESSAGE; result */
    struct uuid dedupe;       /* what makes a repetition recognisable, per sender; never nil */
    char *body;
    char *client_id; /* WRITE_MESSAGE; may be NULL */
    bool limited;    /* WRITE_MESSAGE: not to strangers; outcome OUTCOME_STRANGERS */
    char *details;   /* what it carries besides its text: a JSON object, as message_store() and
                        message_receive() take it; may be NULL */
    char *verdict;   /* what the hook said of it, as spam_pass() takes it; NULL: it was not asked */
    bool blocked;    /* so that it is not to be stored, whosever it is */
    /* WRITE_RECEIVE */
    char *from; /* bare JIDs, and the sender's full one */
    char *to;
    char *address;
    char *room;       /* the localpart of the room that it came to; NULL: it came to a user */
    char *foreign_id; /* may be NULL */
    char *stanza;
    bool markable;
    bool receipt; /* a delivery receipt is asked for; result: one waits in the outbox */
    struct uuid
        earlier;    /* what dedupe would have been before, see message_receive(); nil: nothing */
    gint64 sent_at; /* when it was sent, if its sender's side says so; 0: just now */
    /* results */
    gint64 seq;
    gint64 sender_seq; /* WRITE_MESSAGE: as messages.sender_seq */
    GArray *members;   /* struct member, the sender too; owned */
    bool direct;       /* a conversation of two */
    char *remote_jid;  /* direct: of the remote member, or NULL; owned */
    bool unaccepted;   /* the other member has not accepted the conversation: nobody else is told */
    char *events;      /* what else this added to the log, JSON array or NULL; owned */
    GBytes *sender_facts; /* WRITE_RECEIVE: a value of user_view; owned */
    GArray *closed_to; /* WRITE_MESSAGE: struct uuid: to whom the sender's profile is closed; NULL:
                          nobody; owned */
    GBytes *shown_facts; /* the same of the sender as they see it; owned */
    bool outbox; /* copies wait in the outbox: for the remote member, or without one for a room */
    /* WRITE_RECEIVE: of the receipt that waits there; WRITE_MESSAGE: of the last stanza of the
     * message that may wait there */
    gint64 outbox_position;
    bool awaited;       /* it brings the conversation into a member's list */
    bool unanswered;    /* WRITE_MESSAGE: the other member of a direct one has not written in it */
    GBytes *seen_facts; /* of one with details: a value of message_view, without sender; owned */
    char *refusal;      /* why it may not carry that: { pointer, detail }; of OUTCOME_ASKED, what
                           the hook is asked; or NULL; owned */
};

/* A watermark. The member is USER, or the user with bare JID when that is set. */
struct mark_write {
    struct write write;
    struct uuid user;         /* in unless jid is set; result */
    char *jid;                /* may be NULL */
    struct uuid conversation; /* in; may be nil when message is given; result */
    struct uuid message;      /* in; nil: the newest; result: nil when there is none */
    bool read;                /* read, else delivered */
    /* results; outcome OUTCOME_REPEATED: was there already */
    gint64 seq;
    gint64 unread;
    GArray *members; /* struct member, the one who marks too; owned */
    bool direct;
    char *marker_to;        /* a displayed marker waits in the outbox; owned */
    char *marker_reference; /* owned */
    bool tells;             /* the other members may know */
    bool marked;            /* the member has marked the conversation as unread: to be taken back */
};

/* A bounced message. */
struct failure_write {
    struct write write;
    struct uuid message;
    char *from; /* bare JID the error came from */
    char *condition;
    /* results */
    struct uuid conversation;
    struct uuid sender;
    char *client_id; /* owned */
};

/* A change: the SQL function change_NAME of sql/function, see change.sql there. */
struct change_write {
    struct write write;
    const char *name; /* static */
    struct uuid user; /* who changes something; may be nil */
    char *arguments;  /* JSON object */
    char *result;     /* result: JSON or NULL; owned */
    char *events;     /* result: JSON array or NULL; owned */
    char *follows;    /* result: what else is to be done, see change_apply(); or NULL; owned */
};

/* Queues WRITE. Answered with ERROR_UNAVAILABLE when the queue is full, or when the database stays
 * away for three seconds. */
void archive_write(struct archive *archive, struct write *write);
/* Somebody else than message_store() here has stored a message in CONVERSATION: another instance,
 * or a change. Need not be told, but saves the next message a failure. */
void archive_grew(struct archive *archive, const struct uuid *conversation);

/* How far writes have come, for one who has to know that all of his were carried out, whoever their
 * done callbacks belong to. */
struct archive_progress {
    guint64 queued;  /* writes so far */
    guint64 settled; /* the first so many are done, callbacks and all */
    guint64 lost;    /* of those, how many may not have been carried out: ERROR_UNAVAILABLE */
};
void archive_get_progress(struct archive *archive, struct archive_progress *ret_progress);
