/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The spans that wait are sorted by where they begin. */
#include "config.h"

#include "bridge/cluster/sequencer.h"
#include "bridge/core/event.h"

struct sequencer {
    gint64 position;
    gint64 newest;
    GSequence *waiting; /* struct span, by `before` */
    guint maximum;
    gsize size, size_maximum;
    bool hold;
    sequencer_deliver deliver;
    void *data;
};

static void entry_clear(gpointer data)
{
    struct span_entry *entry = data;
    event_unref(entry->event);
    g_free(entry->audience);
}

struct span *span_new(gint64 before, gint64 last)
{
    struct span *span = g_new0(struct span, 1);
    span->before = before;
    span->last = last;
    span->entries = g_array_new(FALSE, FALSE, sizeof(struct span_entry));
    g_array_set_clear_func(span->entries, entry_clear);
    return span;
}

void span_add(struct span *span, struct event *event, const struct uuid *audience, guint count)
{
    struct span_entry entry = {.event = event_ref(event),
                               .count = count,
                               .audience = g_memdup2(audience, count * sizeof *audience)};
    g_array_append_val(span->entries, entry);
    span->size += event->payload_length;
}

static gint by_position(gconstpointer a, gconstpointer b)
{
    gint64 one = ((const struct span_entry *)a)->event->position;
    gint64 other = ((const struct span_entry *)b)->event->position;
    return (one > other) - (one < other);
}

void span_sort(struct span *span)
{
    g_array_sort(span->entries, by_position);
}

void span_free(struct span *span)
{
    if (!span)
        return;
    g_array_unref(span->entries);
    g_free(span);
}

static void free_span(gpointer data)
{
    span_free(data);
}

struct sequencer *sequencer_new(guint maximum, gsize size_maximum, sequencer_deliver deliver,
                                void *data)
{
    struct sequencer *sequencer = g_new0(struct sequencer, 1);
    sequencer->maximum = maximum;
    sequencer->size_maximum = size_maximum;
    sequencer->deliver = deliver;
    sequencer->data = data;
    sequencer->waiting = g_sequence_new(free_span);
    return sequencer;
}

static void range_forget(struct sequencer *sequencer)
{
    g_sequence_remove_range(g_sequence_get_begin_iter(sequencer->waiting),
                            g_sequence_get_end_iter(sequencer->waiting));
    sequencer->size = 0;
}

void sequencer_free(struct sequencer *sequencer)
{
    if (!sequencer)
        return;
    g_sequence_free(sequencer->waiting);
    g_free(sequencer);
}

void sequencer_start(struct sequencer *sequencer, gint64 position)
{
    range_forget(sequencer);
    sequencer->position = sequencer->newest = position;
}

gint64 sequencer_position(const struct sequencer *sequencer)
{
    return sequencer->position;
}

static gint by_before(gconstpointer a, gconstpointer b, gpointer data)
{
    const struct span *one = a;
    const struct span *other = b;
    (void)data;
    return (one->before > other->before) - (one->before < other->before);
}

/* Moves on first: whoever is told an event asks how far the log was handed out. */
static void events_deliver(struct sequencer *sequencer, const struct span *span)
{
    gint64 after = sequencer->position;
    sequencer->position = span->last;
    for (guint i = 0; i < span->entries->len; i++) {
        const struct span_entry *entry = &g_array_index(span->entries, struct span_entry, i);
        if (entry->event->position > after && entry->event->position <= span->last)
            sequencer->deliver(entry, sequencer->data);
    }
}

static void deliver_waiting(struct sequencer *sequencer)
{
    while (!sequencer->hold && !g_sequence_is_empty(sequencer->waiting)) {
        GSequenceIter *first = g_sequence_get_begin_iter(sequencer->waiting);
        struct span *span = g_sequence_get(first);
        if (span->before > sequencer->position)
            return;
        sequencer->size -= span->size;
        if (span->last > sequencer->position)
            events_deliver(sequencer, span);
        g_sequence_remove(first);
    }
}

void sequencer_add(struct sequencer *sequencer, struct span *span)
{
    if (span->last <= sequencer->position || span->last <= span->before) {
        span_free(span);
        return;
    }
    sequencer->newest = MAX(sequencer->newest, span->last);
    bool next = span->before <= sequencer->position && !sequencer->hold;
    if (!next && ((guint)g_sequence_get_length(sequencer->waiting) >= sequencer->maximum ||
                  sequencer->size + span->size > sequencer->size_maximum)) {
        span_free(span); /* `newest` remembers that it was there */
        return;
    }
    sequencer->size += span->size;
    g_sequence_insert_sorted(sequencer->waiting, span, by_before, NULL);
    deliver_waiting(sequencer);
}

void sequencer_jump(struct sequencer *sequencer, gint64 position)
{
    sequencer->position = MAX(sequencer->position, position);
    sequencer->newest = MAX(sequencer->newest, position);
    deliver_waiting(sequencer);
}

void sequencer_hold(struct sequencer *sequencer, bool hold)
{
    sequencer->hold = hold;
    deliver_waiting(sequencer);
}

bool sequencer_has_hole(const struct sequencer *sequencer)
{
    return sequencer->newest > sequencer->position;
}

guint sequencer_waiting(const struct sequencer *sequencer)
{
    return (guint)g_sequence_get_length(sequencer->waiting);
}

gint64 sequencer_newest(const struct sequencer *sequencer)
{
    return sequencer->newest;
}
