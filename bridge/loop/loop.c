/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One epoll set behind one GSource. */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/loop/loop.h"

#define EVENTS_PER_TURN 512

struct call {
    void (*function)(void *data);
    void *data;
};

static struct {
    int epoll_fd;
    GSource *source;
    GArray *deferred; /* struct call, runs once */
    GArray *hooks;    /* struct call, runs at each turn's end */
    struct epoll_event events[EVENTS_PER_TURN];
    int event_count; /* events of the running turn that are not handled yet start at event_next */
    int event_next;
} loop = {.epoll_fd = -1};

static void run_deferred(void)
{
    /* Deferred calls may defer further ones; those run in the same turn. The bound keeps a call
     * that defers itself for ever from starving the descriptors. */
    for (guint rounds = 0; loop.deferred->len > 0 && rounds < 16; rounds++) {
        GArray *batch = loop.deferred;
        loop.deferred = g_array_new(FALSE, FALSE, sizeof(struct call));
        for (guint i = 0; i < batch->len; i++) {
            struct call call = g_array_index(batch, struct call, i);
            call.function(call.data);
        }
        g_array_unref(batch);
    }
}

static gboolean source_prepare(GSource *source, gint *ret_timeout)
{
    (void)source;
    *ret_timeout = -1;
    return loop.deferred->len > 0;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source;
    (void)callback;
    (void)data;
    gint64 started = clock_monotonic();
    int count = epoll_wait(loop.epoll_fd, loop.events, EVENTS_PER_TURN, 0);
    loop.event_count = MAX(count, 0);
    for (loop.event_next = 0; loop.event_next < loop.event_count;) {
        struct epoll_event *event = &loop.events[loop.event_next++];
        struct loop_watch *watch = event->data.ptr;
        if (watch)
            watch->ready(watch, event->events);
    }
    loop.event_count = 0;
    run_deferred();
    for (guint i = 0; i < loop.hooks->len; i++) {
        struct call call = g_array_index(loop.hooks, struct call, i);
        call.function(call.data);
    }
    metric_observe(METRIC_LOOP_STALL, clock_monotonic() - started);
    return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_functions = {.prepare = source_prepare, .dispatch = source_dispatch};

static gboolean source_check(GSource *source)
{
    gpointer tag = *(gpointer *)(void *)((char *)source + sizeof(GSource));
    return loop.deferred->len > 0 || g_source_query_unix_fd(source, tag) != 0;
}

void loop_start(void)
{
    g_return_if_fail(loop.epoll_fd < 0);
    loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop.epoll_fd < 0)
        g_error("epoll_create1: %s", g_strerror(errno));
    loop.deferred = g_array_new(FALSE, FALSE, sizeof(struct call));
    loop.hooks = g_array_new(FALSE, FALSE, sizeof(struct call));
    source_functions.check = source_check;
    loop.source = g_source_new(&source_functions, sizeof(GSource) + sizeof(gpointer));
    gpointer tag = g_source_add_unix_fd(loop.source, loop.epoll_fd, G_IO_IN);
    *(gpointer *)(void *)((char *)loop.source + sizeof(GSource)) = tag;
    g_source_attach(loop.source, NULL);
}

void loop_stop(void)
{
    if (loop.epoll_fd < 0)
        return;
    g_source_destroy(loop.source);
    g_clear_pointer(&loop.source, g_source_unref);
    g_clear_pointer(&loop.deferred, g_array_unref);
    g_clear_pointer(&loop.hooks, g_array_unref);
    close(loop.epoll_fd);
    loop.epoll_fd = -1;
}

static bool control(struct loop_watch *watch, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = watch}};
    return epoll_ctl(loop.epoll_fd, operation, watch->fd, &event) == 0;
}

bool loop_add(struct loop_watch *watch, uint32_t events)
{
    return control(watch, EPOLL_CTL_ADD, events);
}

void loop_modify(struct loop_watch *watch, uint32_t events)
{
    if (!control(watch, EPOLL_CTL_MOD, events))
        g_warning("epoll_ctl: %s", g_strerror(errno));
}

void loop_remove(struct loop_watch *watch)
{
    control(watch, EPOLL_CTL_DEL, 0);
    for (int i = loop.event_next; i < loop.event_count; i++) {
        if (loop.events[i].data.ptr == watch)
            loop.events[i].data.ptr = NULL;
    }
}

void loop_defer(void (*function)(void *data), void *data)
{
    struct call call = {function, data};
    g_array_append_val(loop.deferred, call);
}

void loop_at_turn_end(void (*function)(void *data), void *data)
{
    struct call call = {function, data};
    g_array_append_val(loop.hooks, call);
}
