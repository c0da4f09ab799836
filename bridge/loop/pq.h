/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One PostgreSQL connection in pipeline mode, on the loop: connects and reconnects by itself,
 * prepares its statements, never blocks. Each statement is followed by a Sync of its own, so that
 * one that fails leaves its neighbours alone. */
#pragma once

#include <libpq-fe.h>

#include <glib.h>
#include <stdbool.h>

struct pq_statement {
    const char *name;
    const char *text;
    int parameters;
};

/* Values of one execution, as for PQsendQueryPrepared; borrowed for the call. */
struct pq_values {
    int count;
    const char *const *values;
    const int *lengths; /* NULL: all are text */
    const int *formats;
    int result_format; /* 0 text, 1 binary */
};

/* Statements that take MICROSECONDS or more are logged by name, never with their values. 0: none.
 */
void pq_set_slow(gint64 microseconds);

struct pq_connection;

struct pq_callbacks {
    void (*ready)(struct pq_connection *connection, void *data); /* statements are prepared */
    /* The connection broke; every running statement has been answered with NULL before. It
     * reconnects by itself, 0.1 s to 2 s apart. */
    void (*lost)(struct pq_connection *connection, void *data);
};

/* URI as for PQconnectStart; give a socket folder or a numeric address, name look-ups block.
 * SETTINGS is a value for the connection parameter `options`. STATEMENTS is static, COUNT long. */
struct pq_connection *pq_connection_new(const char *uri, const char *settings,
                                        const struct pq_statement *statements, int count,
                                        const struct pq_callbacks *callbacks, void *data);

/* Running statements are answered with NULL first. */
void pq_connection_free(struct pq_connection *connection);

bool pq_connection_is_ready(const struct pq_connection *connection);
unsigned pq_connection_running(const struct pq_connection *connection);

/* RESULT is borrowed: tuples, or an error to be read with PQresultErrorField; NULL when the
 * connection was lost and the outcome is unknown. */
typedef void (*pq_done)(PGresult *result, void *data);

/* Sends statement number STATEMENT; DONE is called exactly once, later. False: not ready. */
bool pq_connection_send(struct pq_connection *connection, int statement,
                        const struct pq_values *values, pq_done done, void *data);

/* Two statements without parameters that run in the same transaction, before and after another one;
 * each yields one integer. */
struct pq_frame {
    int before, after;            /* numbers of statements */
    gint64 ret_before, ret_after; /* valid in DONE, if the statement succeeded */
};

/* Like pq_connection_send; FRAME (NULL is fine) must live until DONE. */
bool pq_connection_send_framed(struct pq_connection *connection, int statement,
                               const struct pq_values *values, struct pq_frame *frame, pq_done done,
                               void *data);

/* For how long (microseconds) the server has owed an answer without saying anything; 0: it owes
 * none. */
gint64 pq_connection_silence(const struct pq_connection *connection);

/* For how long (microseconds) a connection that is owed no answer has said nothing; 0: it is owed
 * one, or not ready. */
gint64 pq_connection_quiet(const struct pq_connection *connection);

/* Gives up on the connection, as if it had broken: for a server that has stopped answering. What
 * runs there is cancelled, if the server can still be told. */
void pq_connection_break(struct pq_connection *connection);
/* The same for a session that works, but is of no use, for REASON, which is logged. The next one
 * comes after a growing pause, from the next host if the URI names several. */
void pq_connection_leave(struct pq_connection *connection, const char *reason);
