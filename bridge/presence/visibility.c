/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Views found by both ids; each of the two has a list of theirs. */
#include "config.h"

#include <string.h>

#include "bridge/presence/visibility.h"

struct person {
    struct uuid id;
    GQueue views; /* struct visibility *, by the link of the person's side */
};

struct visibilities {
    GHashTable *views;  /* struct visibility * → itself, owned; by the two ids */
    GHashTable *people; /* struct uuid * → struct person *, owned; whoever has a view */
};

static guint view_hash(gconstpointer key)
{
    const struct visibility *view = key;
    return uuid_hash(&view->side[0].user) * 31 + uuid_hash(&view->side[1].user);
}

static gboolean view_equal(gconstpointer a, gconstpointer b)
{
    const struct visibility *one = a, *other = b;
    return uuid_equal(&one->side[0].user, &other->side[0].user) &&
           uuid_equal(&one->side[1].user, &other->side[1].user);
}

static void view_free(gpointer data)
{
    struct visibility *view = data;
    g_free(view->side[0].jid);
    g_free(view->side[1].jid);
    g_free(view);
}

static void view_name(struct visibility *view, const struct uuid *a, const struct uuid *b)
{
    bool ordered = memcmp(a, b, sizeof *a) <= 0;
    view->side[0].user = ordered ? *a : *b;
    view->side[1].user = ordered ? *b : *a;
}

struct visibilities *visibilities_new(void)
{
    struct visibilities *all = g_new0(struct visibilities, 1);
    all->views = g_hash_table_new_full(view_hash, view_equal, NULL, view_free);
    all->people = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, g_free);
    return all;
}

void visibilities_free(struct visibilities *all)
{
    g_hash_table_unref(all->people);
    g_hash_table_unref(all->views);
    g_free(all);
}

guint visibilities_count(const struct visibilities *all)
{
    return g_hash_table_size(all->views);
}

struct visibility *visibility_find(const struct visibilities *all, const struct uuid *a,
                                   const struct uuid *b)
{
    struct visibility wanted;
    view_name(&wanted, a, b);
    return g_hash_table_lookup(all->views, &wanted);
}

static void person_add(struct visibilities *all, struct visibility *view, unsigned side)
{
    struct person *person = g_hash_table_lookup(all->people, &view->side[side].user);
    if (!person) {
        person = g_new0(struct person, 1);
        person->id = view->side[side].user;
        g_queue_init(&person->views);
        g_hash_table_insert(all->people, &person->id, person);
    }
    view->side[side].link.data = view;
    g_queue_push_tail_link(&person->views, &view->side[side].link);
}

static void person_remove(struct visibilities *all, struct visibility *view, unsigned side)
{
    struct person *person = g_hash_table_lookup(all->people, &view->side[side].user);
    g_queue_unlink(&person->views, &view->side[side].link);
    if (g_queue_is_empty(&person->views))
        g_hash_table_remove(all->people, &person->id);
}

struct visibility *visibility_add(struct visibilities *all, const struct uuid *a,
                                  const struct uuid *b)
{
    struct visibility *view = g_new0(struct visibility, 1);
    view_name(view, a, b);
    g_hash_table_add(all->views, view);
    person_add(all, view, 0);
    person_add(all, view, 1);
    return view;
}

void visibility_remove(struct visibilities *all, struct visibility *view)
{
    person_remove(all, view, 0);
    person_remove(all, view, 1);
    g_hash_table_remove(all->views, view);
}

GList *visibility_list(const struct visibilities *all, const struct uuid *user)
{
    const struct person *person = g_hash_table_lookup(all->people, user);
    return person ? person->views.head : NULL;
}

unsigned visibility_side_of(const struct visibility *view, const struct uuid *user)
{
    return uuid_equal(&view->side[1].user, user) ? 1 : 0;
}
