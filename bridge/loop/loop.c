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
#define DEFERRED_ROUNDS 16

struct call {
    void (*function)(void *data);
    void *data;
};

static struct {
    int epoll_fd;
    GSource *source;
    GArray *deferred; /* struct call, runs once */
    GArray *running;  /* the batch of deferred calls that is being run; NULL outside */
    GArray *hooks;    /* struct call, runs at each turn's end */
    bool dispatching; /* inside a turn */
    bool ending;      /* inside its hooks */
    bool wanted;      /* somebody asked for a turn */
    bool collected;   /* the events of the coming turn are in already */
    int event_count;  /* events of a turn that are not handled yet start at event_next */
    int event_next;
    struct epoll_event events[EVENTS_PER_TURN];
    struct loop_watch waker; /* GLib's descriptor for waking its main loop, in our set */
} loop = {.epoll_fd = -1, .waker = {.fd = -1}};

/* A cancelled call stays in its array with a NULL function, so that indices stay valid. */
static void run_calls(GArray *calls)
{
    for (guint i = 0; i < calls->len; i++) {
        struct call call = g_array_index(calls, struct call, i);
        if (call.function)
            call.function(call.data);
    }
}

static void cancel_calls(GArray *calls, const struct call *unwanted)
{
    for (guint i = 0; calls && i < calls->len; i++) {
        struct call *call = &g_array_index(calls, struct call, i);
        if (call->function == unwanted->function && call->data == unwanted->data)
            call->function = NULL;
    }
}

static void remove_cancelled_hooks(void)
{
    for (guint i = loop.hooks->len; i > 0; i--) {
        if (!g_array_index(loop.hooks, struct call, i - 1).function)
            g_array_remove_index(loop.hooks, i - 1);
    }
}

static void run_deferred(void)
{
    /* Deferred calls may defer further ones; those run in the same turn. The bound keeps a call
     * that defers itself for ever from starving the descriptors. */
    for (guint rounds = 0; loop.deferred->len > 0 && rounds < DEFERRED_ROUNDS; rounds++) {
        loop.running = loop.deferred;
        loop.deferred = g_array_new(FALSE, FALSE, sizeof(struct call));
        run_calls(loop.running);
        g_clear_pointer(&loop.running, g_array_unref);
    }
}

static int events_collect(int timeout)
{
    int count = epoll_wait(loop.epoll_fd, loop.events, EVENTS_PER_TURN, timeout);
    loop.event_count = MAX(count, 0);
    loop.event_next = 0;
    return count;
}

static bool watch_waker(int fd)
{
    if (loop.waker.fd == fd)
        return true;
    if (loop.waker.fd >= 0)
        loop_remove(&loop.waker);
    loop.waker.fd = fd;
    if (!loop_add(&loop.waker, EPOLLIN))
        loop.waker.fd = -1;
    return loop.waker.fd == fd;
}

/* Waits for GLib. It would poll the set's descriptor, and a turn would then ask the set what there
 * is: waiting in the set itself is one system call instead of two. What is collected here and not
 * dispatched, because a source of higher priority came first, is reported again. */
static gint wait_in_set(GPollFD *fds, guint count, gint timeout)
{
    loop.collected = false;
    GPollFD *set = count == 2 ? &fds[fds[0].fd == loop.epoll_fd ? 0 : 1] : NULL;
    if (!set || set->fd != loop.epoll_fd)
        return g_poll(fds, count, timeout); /* others' descriptors, too */
    GPollFD *waker = set == fds ? &fds[1] : &fds[0];
    if (!watch_waker(waker->fd))
        return g_poll(fds, count, timeout);
    int ready = events_collect(timeout);
    set->revents = waker->revents = 0;
    for (int i = 0; i < ready; i++) {
        if (loop.events[i].data.ptr == &loop.waker) {
            loop.events[i].data.ptr = NULL;
            waker->revents = G_IO_IN;
        } else {
            set->revents = G_IO_IN;
        }
    }
    loop.collected = ready >= 0;
    return ready < 0 ? ready : (set->revents != 0) + (waker->revents != 0);
}

static void run_events(void)
{
    if (!loop.collected)
        events_collect(0);
    loop.collected = false;
    while (loop.event_next < loop.event_count) {
        struct epoll_event *event = &loop.events[loop.event_next++];
        struct loop_watch *watch = event->data.ptr;
        if (watch && watch != &loop.waker) /* GLib reads that one itself */
            watch->ready(watch, event->events);
    }
    loop.event_count = 0;
}

