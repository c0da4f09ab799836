/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands of several steps, between the steps. They live in memory, of this process only, and end
 * by themselves. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

#include "bridge/base/id.h"

struct operation;

struct adhoc_session {
    char id[UUID_TEXT_SIZE];
    char *owner; /* the address that began it, with its resource: nobody else goes on with it */
    const struct operation *operation;
    unsigned form;   /* that it waits for, from 1 on */
    json_t *values;  /* what was filled in until now, by names of fields */
    gint64 touched;  /* clock_monotonic */
    bool is_running; /* its operation runs: nothing else may be asked of it */
};

/* A new one; borrowed until its end. Of those that OWNER has already, the oldest make room; NULL:
 * there are too many of others. */
struct adhoc_session *adhoc_session_new(const char *owner, const struct operation *operation);

enum session_state { SESSION_FOUND, SESSION_UNKNOWN, SESSION_EXPIRED };

/* The one of OWNER called ID (a text of any kind), for OPERATION. One that has expired is told so
 * once. */
enum session_state adhoc_session_find(const char *id, const char *owner,
                                      const struct operation *operation,
                                      struct adhoc_session **ret_session);

void adhoc_session_end(struct adhoc_session *session);
void adhoc_sessions_clear(void);
