/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Request fields are declared as data and checked in one place, before a handler runs. A REST
 * request and a WebSocket command share one declaration: path parameters, query parameters, body
 * members and payload members are all fields, told apart by their flags. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/error.h"
#include "bridge/base/id.h"

enum field_type {
    FIELD_TEXT, /* minimum/maximum: length in bytes; must be UTF-8 of XML characters */
    FIELD_UUID,
    FIELD_INTEGER, /* minimum/maximum: value */
    FIELD_BOOLEAN,
    FIELD_CHOICE,  /* text, one of CHOICES */
    FIELD_CHOICES, /* a list of such texts; minimum/maximum: how many */
    FIELD_USERS, /* a list of { user_id }, a text as of FIELD_USER, or { jid }, a bare address as of
                    FIELD_JID; minimum/maximum: how many */
    FIELD_TEXTS, /* a list of texts of at most FIELD_TEXTS_EACH bytes, with FIELD_LINE
                    FIELD_LINES_EACH; minimum/maximum: how many */
    FIELD_JSON,  /* any JSON value, for the handler to read */
    FIELD_USER /* a user: an id or the app's own id as FIELD_TEXT, or users.number as a JSON integer
                */
};

#define FIELD_USERS_JID_MAX 3071 /* bytes, as JID_MAX of xep/jid.h */
#define FIELD_TEXTS_EACH FIELD_USERS_JID_MAX
#define FIELD_LINES_EACH 255

enum field_flag {
    FIELD_REQUIRED = 1 << 0,
    FIELD_IN_PATH = 1 << 1,     /* REST: from ":name" in the path (a bad UUID there is not_found);
                                   WebSocket: from the payload */
    FIELD_IN_QUERY = 1 << 2,    /* REST: from the query string; WebSocket: from the payload */
    FIELD_IDEMPOTENCY = 1 << 3, /* REST: the header Idempotency-Key stands in when the body lacks
                                   it, else must agree */
    FIELD_LAST_EVENT = 1 << 4,  /* REST: the header Last-Event-ID goes before the query */
    FIELD_NULLABLE = 1 << 5,    /* FIELD_TEXT: JSON null is a value, too: present, with text NULL */
    FIELD_ONE_OF = 1 << 6,      /* exactly one of the fields with this flag is to be there */
    FIELD_JID = 1 << 7,         /* FIELD_TEXT: a bare address of XMPP, as somebody types it */
    FIELD_UNTIL = 1 << 8,       /* FIELD_TEXT: a time of RFC 3339 or "forever" */
    FIELD_LINE = 1 << 9,   /* FIELD_TEXT, each of FIELD_TEXTS: one line, as xep/name.h has it */
    FIELD_PROSE = 1 << 10, /* likewise, in one line or several */
    FIELD_ALTERNATIVE = 1 << 11, /* at most one of the fields with this flag may be there */
    FIELD_NOT_BOUND = 1 << 12,   /* says how to answer, and is no parameter of the query */
    FIELD_EMOJI = 1 << 13,       /* FIELD_TEXT: one emoji; in a path a value, and no name */
    FIELD_TIME = 1 << 14,        /* FIELD_TEXT: a time of RFC 3339 */
    FIELD_CLOCK = 1 << 15,       /* FIELD_TEXT: what a clock shows, "2026-05-04T09:00", seconds
                                   if you like */
    FIELD_NOT_AUDITED = 1 << 16, /* what it says is nothing for the audit */
    FIELD_IN_HEADER = 1 << 17,   /* REST alone: the header of that name, with - for each _ */
    FIELD_RATE = 1 << 18, /* FIELD_TEXT: how many in how many seconds, as base/rate.h has it */
    FIELD_PLACE = 1 << 19 /* FIELD_TEXT: a place in a conversation: the id of a message, seq:N,
                             time:T, or unread */
};

struct field {
    const char *name;
    enum field_type type;
    unsigned flags;
    gint64 minimum, maximum;
    const char *const *choices; /* NULL-terminated, for FIELD_CHOICE and FIELD_CHOICES */
    /* FIELD_INTEGER, FIELD_CHOICE: the value (as text) when none is given. It is not `present`. */
    const char *fallback;
    /* How forms show it (XEP-0004, see bridge/adhoc). */
    const char *label; /* NULL: made of the name */
    const char *var;   /* what XEP-0133 calls it ("accountjid"); NULL: the name */
    unsigned step;     /* on which of several forms it is asked for, from 1 on; 0: the first */
};