static gboolean source_prepare(GSource *source, gint *ret_timeout)
{
    (void)source;
    *ret_timeout = -1;
    return loop.wanted || loop.deferred->len > 0;
}

static gboolean source_dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    (void)source;
    (void)callback;
    (void)data;
    g_return_val_if_fail(!loop.dispatching, G_SOURCE_CONTINUE);
    gint64 started = clock_monotonic();
    loop.dispatching = true;
    loop.wanted = false;
    run_events();
    run_deferred();
    loop.ending = true;
    run_calls(loop.hooks);
    remove_cancelled_hooks();
    loop.ending = loop.dispatching = false;
    metric_observe(METRIC_LOOP_STALL, clock_monotonic() - started);
    return G_SOURCE_CONTINUE;
}

/* No check function: GLib itself looks at the descriptors added with g_source_add_unix_fd. */
static GSourceFuncs source_functions = {.prepare = source_prepare, .dispatch = source_dispatch};

void loop_start(void)
{
    g_return_if_fail(loop.epoll_fd < 0);
    loop.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop.epoll_fd < 0)
        g_error("epoll_create1: %s", g_strerror(errno));
    loop.deferred = g_array_new(FALSE, FALSE, sizeof(struct call));
    loop.hooks = g_array_new(FALSE, FALSE, sizeof(struct call));
    loop.source = g_source_new(&source_functions, sizeof(GSource));
    g_source_set_static_name(loop.source, "trestle-epoll");
    g_source_add_unix_fd(loop.source, loop.epoll_fd, G_IO_IN);
    /* Else GLib takes the descriptor out and puts it back around each turn, and wakes itself for
     * both: three system calls. No turn is begun inside of another, see source_dispatch. */
    g_source_set_can_recurse(loop.source, TRUE);
    g_source_attach(loop.source, NULL);
    g_main_context_set_poll_func(NULL, wait_in_set);
}

void loop_stop(void)
{
    if (loop.epoll_fd < 0)
        return;
    g_return_if_fail(!loop.dispatching);
    /* What was deferred is still owed: a completion callback runs exactly once. */
    run_deferred();
    g_main_context_set_poll_func(NULL, NULL);
    g_source_destroy(loop.source);
    g_clear_pointer(&loop.source, g_source_unref);
    g_clear_pointer(&loop.deferred, g_array_unref);
    g_clear_pointer(&loop.hooks, g_array_unref);
    close(loop.epoll_fd);
    loop.epoll_fd = loop.waker.fd = -1;
    loop.event_count = 0;
    loop.wanted = loop.collected = false;
}

static bool watch_control(struct loop_watch *watch, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = watch}};
    return epoll_ctl(loop.epoll_fd, operation, watch->fd, &event) == 0;
}

bool loop_add(struct loop_watch *watch, uint32_t events)
{
    return watch_control(watch, EPOLL_CTL_ADD, events);
}

void loop_modify(struct loop_watch *watch, uint32_t events)
{
    /* Forgotten: somebody has closed it and opened another one under its number. */
    bool good = watch_control(watch, EPOLL_CTL_MOD, events) ||
                (errno == ENOENT && watch_control(watch, EPOLL_CTL_ADD, events));
    if (!good)
        g_warning("epoll_ctl: %s", g_strerror(errno));
}

void loop_forget(const struct loop_watch *watch)
{
    for (int i = loop.event_next; i < loop.event_count; i++) {
        if (loop.events[i].data.ptr == watch)
            loop.events[i].data.ptr = NULL;
    }
}

void loop_remove(struct loop_watch *watch)
{
    watch_control(watch, EPOLL_CTL_DEL, 0);
    loop_forget(watch);
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

void loop_cancel(void (*function)(void *data), void *data)
{
    struct call unwanted = {function, data};
    cancel_calls(loop.deferred, &unwanted);
    cancel_calls(loop.running, &unwanted);
    cancel_calls(loop.hooks, &unwanted);
    if (!loop.dispatching && loop.hooks)
        remove_cancelled_hooks();
}

void loop_wake(void)
{
    /* The present turn's hooks are still to come: no second turn is needed. */
    if (!loop.dispatching || loop.ending)
        loop.wanted = true;
}
