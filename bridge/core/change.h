/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes: what is rare, adds to the log and is neither a message nor a watermark. Each is an SQL
 * function; see sql/function/change.sql for what one has to do. */
#pragma once

#include <jansson.h>

#include "bridge/archive/archive.h"

struct core;
struct request;

struct change_result {
    enum error_code error;      /* ERROR_NONE, or why it is not known to be done */
    enum write_outcome outcome; /* if ERROR_NONE */
    const json_t *json;         /* what the function returned, borrowed; may be NULL */
    const char *text;           /* the same as text */
    gint64 position;            /* of the log behind it */
};

/* Who is to be told the presence of the user of a change. */
struct change_watcher {
    const char *jid;  /* bare */
    bool shown;       /* as it is; else that there is none */
    gint64 last_seen; /* when it was last there, if it is not; microseconds since 1970, 0: never */
};

typedef void (*change_done)(const struct change_result *result, void *data);

/* Carries out change NAME (static text) of USER (NULL: nobody's). ARGUMENTS (may be NULL) is taken.
 * Before DONE (may be NULL) is called, exactly once, later, its events are published, and what
 * follows from it is done: remembered relations are forgotten, watchers told, the outbox woken. */
void change_submit(struct core *core, const char *name, const struct uuid *user, json_t *arguments,
                   change_done done, void *data);

/* What makes REQUEST recognisable when it comes again, for the member "once" of its change's
 * arguments: a new reference; NULL without an Idempotency-Key. The same key with another request is
 * OUTCOME_UNPROCESSABLE. */
json_t *change_once(const struct request *request);

/* Publishes EVENTS, the JSON array of that name of a write (may be NULL), which come behind the
 * other rows of its batch in the log. */
void change_publish_later(struct core *core, const char *events);

/* Answers REQUEST with RESULT, success with STATUS. */
void change_reply(struct request *request, unsigned status, const struct change_result *result);

/* Likewise, but the answer is MEMBER of the result; the rest was for the program. */
void change_reply_member(struct request *request, unsigned status,
                         const struct change_result *result, const char *member);

/* Whether the change was carried out, now or before. */
bool change_succeeded(const struct change_result *result);
/* For a job: ERROR_NONE if it was; why it is not known to be; ERROR_INTERNAL for an outcome that
 * nobody has foreseen there. */
enum error_code change_error(const struct change_result *result);
