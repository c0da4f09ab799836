/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a user is shown to others, the Presence object of the API, and the pace at which changes of
 * it are told: the first at once, then at most one each two seconds, and the last always. */
#pragma once

#include "bridge/base/buffer.h"
#include "bridge/base/wheel.h"

enum status_kind { STATUS_OFFLINE, STATUS_ONLINE, STATUS_IN_CALL };

struct status {
    enum status_kind kind;
    bool away;
    gint64 last_seen; /* wall clock, microseconds; 0: not known, or not to be told */
};

#define STATUS_PACE (2 * G_USEC_PER_SEC)
#define STATUS_JSON_MAX 256

/* Appends { user_id, status, away, last_seen_at }. */
void status_write(struct buffer *buf, const char *user_id, const struct status *status);

/* The kind by its name, "online"; false: no such kind. */
bool status_kind_parse(const char *name, enum status_kind *ret_kind);
const char *status_kind_name(enum status_kind kind);

/* Part of whoever is shown; zeroed, everybody believes it offline. */
struct status_entry {
    struct wheel_entry due;
    struct status now, told;
    gint64 told_at; /* clock_monotonic; 0: never */
};

struct status_pacer {
    struct wheel wheel;
    void (*tell)(struct status_entry *entry, void *data); /* entry->told is new */
    void *data;
};

void status_pacer_init(struct status_pacer *pacer, gint64 now);
void status_set(struct status_pacer *pacer, struct status_entry *entry, const struct status *status,
                gint64 now);
void status_forget(struct status_entry *entry); /* it will be told nothing more */
void status_advance(struct status_pacer *pacer, gint64 now);
