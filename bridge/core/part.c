/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts and their state. There are some twenty: a walk along them is as fast as a table. */
#include "config.h"

#include "bridge/core/core.h"
#include "bridge/core/part.h"

/* Two arrays in the same order; the first is ended by NULL. */
struct parts {
    GPtrArray *names;
    GPtrArray *states;
};

static bool part_find(const struct core *core, const struct part *part, guint *ret_index)
{
    const struct parts *parts = core->parts;
    for (guint i = 0; parts && i < parts->states->len; i++) {
        if (parts->names->pdata[i] == part) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

static struct parts *parts_new(void)
{
    struct parts *parts = g_new(struct parts, 1);
    parts->names = g_ptr_array_new();
    parts->states = g_ptr_array_new();
    g_ptr_array_add(parts->names, NULL);
    return parts;
}

static void parts_free(struct parts *parts)
{
    g_ptr_array_unref(parts->names);
    g_ptr_array_unref(parts->states);
    g_free(parts);
}

void part_add(struct core *core, const struct part *part, void *state)
{
    guint index;
    if (part_find(core, part, &index)) {
        core->parts->states->pdata[index] = state;
        return;
    }
    if (!core->parts)
        core->parts = parts_new();
    g_ptr_array_insert(core->parts->names, (gint)core->parts->states->len,
                       (gpointer)(guintptr)part);
    g_ptr_array_add(core->parts->states, state);
}

void *part_remove(struct core *core, const struct part *part)
{
    guint index;
    if (!part_find(core, part, &index))
        return NULL;
    void *state = core->parts->states->pdata[index];
    g_ptr_array_remove_index(core->parts->names, index);
    g_ptr_array_remove_index(core->parts->states, index);
    if (core->parts->states->len == 0)
        g_clear_pointer(&core->parts, parts_free);
    return state;
}

void *part_state(const struct core *core, const struct part *part)
{
    guint index;
    return part_find(core, part, &index) ? core->parts->states->pdata[index] : NULL;
}

const struct part *const *parts_of(const struct core *core)
{
    return core->parts ? (const struct part *const *)core->parts->names->pdata : NULL;
}
