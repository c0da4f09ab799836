/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of archives on their way. */
#include "config.h"

#include "bridge/feature/mam_queue.h"
#include "bridge/loop/loop.h"

struct mam_queue {
    struct mam_way way;
    GQueue waiting;     /* struct mam_job, oldest first */
    GQueue active;      /* those that have begun */
    GHashTable *askers; /* char * → how many of the above */
    bool ticking;
    bool closed; /* to new ones */
    bool gone;   /* freed but for those that have begun */
};

static void queue_release(struct mam_queue *queue)
{
    if (!queue->gone || queue->active.length > 0)
        return;
    g_hash_table_unref(queue->askers);
    g_free(queue);
}

static guint asker_count(const struct mam_queue *queue, const char *asker)
{
    return GPOINTER_TO_UINT(g_hash_table_lookup(queue->askers, asker));
}

static void asker_add(struct mam_queue *queue, const char *asker, int change)
{
    guint count = asker_count(queue, asker) + (guint)change;
    if (count > 0)
        g_hash_table_replace(queue->askers, g_strdup(asker), GUINT_TO_POINTER(count));
    else
        g_hash_table_remove(queue->askers, asker);
}

static void job_end(struct mam_job *job)
{
    asker_add(job->queue, job->asker, -1);
    if (job->stanzas)
        g_ptr_array_unref(job->stanzas);
    job->free(job);
}

static bool job_is_cut_off(const struct mam_job *job)
{
    const struct mam_queue *queue = job->queue;
    return queue->gone || queue->way.stream(job->link) != job->stream;
}

/* ---- Sending --------------------------------------------------------------------------------- */

static bool has_room(const struct mam_queue *queue, const struct mam_job *job)
{
    return queue->way.backlog(job->link) < queue->way.busy;
}

/* Sends what there is room for; true: JOB has ended. */
static bool job_send(struct mam_job *job)
{
    struct mam_queue *queue = job->queue;
    if (!job->stanzas || job_is_cut_off(job))
        return job->stanzas != NULL;
    while (job->sent < job->stanzas->len && has_room(queue, job)) {
        bool never = false;
        if (!queue->way.send(job->link, job->stanzas->pdata[job->sent], &never) && !never)
            break;
        job->sent++;
    }
    return job->sent == job->stanzas->len;
}

static void active_send(struct mam_queue *queue)
{
    for (GList *at = queue->active.head, *next; at; at = next) {
        next = at->next;
        struct mam_job *job = at->data;
        if (job_send(job)) {
            g_queue_delete_link(&queue->active, at);
            job_end(job);
        }
    }
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static bool asker_is_active(const struct mam_queue *queue, const char *asker)
{
    for (const GList *at = queue->active.head; at; at = at->next) {
        const struct mam_job *job = at->data;
        if (g_str_equal(job->asker, asker))
            return true;
    }
    return false;
}

/* Takes the oldest job whose asker has none under way and whose link has room; drops those whose
 * connection has ended. */
static struct mam_job *waiting_take(struct mam_queue *queue)
{
    for (GList *at = queue->waiting.head, *next; at; at = next) {
        next = at->next;
        struct mam_job *job = at->data;
        bool cut_off = job_is_cut_off(job);
        if (!cut_off && (asker_is_active(queue, job->asker) || !has_room(queue, job)))
            continue;
        g_queue_delete_link(&queue->waiting, at);
        if (!cut_off)
            return job;
        job_end(job);
    }
    return NULL;
}

static void waiting_begin(struct mam_queue *queue)
{
    struct mam_job *job;
    while (queue->active.length < MAM_QUEUE_ACTIVE_MAX && (job = waiting_take(queue))) {
        g_queue_push_tail(&queue->active, job);
        job->begin(job);
    }
}

void mam_queue_tick(struct mam_queue *queue)
{
    if (queue->ticking)
        return;
    queue->ticking = true;
    active_send(queue);
    waiting_begin(queue);
    queue->ticking = false;
}

static void on_turn_end(void *data)
{
    struct mam_queue *queue = data;
    if (queue->active.length > 0 || queue->waiting.length > 0)
        mam_queue_tick(queue);
}

/* ---- Entrance and exit ----------------------------------------------------------------------- */

struct mam_queue *mam_queue_new(const struct mam_way *way)
{
    struct mam_queue *queue = g_new0(struct mam_queue, 1);
    queue->way = *way;
    queue->askers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    loop_at_turn_end(on_turn_end, queue);
    return queue;
}

void mam_queue_drain(struct mam_queue *queue)
{
    struct mam_job *job;
    queue->closed = true;
    while ((job = g_queue_pop_head(&queue->waiting)))
        job_end(job);
}

void mam_queue_free(struct mam_queue *queue)
{
    if (!queue)
        return;
    loop_cancel(on_turn_end, queue);
    mam_queue_drain(queue);
    queue->gone = true;
    active_send(queue); /* ends those that have been answered */
    queue_release(queue);
}

bool mam_queue_add(struct mam_queue *queue, struct mam_job *job)
{
    unsigned stream = queue->way.stream(job->link);
    if (queue->closed || stream == 0 || queue->waiting.length >= MAM_QUEUE_WAITING_MAX ||
        asker_count(queue, job->asker) >= MAM_QUEUE_ASKER_MAX)
        return false;
    job->queue = queue;
    job->stream = stream;
    asker_add(queue, job->asker, 1);
    g_queue_push_tail(&queue->waiting, job);
    mam_queue_tick(queue);
    return true;
}

void mam_queue_answer(struct mam_job *job, GPtrArray *stanzas)
{
    struct mam_queue *queue = job->queue;
    job->stanzas = stanzas ? stanzas : g_ptr_array_new();
    if (queue->gone) {
        g_queue_remove(&queue->active, job);
        job_end(job);
        queue_release(queue);
    } else {
        mam_queue_tick(queue);
        loop_wake();
    }
}
