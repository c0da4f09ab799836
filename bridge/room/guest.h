/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rooms elsewhere that our users are in, as this process knows them: which of our users are in
 * which room, or on the way there. What lasts is in the database (sql/function/guest.sql).
 *
 * A room sends everything to each of our users. It is listened to by one of them, its ear: what the
 * others get is the same, and dropped. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct core;
struct guest_history;
struct guest_room;
struct guests;

enum guest_state { GUEST_OUT, GUEST_ENTERING, GUEST_IN };

struct guest_seat {
    struct guest_room *room;
    char *user; /* bare JID of ours, the key in the room */
    char *nick; /* as asked for, or as given */
    char *password;
    enum guest_state state;
};

struct guest_room {
    char *jid;
    GHashTable *seats;      /* struct guest_seat by user */
    struct guest_seat *ear; /* NULL: nobody listens */
    bool archived;   /* what was said before is asked of its archive, else it comes by itself */
    bool named;      /* it gives messages ids that can be believed */
    bool live;       /* all that was said is here; what is said now is taken */
    bool again;      /* something was said meanwhile, and dropped */
    gint64 since;    /* monotonic: when the ear came in; 0: not yet */
    gint64 heard_at; /* wall clock: when the newest message that is here was said; 0: none */
    struct guest_history *history; /* its archive is being asked; else NULL */
};

/* One of a process, NULL before its start and after its stop. */
struct guests {
    struct core *core;
    GHashTable *rooms; /* struct guest_room by address */
    bool up;           /* this process has the way to the rooms, and looks after the places */
    bool taking, saying, say_again;
    guint timer;
    guint64 round; /* counts ups: answers to questions of an earlier one mean nothing */
};

struct guests *guests_new(struct core *core);
void guests_free(struct guests *guests);
/* Forgets all rooms. */
void guests_clear(struct guests *guests);
struct guests *guests_of(void);

/* NULL: there is none. */
struct guest_room *guest_room_find(const char *room);
struct guest_seat *guest_seat_find(const char *user, const char *room);
/* Found or made. */
struct guest_seat *guest_seat_put(const char *user, const char *room);
/* Forgets the seat, and its room with the last one. */
void guest_seat_drop(struct guest_seat *seat);
/* A seat of the room that is in it under NICK; NULL: none of ours. */
struct guest_seat *guest_seat_named(const struct guest_room *room, const char *nick);
