/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of two users may see the other's presence: one view of each two, whoever's partners were
 * read. A view carries the number of the read that it comes from; reads are numbered as they begin,
 * so that an answer that was overtaken is known by its number. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"

struct visibilities;

struct visibility_side {
    struct uuid user;
    gint64 number; /* users.number */
    char *jid; /* bare, of one on XMPP to whose presence the other has a subscription; else NULL */
    bool hosted;
    bool shows,
        shows_last; /* the other may see this one's presence, and when this one was last there */
    GList link;     /* visibilities.c's own */
};

struct visibility {
    struct visibility_side side[2]; /* in the order of ids */
    guint64 read;                   /* the number of the read that it comes from */
};

struct visibilities *visibilities_new(void);
void visibilities_free(struct visibilities *all);
guint visibilities_count(const struct visibilities *all);

/* The view of the two, borrowed; NULL: nothing is known of them. */
struct visibility *visibility_find(const struct visibilities *all, const struct uuid *a,
                                   const struct uuid *b);
/* There must not be one yet. In the new one nobody sees anybody. */
struct visibility *visibility_add(struct visibilities *all, const struct uuid *a,
                                  const struct uuid *b);
void visibility_remove(struct visibilities *all, struct visibility *view);

/* The first of the views of USER; the data of each link is a struct visibility. NULL: none. */
GList *visibility_list(const struct visibilities *all, const struct uuid *user);

/* Which side of VIEW, one of USER's, USER is. */
unsigned visibility_side_of(const struct visibility *view, const struct uuid *user);
