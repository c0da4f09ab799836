/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tables of rooms elsewhere and of our users' places in them. */
#include "config.h"

#include "bridge/room/guest.h"
#include "bridge/room/guest_history.h"

static struct guests *running;

static void seat_free(gpointer data)
{
    struct guest_seat *seat = data;
    g_free(seat->user);
    g_free(seat->nick);
    g_free(seat->password);
    g_free(seat);
}

static void room_free(gpointer data)
{
    struct guest_room *room = data;
    guest_history_end(room);
    g_hash_table_unref(room->seats);
    g_free(room->jid);
    g_free(room);
}

struct guests *guests_new(struct core *core)
{
    running = g_new0(struct guests, 1);
    running->core = core;
    running->rooms = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, room_free);
    return running;
}

void guests_free(struct guests *guests)
{
    running = NULL;
    g_hash_table_unref(guests->rooms);
    g_free(guests);
}

void guests_clear(struct guests *guests)
{
    g_hash_table_remove_all(guests->rooms);
}

struct guests *guests_of(void)
{
    return running;
}

struct guest_room *guest_room_find(const char *room)
{
    return running ? g_hash_table_lookup(running->rooms, room) : NULL;
}

struct guest_seat *guest_seat_find(const char *user, const char *room)
{
    struct guest_room *found = guest_room_find(room);
    return found ? g_hash_table_lookup(found->seats, user) : NULL;
}

static struct guest_room *room_put(const char *jid)
{
    struct guest_room *room = guest_room_find(jid);
    if (!room) {
        room = g_new0(struct guest_room, 1);
        room->jid = g_strdup(jid);
        room->seats = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, seat_free);
        g_hash_table_insert(running->rooms, room->jid, room);
    }
    return room;
}

struct guest_seat *guest_seat_put(const char *user, const char *room)
{
    struct guest_seat *seat = guest_seat_find(user, room);
    if (!seat) {
        seat = g_new0(struct guest_seat, 1);
        seat->room = room_put(room);
        seat->user = g_strdup(user);
        g_hash_table_insert(seat->room->seats, seat->user, seat);
    }
    return seat;
}

void guest_seat_drop(struct guest_seat *seat)
{
    struct guest_room *room = seat->room;
    if (room->ear == seat) {
        room->ear = NULL;
        room->live = false;
        room->since = 0;
        guest_history_end(room);
    }
    g_hash_table_remove(room->seats, seat->user);
    if (g_hash_table_size(room->seats) == 0)
        g_hash_table_remove(running->rooms, room->jid);
}

struct guest_seat *guest_seat_named(const struct guest_room *room, const char *nick)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, room->seats);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct guest_seat *seat = value;
        if (seat->state == GUEST_IN && g_strcmp0(seat->nick, nick) == 0)
            return seat;
    }
    return NULL;
}
