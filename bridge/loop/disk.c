/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads of our own, which end before disk_stop() is back, and with them what libraries keep for
 * each; and a source of GLib's for what is done, since the loop's epoll set has ended already when
 * the last works are told. */
#include "config.h"

#include <glib.h>
#include <stdbool.h>

#include "bridge/loop/disk.h"
#include "bridge/loop/loop.h"

#define THREADS 4 /* of each kind */
#define KINDS 2   /* near, far */

static struct {
    struct pool {
        GThread *threads[THREADS];
        GAsyncQueue *waiting; /* struct disk_work; NULL: nothing is taken */
    } pools[KINDS];
    GMutex lock;
    GQueue done; /* struct disk_work, under the lock */
    guint source;
    bool stopping;
} disk;

static struct disk_work last; /* ends the thread that gets it */

static void tell_done(void)
{
    struct disk_work *work;
    do {
        g_mutex_lock(&disk.lock);
        work = g_queue_pop_head(&disk.done);
        if (!work)
            disk.source = 0;
        g_mutex_unlock(&disk.lock);
        if (work)
            work->done(work);
    } while (work);
}

static gboolean on_done(gpointer data)
{
    (void)data;
    tell_done();
    loop_wake();
    return G_SOURCE_REMOVE;
}

static void work_run(struct disk_work *work)
{
    work->run(work);
    g_mutex_lock(&disk.lock);
    g_queue_push_tail(&disk.done, work);
    if (!disk.source && !disk.stopping)
        disk.source = g_idle_add_full(G_PRIORITY_DEFAULT, on_done, NULL, NULL);
    g_mutex_unlock(&disk.lock);
}

static gpointer thread_run(gpointer data)
{
    GAsyncQueue *waiting = data;
    struct disk_work *work;
    while ((work = g_async_queue_pop(waiting)) != &last)
        work_run(work);
    return NULL;
}

static void pool_start(struct pool *pool, const char *name)
{
    pool->waiting = g_async_queue_new();
    for (size_t i = 0; i < THREADS; i++)
        pool->threads[i] = g_thread_new(name, thread_run, pool->waiting);
}

void disk_start(void)
{
    disk.stopping = false;
    pool_start(&disk.pools[0], "disk");
    pool_start(&disk.pools[1], "far");
}

static void pool_end(struct pool *pool)
{
    for (size_t i = 0; i < THREADS; i++)
        g_async_queue_push(pool->waiting, &last);
    for (size_t i = 0; i < THREADS; i++)
        g_thread_join(g_steal_pointer(&pool->threads[i]));
}

void disk_stop(void)
{
    if (!disk.pools[0].waiting)
        return;
    for (size_t i = 0; i < KINDS; i++)
        pool_end(&disk.pools[i]);
    if (disk.source)
        g_source_remove(disk.source);
    disk.source = 0;
    disk.stopping = true;
    tell_done(); /* what that submits is done at once */
    for (size_t i = 0; i < KINDS; i++)
        g_clear_pointer(&disk.pools[i].waiting, g_async_queue_unref);
}

void disk_submit(struct disk_work *work)
{
    struct pool *pool = &disk.pools[work->far ? 1 : 0];
    g_return_if_fail(pool->waiting);
    if (disk.stopping)
        work_run(work);
    else
        g_async_queue_push(pool->waiting, work);
}
