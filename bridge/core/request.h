/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request of an app, whatever transport it came by. An operation is one row in a feature's table:
 * reachable as a REST route, as a WebSocket command, or both, with one field list and one handler.
 */
#pragma once

#include "bridge/account/grant.h"
#include "bridge/account/limit.h"
#include "bridge/base/buffer.h"
#include "bridge/core/field.h"
#include "bridge/core/toggle.h"

struct account;
struct change_result;
struct core;
struct request;
struct rows;
struct subscriber;
struct stream;
struct stream_head;
struct stream_owner;

#define REQUEST_VALUES_MAX 24

enum operation_flag {
    OPERATION_ANONYMOUS = 1 << 0, /* needs no account */
    OPERATION_SERVER_KEY =
        1 << 1,                 /* only a server key with SCOPE may call it; account may be NULL */
    OPERATION_CREATES = 1 << 2, /* 201 when it made something, 200 when that was there */
    OPERATION_MAKES = 1 << 3,   /* always 201 */
    OPERATION_LATER =
        1 << 13, /* 202 when an event tells what comes of it, 200 when that is there */
    OPERATION_CACHEABLE =
        1 << 4, /* the reply is the same for everybody and changes with releases */
    OPERATION_SETS_COOKIE =
        1 << 5, /* begins a session: pages need an origin that may use cookies */
    OPERATION_TAKES_TICKET =
        1 << 6, /* the query's `ticket` signs in, for clients that cannot set headers */
    OPERATION_LIVE =
        1 << 8, /* reading it has effects (who waits is online): HEAD gets the head alone */
    OPERATION_ONCE = 1 << 9, /* with the same Idempotency-Key it happens once (see change_once) */
    OPERATION_KNOWS_CALLER =
        1 << 10, /* an anonymous one that says more to whom a token shows to be a user */
    OPERATION_HOSTED = 1 << 11, /* for users who live here: the others' own server sees to it */
    OPERATION_REVOKES =
        1 << 12, /* a change that signs somebody out: who it is has been let go of by the answer */
    OPERATION_LISTS = 1 << 7 /* the reply is { "items", … }: clients may ask for the bare array */
};

/* An operation that is a command of XEP-0050, too: its form is the field list, its result the
 * reply. Whoever has the role that it demands may give it, and finds it in the list. */
struct adhoc {
    const char *node;
    const char *name;         /* in lists */
    const char *instructions; /* above the first form; NULL: none */
    const char *confirm; /* what is asked once more before it is done; NULL: nothing is asked */
    const char *const *asked;      /* fields that the forms have, ended by NULL; NULL: all */
    const char *const (*given)[2]; /* texts that others have, ended by a row of NULL; NULL: none */
    const char *const (*vars)[2];  /* members of the reply and what XEP-0133 calls them, ended by a
                                      row of NULL; NULL: their names serve */
};

#define OPERATION_ERROR(symbol) (1u << ERROR_##symbol)

struct operation {
    const char *method;  /* "GET", "POST"…; NULL: no REST route */
    const char *path;    /* "/api/conversations/:conversation_id"; :name is a path field */
    const char *command; /* type of the WebSocket frame; NULL: none */
    const struct field
        *fields; /* ended by a row without name, NULL: none; at most REQUEST_VALUES_MAX */
    /* One of three answers. A read: enum query, with parameters bound as operation.h says; WRITE
     * makes JSON of its rows, or NULL: see operation.h, or else the text in the only row's first
     * column is the answer. */
    unsigned read;
    bool (*write)(struct buffer *json, const struct request *request, const struct rows *rows);
    /* A change: its name, with arguments bound as operation.h says, MEMBER of its result to answer
     * with (NULL: all of it), and what else to do when it was carried out, now or before (may be
     * NULL). */
    const char *change;
    const char *member;
    void (*changed)(struct request *request, const struct change_result *result);
    /* Anything else. */
    void (*handle)(struct request *request);
    unsigned flags;
    enum toggle toggle; /* the switch that it hangs on */
    const char *scope;  /* that a server key needs for it; NULL: "send" */
    const char *role; /* of staff (moderator, auditor, admin) that a user needs for it; NULL: none.
                       * With OPERATION_SERVER_KEY: a key with SCOPE, or a user with ROLE */
    /* Under which name it stands in the audit, whoever has asked and by which door; NULL: it does
     * not. Of a change: what became of it; of anything else: that it was asked for. */
    const char *audit;
    const struct adhoc *adhoc; /* NULL: it is no command of XEP-0050 */
    enum limit limit;          /* which action it counts for */
    const char *reply;   /* type of the reply, see view/schema.def, or a media type ("image/png",
                          * "image/…") of one that is no JSON; "Nothing" or NULL: 204 */
    const char *ack;     /* member of a WebSocket ack that holds the reply; NULL: it is all of it */
    unsigned errors;     /* OPERATION_ERROR(…) | …: what else than operation_errors() derives */
    const char *summary; /* one line for the API description */
    /* REST only: the body is raw bytes, at most so many, which the handler reads with
     * request_read_body(); it is called before they arrive. 0: the body is JSON. */
    size_t raw_stream;
    const char *raw_type; /* its media type, for the description; NULL: "image/…" */
};

