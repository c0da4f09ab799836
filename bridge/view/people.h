/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The users of a list, beside it: where one stands in an item, its id does, and each is written
 * once. */
#pragma once

#include "bridge/view/view.h"

struct people {
    struct view_memory *memory;
    GHashTable *known; /* id → struct user_view * that is written as its id; of MEMORY */
    GPtrArray *users;  /* const struct user_view *, as they were noted first */
};
typedef struct people trestle_people;

void people_init(struct people *people, struct view_memory *memory);
void people_clear(struct people *people);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(trestle_people, people_clear)

/* What stands for CONVERSATION, with the users in it; it stays valid with the memory. */
struct conversation_view people_in_conversation(struct people *people,
                                                const struct conversation_view *conversation);

/* Writes the member users. */
void people_write(const struct people *people, struct json_writer *json);
