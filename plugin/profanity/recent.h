/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was said last in each chat and room, so that a person can name a message by a small number.
 */
#pragma once

#include <stdbool.h>

#define RECENT_MAX 50   /* messages of one chat */
#define RECENT_CHATS 64 /* chats; the one that was silent longest gives way */

struct said {
    const char *id;     /* by which others know it: origin-id or @id, the room's in a room */
    const char *who;    /* a name for people */
    const char *text;   /* without a quote */
    const char *thread; /* NULL: none */
    bool own;
};

/* Keeps a copy of SAID as the newest of CHAT (a bare address). */
void recent_add(const char *chat, const struct said *said);
/* The NUMBER-th, 1 being the newest, or NULL; until the next call of recent_add(). */
const struct said *recent_nth(const char *chat, unsigned number);
const struct said *recent_find(const char *chat, const char *id);
/* TEXT is what ID says now; NULL: it is taken back. */
void recent_change(const char *chat, const char *id, const char *text);
void recent_clear(void);