/* An answer that is no JSON (REST only). */
struct reply_bytes {
    GBytes *bytes;    /* the callee takes a reference if it keeps them */
    const char *type; /* media type */
    const char *etag; /* opaque, without quotes; what has this name never changes */
};

/* Whether ROW ends a table of operations. */
static inline bool operation_is_last(const struct operation *row)
{
    return !row->method && !row->command;
}

/* A walk through the rows of all TABLES (their list ends with NULL, and may be NULL). */
struct operation_walk {
    const struct operation *const *tables;
    const struct operation *row; /* the last one; NULL before the first */
};

/* The next row; NULL: there are no more. */
static inline const struct operation *operation_next(struct operation_walk *walk)
{
    if (!walk->tables || !*walk->tables)
        return NULL;
    walk->row = walk->row ? walk->row + 1 : *walk->tables;
    while (operation_is_last(walk->row)) {
        walk->row = *++walk->tables;
        if (!walk->row)
            return NULL;
    }
    return walk->row;
}

/* All errors that OPERATION may answer with, as OPERATION_ERROR(…) | …: those of its row, and those
 * that follow from its fields and flags. */
unsigned operation_errors(const struct operation *operation);

/* Who reads the body of an operation with raw_stream, piece by piece. An answer ends the reading;
 * what the client still sends is ignored then. */
struct body_reader {
    /* Takes what it can of LENGTH bytes and says how much. The rest is kept, and the client waits,
     * until request_body_resume(), which is called later. */
    size_t (*piece)(struct request *request, const char *bytes, size_t length);
    /* ERROR_NONE: that was all of the body. Otherwise it will never be complete: ERROR_TOO_LARGE,
     * ERROR_UPLOAD_TIMEOUT (too slow), or ERROR_BAD_REQUEST (the client has left). Called once,
     * unless the request was answered before; it still has to be, see request_fail_body(). */
    void (*ended)(struct request *request, enum error_code error);
};

/* How an answer travels back. Called exactly once per request; afterwards the transport frees it.
 */
struct request_transport {
    const char *door; /* what the audit calls it: rest, socket, xmpp, shell */
    /* JSON is the body (REST) or the payload of the ack (WebSocket); its content is taken. */
    void (*reply)(struct request *request, unsigned status, struct buffer *json);
    /* PROBLEM is the RFC 9457 object, content taken. */
    void (*fail)(struct request *request, enum error_code code, struct buffer *problem);
    /* NULL where only JSON travels. */
    void (*reply_bytes)(struct request *request, const struct reply_bytes *content);
    /* See stream.h. NULL: this transport has none. */
    struct stream *(*stream)(struct request *request, const struct stream_head *head,
                             const struct stream_owner *owner);
    /* See request_watch. NULL: this transport does not tell. */
    void (*watch)(struct request *request, void (*left)(struct request *request));
    /* See request_read_body; of transports that run operations with raw_stream. */
    void (*read_body)(struct request *request, const struct body_reader *reader);
    void (*resume_body)(struct request *request);
};

