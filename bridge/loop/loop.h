/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The main loop: GLib's default main context, with one epoll set as a single GSource, because
 * GLib's own poll() walks every descriptor each turn. There is one loop per process and one thread.
 *
 * Rules for everything that completes later:
 *  - a completion callback runs exactly once, and never before the call that started it returned;
 *  - a watch may be removed at any time, also from inside a callback: it is not called again, even
 *    if an event for it had already been collected in this turn;
 *  - nothing iterates GLib's main context inside of a turn;
 *  - timers are GLib's (g_timeout_add); loops over many objects use one timer for all of them. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* Embed in the owner's struct and use g_container_of-style casts; memory belongs to the owner and
 * must stay valid until loop_remove. */
struct loop_watch {
    int fd;
    void (*ready)(struct loop_watch *watch, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLERR… */
};

#define loop_owner(watch_pointer, type, member)                                                    \
    ((type *)(void *)((char *)(watch_pointer)-G_STRUCT_OFFSET(type, member)))

void loop_start(void); /* attaches the epoll source; call once before any other function */
/* Runs what is still deferred, detaches the source and forgets the hooks. Every watch must have
 * been removed. Not from inside a callback of the loop. */
void loop_stop(void);

/* False with errno if the descriptor cannot be watched. The watch does not own the descriptor. */
bool loop_add(struct loop_watch *watch, uint32_t events);
void loop_modify(struct loop_watch *watch, uint32_t events);
void loop_remove(struct loop_watch *watch);
/* In place of loop_remove, for a descriptor that somebody else, a library, has closed. epoll
 * forgets it with the closing, without an event; its number may be another's by now, which
 * loop_remove would take out. */
void loop_forget(const struct loop_watch *watch);

/* Runs FUNCTION once, after the present callback returned and before the loop waits again. */
void loop_defer(void (*function)(void *data), void *data);

/* Runs FUNCTION at the end of every turn, in the order of registration: the place to write out what
 * a turn has collected. A turn is what follows an event of the epoll set, a deferred call or
 * loop_wake; a GLib timer alone does not make one, so whoever collects also calls loop_wake. */
void loop_at_turn_end(void (*function)(void *data), void *data);

/* Makes sure that a turn (so its end, too) comes before the loop waits again. Cheap. */
void loop_wake(void);

/* Forgets every deferred call and turn-end hook of FUNCTION with DATA, also from inside a callback;
 * call it before freeing DATA. */
void loop_cancel(void (*function)(void *data), void *data);
