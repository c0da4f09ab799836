/* SPDX-License-Identifier: GPL-3.0-or-later */
/* IQ requests that wait for their answer, keyed by (id, address asked).
 *
 * An answer counts only if its `from` is the address that was asked; anything else with the same id
 * leaves the request waiting. Every request ends exactly once: with its answer, or with NULL. The
 * table may be changed from inside the callbacks, but not freed. */
#pragma once

#include <strophe.h>

#include <glib.h>
#include <stdbool.h>

struct pending_iq;

/* RESULT is borrowed; NULL: no answer in time, or none to be expected any more. */
typedef void (*pending_iq_answer_function)(xmpp_stanza_t *result, void *data);

struct pending_iq *pending_iq_new(guint ceiling); /* at most CEILING requests at a time */
void pending_iq_free(struct pending_iq *table);   /* fails what is left */

/* Enters a request to TO that ends at DEADLINE (monotonic microseconds; G_MAXINT64: never by
 * itself). Returns the id to put on the stanza (128 random bits; borrowed until the request ends),
 * or NULL when the table is full. */
const char *pending_iq_add(struct pending_iq *table, const char *to, gint64 deadline,
                           pending_iq_answer_function answer, void *data);
/* Takes a request back whose stanza could not be sent; its callback is not called. */
void pending_iq_forget(struct pending_iq *table, const char *id);

/* RESULT is an IQ of type result or error. False: nobody waits for it from there. */
bool pending_iq_answer(struct pending_iq *table, xmpp_stanza_t *result);
void pending_iq_expire(struct pending_iq *table, gint64 now); /* ends those with DEADLINE <= NOW */
void pending_iq_fail_all(struct pending_iq *table);

guint pending_iq_count(const struct pending_iq *table);
gint64 pending_iq_next_deadline(const struct pending_iq *table); /* G_MAXINT64: none */