struct request {
    const struct request_transport *transport;
    const struct operation *operation;
    struct core *core;
    struct account *account;         /* who acts; a reference is held */
    const struct subscriber *origin; /* the socket it came by, only to be compared; NULL: none */
    struct field_value values[REQUEST_VALUES_MAX]; /* values[i] belongs to operation->fields[i] */
    json_t *body;         /* keeps the text of values alive; reference held, may be NULL */
    const char *raw_type; /* of an operation with raw_stream: its Content-Type as sent; valid during
                             the handler's call; or NULL */
    char id[UUID_TEXT_SIZE]; /* request_id of problems and log lines */
    struct grant grant;      /* by what the account was let in; zero for anonymous operations */
    const char *csrf;        /* of a cookie's session, during the handler's call only; else NULL */
    guint64 address;         /* of the caller, see struct credentials */
    char **headers;          /* see request_add_header; the transport frees it */
    char *set_cookie; /* value of a header Set-Cookie for the answer; the transport frees it */
    /* Header Idempotency-Key of an operation with OPERATION_ONCE; during the handler's call; or
     * NULL */
    const char *once_key;
    bool by_cookie; /* of a session */
    bool by_key;    /* a server key asks */
    /* An administrator asks who is no user here: the bare address, or who is at the shell. The
     * transport has made sure of it; whatever the operation demands, it may run. NULL: none. */
    const char *admin;
    struct limit_state limit; /* of the last bucket that was asked */
    void *data;               /* for the handler's own use; freed by the handler */
};

/* What REQUEST has for the field NAME of its operation, which must have it: see field_value(). */
const struct field_value *request_value(const struct request *request, const char *name);
const char *request_text(const struct request *request, const char *name);        /* NULL: absent */
gint64 request_integer(const struct request *request, const char *name);          /* 0: absent */
const struct uuid *request_uuid(const struct request *request, const char *name); /* NULL: absent */
/* A FIELD_JID in the form in which addresses are compared; the caller frees it; NULL: absent. */
char *request_jid(const struct request *request, const char *name);

/* Handlers answer with exactly one of these, now or later; the request is gone afterwards. It is
 * always safe to answer: if the client has left, the answer is dropped. */
void request_reply(struct request *request, unsigned status, struct buffer *json);
void request_reply_nothing(struct request *request); /* 204 */
void request_reply_bytes(struct request *request, const struct reply_bytes *content);
void request_fail(struct request *request, enum error_code code, const char *detail);
void request_fail_field(struct request *request, const struct field_problem *problem);
/* Answers with what is wrong (DETAIL) with the field NAME, ERROR_UNPROCESSABLE. Always false. */
bool request_refuse_field(struct request *request, const char *name, const char *detail);
/* With a word for programs that says which conflict it is (error_reason). */
void request_fail_reason(struct request *request, enum error_code code, const char *reason);

/* For REST alone: the answer has the header NAME with VALUE; before it is given, at most 16. */
void request_add_header(struct request *request, const char *name, const char *value);

/* For handlers that wait for long: LEFT is called at most once, when the client has hung up. The
 * request still has to be answered. */
void request_watch(struct request *request, void (*left)(struct request *request));

/* Lets the body of REQUEST, whose operation has raw_stream, come in to READER (copied), now and
 * once. When the client has left already, its `ended` is called before this returns. */
void request_read_body(struct request *request, const struct body_reader *reader);
/* READER takes more. Without effect when nothing waits. */
void request_body_resume(struct request *request);
/* Answers REQUEST with why its body is not complete. */
void request_fail_body(struct request *request, enum error_code error);

/* The same with what would have been right: the largest size in bytes, or the media types (ended by
 * NULL). */
void request_fail_large(struct request *request, const char *detail, gint64 limit);
void request_fail_type(struct request *request, const char *detail, const char *const *supported);

/* Takes one for who asks; if there is none left, answers REQUEST and is false. A server key that
 * acts for a user is not held to the user's limits. */
bool request_take(struct request *request, enum limit limit);

/* Answers REQUEST, for which there was none left when that was looked at. */
void request_fail_limited(struct request *request, enum limit limit);

/* For transports: gives REQUEST the id by which it is found in the log and in the audit. */
void request_identify(struct request *request);

/* For transports: whether REQUEST, of somebody who has signed in, may run. Charges it for its
 * operation, and asks whether that is switched on for who asks; if not, answers it and is false. */
bool request_admit(struct request *request);

/* What a problem object (RFC 9457) says. Members but the code may be NULL or 0. */
struct problem {
    enum error_code code;
    const char *detail, *pointer, *request_id;
    const char *reason;           /* error_reason of calls: busy, offline */
    gint64 limit;                 /* what would not have been too large, in bytes */
    const char *const *supported; /* what would be read instead; ended by NULL */
};

void problem_write(struct buffer *buf, const struct problem *problem);
