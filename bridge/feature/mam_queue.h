/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of archives on their way to who asked for them. They go out by the link between all else: a
 * page is begun, and goes on, only while little waits there, so that it keeps nobody waiting and
 * cannot fill the link's queue. A few pages are in memory at a time; whoever asks meanwhile waits,
 * one at a time for each asker. When the connection by which somebody asked ends, so does the page:
 * who asked will ask again. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "xep/stanza.h"

#define MAM_QUEUE_ACTIVE_MAX 2    /* pages that are read or sent */
#define MAM_QUEUE_WAITING_MAX 500 /* who waits … */
#define MAM_QUEUE_ASKER_MAX 32    /* … and of one asker */

/* The link, as far as it matters here. */
struct mam_way {
    unsigned (*stream)(void *link); /* which connection it has; 0: none */
    size_t (*backlog)(void *link);  /* bytes that wait */
    /* Queues STANZA. False: not now, or never: then *ret_never is set. */
    bool (*send)(void *link, xmpp_stanza_t *stanza, bool *ret_never);
    size_t busy; /* a backlog from which on nothing is added */
};

/* One request, the first member of its owner's struct. */
struct mam_job {
    char *asker; /* whom it counts for; the owner's */
    void *link;  /* that it came by */
    /* Called once, now or later: to read what the answer is. It must end with mam_queue_answer,
     * later. */
    void (*begin)(struct mam_job *job);
    void (*free)(struct mam_job *job);
    /* the queue's own */
    struct mam_queue *queue;
    unsigned stream;
    GPtrArray *stanzas;
    guint sent;
};

struct mam_queue;
struct mam_queue *mam_queue_new(const struct mam_way *way); /* copied */
/* Begins nothing more: who waits is dropped. */
void mam_queue_drain(struct mam_queue *queue);
/* Drains, and drops what is not sent. What has begun and was not answered ends at its
 * mam_queue_answer. NULL is fine. */
void mam_queue_free(struct mam_queue *queue);

/* Takes JOB. False, and JOB is still the caller's: too many wait, its link is down, or so soon are
 * we. */
bool mam_queue_add(struct mam_queue *queue, struct mam_job *job);
/* What JOB has to say: stanzas (taken), in the order in which they are sent; NULL: nothing. Frees
 * JOB when they are sent. */
void mam_queue_answer(struct mam_job *job, GPtrArray *stanzas);
/* Sends and begins what there is room for. At the end of each turn it does so by itself. */
void mam_queue_tick(struct mam_queue *queue);
