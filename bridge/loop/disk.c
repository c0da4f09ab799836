/* SPDX-License-Identifier: GPL-3.0-or-later */
/* GLib's pool of threads, and a source of GLib's for what is done: the loop's epoll set has ended
 * already when the last works are told. */
#include "config.h"

#include <glib.h>
#include <stdbool.h>

#include "bridge/loop/disk.h"
#include "bridge/loop/loop.h"

#define THREADS_MAX 4

static struct {
    GThreadPool *threads;
    GMutex lock;
    GQueue done; /* struct disk_work, under the lock */
    guint source;
    bool stopping;
} disk;

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
    if (!disk.stopping)
        loop_wake();
    return G_SOURCE_REMOVE;
}

static void run_work(gpointer data, gpointer userdata)
{
    struct disk_work *work = data;
    (void)userdata;
    work->run(work);
    g_mutex_lock(&disk.lock);
    g_queue_push_tail(&disk.done, work);
    if (!disk.source && !disk.stopping)
        disk.source = g_idle_add_full(G_PRIORITY_DEFAULT, on_done, NULL, NULL);
    g_mutex_unlock(&disk.lock);
}

void disk_start(void)
{
    disk.stopping = false;
    if (!disk.threads)
        disk.threads = g_thread_pool_new(run_work, NULL, THREADS_MAX, FALSE, NULL);
}

void disk_stop(void)
{
    if (!disk.threads)
        return;
    /* What is told may submit more. */
    while (true) {
        g_thread_pool_free(g_steal_pointer(&disk.threads), FALSE, TRUE);
        g_mutex_lock(&disk.lock);
        guint source = disk.source;
        bool more = disk.done.length > 0;
        disk.source = 0;
        disk.stopping = true;
        g_mutex_unlock(&disk.lock);
        if (source)
            g_source_remove(source);
        if (!more)
            break;
        disk.threads = g_thread_pool_new(run_work, NULL, THREADS_MAX, FALSE, NULL);
        tell_done();
    }
}

void disk_submit(struct disk_work *work)
{
    g_return_if_fail(disk.threads);
    g_thread_pool_push(disk.threads, work, NULL);
}
