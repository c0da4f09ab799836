/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing and pacing what others see of a user. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/presence/status.h"

static const char *const names[] = {"offline", "online", "in_call"};

const char *status_kind_name(enum status_kind kind)
{
    return names[kind];
}

bool status_kind_parse(const char *name, enum status_kind *ret_kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (strcmp(names[i], name) == 0) {
            *ret_kind = (enum status_kind)i;
            return true;
        }
    }
    return false;
}

void status_write(struct buffer *buf, const char *user_id, const struct status *status)
{
    char seen[CLOCK_TIMESTAMP_SIZE];
    if (status->last_seen > 0)
        clock_format(status->last_seen, seen);
    struct json_writer json;
    json_writer_init(&json, buf);
    json_begin_object(&json);
    json_member_string(&json, "user_id", user_id);
    json_member_string(&json, "status", status_kind_name(status->kind));
    json_member_boolean(&json, "away", status->away);
    json_member_string(&json, "last_seen_at", status->last_seen > 0 ? seen : NULL);
    json_end_object(&json);
}

/* ---- Pace ------------------------------------------------------------------------------------ */

void status_pacer_init(struct status_pacer *pacer, gint64 now)
{
    wheel_init(&pacer->wheel, now);
}

static bool is_same(const struct status *a, const struct status *b)
{
    return a->kind == b->kind && a->away == b->away && a->last_seen == b->last_seen;
}

static void entry_tell(struct status_pacer *pacer, struct status_entry *entry, gint64 now)
{
    wheel_clear(&entry->due);
    entry->told = entry->now;
    entry->told_at = now;
    pacer->tell(entry, pacer->data);
}

void status_set(struct status_pacer *pacer, struct status_entry *entry, const struct status *status,
                gint64 now)
{
    entry->now = *status;
    if (is_same(&entry->now, &entry->told))
        wheel_clear(&entry->due);
    else if (entry->told_at == 0 || now - entry->told_at >= STATUS_PACE)
        entry_tell(pacer, entry, now);
    else
        wheel_set(&pacer->wheel, &entry->due, entry->told_at + STATUS_PACE);
}

void status_forget(struct status_entry *entry)
{
    wheel_clear(&entry->due);
}

struct advance {
    struct status_pacer *pacer;
    gint64 now;
};

static void on_due(struct wheel_entry *due, void *data)
{
    const struct advance *advance = data;
    struct status_entry *entry =
        (struct status_entry *)(void *)((char *)due - G_STRUCT_OFFSET(struct status_entry, due));
    entry_tell(advance->pacer, entry, advance->now);
}

void status_advance(struct status_pacer *pacer, gint64 now)
{
    struct advance advance = {pacer, now};
    wheel_advance(&pacer->wheel, now, on_due, &advance);
}