/* The rows that many operations have. */
#define FIELD_ID_IN_PATH(field_name)                                                               \
    {                                                                                              \
        .name = field_name, .type = FIELD_UUID, .flags = FIELD_REQUIRED | FIELD_IN_PATH            \
    }
#define FIELD_TEXT_IN_PATH(field_name, most)                                                       \
    {                                                                                              \
        .name = field_name, .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_IN_PATH,           \
        .minimum = 1, .maximum = most                                                              \
    }
/* How many items a page may have; 50 unless the client says. */
#define FIELD_PAGE_LIMIT(most)                                                                     \
    {                                                                                              \
        .name = "limit", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .minimum = 1,             \
        .maximum = most, .fallback = "50"                                                          \
    }
/* Where the page before ended: its `next`, at most MOST bytes. */
#define FIELD_PAGE_AFTER(most)                                                                     \
    {                                                                                              \
        .name = "after", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY, .minimum = 1,                \
        .maximum = most, .label = "Go on after"                                                    \
    }

/* One user, as staff name them: by id, by address or by the app's own id. */
#define FIELD_NAMED_USER                                                                           \
    {                                                                                              \
        .name = "user", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_IN_PATH, .minimum = 1, \
        .maximum = FIELD_USERS_JID_MAX, .label = "User (address or id)", .var = "accountjid"       \
    }

/* Why staff does something to a user that the user is not told. */
#define FIELD_REASON_FOR_AUDIT                                                                     \
    {                                                                                              \
        .name = "reason", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .minimum = 1,               \
        .maximum = 1000, .label = "Reason, for the audit"                                          \
    }

/* Fields that are no member of a body. */
#define FIELD_IN_HEAD (FIELD_IN_PATH | FIELD_IN_QUERY | FIELD_IN_HEADER)

struct field_value {
    bool present;
    const char *text; /* FIELD_TEXT, FIELD_CHOICE: NUL-terminated, borrowed from the request */
    size_t length;    /* of text, in bytes */
    gint64 integer;   /* FIELD_INTEGER; FIELD_BOOLEAN as 0 or 1; FIELD_USER when text is NULL */
    struct uuid uuid; /* FIELD_UUID */
    json_t *list;     /* FIELD_USERS, FIELD_CHOICES, FIELD_TEXTS: the list; FIELD_JSON: the value;
                         borrowed from the request */
};

/* The one of VALUES, which belong to FIELDS, whose field is called NAME. That there is none is a
 * mistake in the program, which ends it; scripts/check-fields looks for such names. */
const struct field_value *field_value(const struct field *fields, const struct field_value *values,
                                      const char *name);

/* VALUE of a FIELD_USER as the SQL function user_refer() takes it: a new reference, NULL if absent.
 */
json_t *field_user_json(const struct field_value *value);

/* The texts in LIST, as those of FIELD_TEXTS: an array that ends with NULL, freed with g_free();
 * the texts are borrowed. */
const char **field_texts(const json_t *list);

/* What is wrong with a request's fields. */
struct field_problem {
    enum error_code code; /* ERROR_UNPROCESSABLE, or ERROR_NOT_FOUND for a bad id in a path */
    char pointer[64];     /* JSON pointer to the member ("/content"); empty when it has none */
    const char *detail;   /* static text */
};

/* Where values come from. Any member may be NULL. */
struct field_source {
    json_t *object;            /* body or payload; must be an object if not NULL */
    bool everything_in_object; /* WebSocket: path and query fields are members of the object too */
    const char *idempotency_key;
    /* Value of a path or query parameter, or NULL; *ret_length is its length (it may hold NULs). */
    const char *(*parameter)(void *data, const struct field *field, size_t *ret_length);
    void *data;
};

/* Checks SOURCE against FIELDS (ended by a row whose name is NULL; NULL: none) and fills
 * ret_values[i] for fields[i]. Unknown members of the object are refused. False and *ret_problem on
 * the first fault.
 */
bool fields_check(const struct field *fields, const struct field_source *source,
                  struct field_value *ret_values, struct field_problem *ret_problem);
