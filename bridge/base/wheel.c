/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hashed timing wheel. */
#include "config.h"

#include "bridge/base/wheel.h"

void wheel_init(struct wheel *wheel, gint64 now)
{
    *wheel = (struct wheel){.ticks = now / WHEEL_TICK};
}

static void entry_insert(struct wheel_entry **list, struct wheel_entry *entry)
{
    entry->next = *list;
    entry->link = list;
    if (entry->next)
        entry->next->link = &entry->next;
    *list = entry;
}

void wheel_set(struct wheel *wheel, struct wheel_entry *entry, gint64 due)
{
    wheel_clear(entry);
    entry->due = due;
    /* Rounded up: at the tick, the deadline has passed. What is past comes with the next tick. */
    gint64 tick = MAX((due + WHEEL_TICK - 1) / WHEEL_TICK, wheel->ticks + 1);
    entry_insert(&wheel->slots[tick % WHEEL_SLOTS], entry);
}

void wheel_clear(struct wheel_entry *entry)
{
    if (!entry->link)
        return;
    *entry->link = entry->next;
    if (entry->next)
        entry->next->link = entry->link;
    entry->link = NULL;
    entry->next = NULL;
}

void wheel_advance(struct wheel *wheel, gint64 now,
                   void (*due)(struct wheel_entry *entry, void *data), void *data)
{
    gint64 target = now / WHEEL_TICK;
    gint64 first =
        MAX(wheel->ticks + 1, target - WHEEL_SLOTS + 1); /* after a long stall: one round */
    wheel->ticks = MAX(wheel->ticks, target);
    for (gint64 tick = first; tick <= target; tick++) {
        /* The slot is moved to a list of our own, which shrinks while DUE sets and clears. */
        struct wheel_entry *batch = NULL;
        struct wheel_entry **slot = &wheel->slots[tick % WHEEL_SLOTS];
        while (*slot) {
            struct wheel_entry *entry = *slot;
            wheel_clear(entry);
            entry_insert(&batch, entry);
        }
        while (batch) {
            struct wheel_entry *entry = batch;
            wheel_clear(entry);
            if (entry->due > now)
                entry_insert(slot, entry);
            else
                due(entry, data);
        }
    }
}
