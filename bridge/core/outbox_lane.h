/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the outbox sends by one link: its own place in the order, proofs and clearing, so that a
 * link that is down holds up nothing of another one. For outbox.c only; the functions do what those
 * of outbox.h do for all. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/service.h"

#define OUTBOX_LANE_TICK 500 /* milliseconds, between calls of outbox_lane_tick */

struct core;
struct outbox_entry;
struct outbox_lane;

struct outbox_lane *outbox_lane_new(struct core *core, enum service service);
void outbox_lane_free(struct outbox_lane *lane);

void outbox_lane_link_up(struct outbox_lane *lane);
void outbox_lane_link_down(struct outbox_lane *lane, bool in_order);
void outbox_lane_drain(struct outbox_lane *lane, guint milliseconds, void (*done)(void *data),
                       void *data);
void outbox_lane_archive_up(struct outbox_lane *lane);
void outbox_lane_other_log(struct outbox_lane *lane);
void outbox_lane_wake(struct outbox_lane *lane, gint64 position);
void outbox_lane_fence(struct outbox_lane *lane, gint64 epoch);
void outbox_lane_committed(struct outbox_lane *lane, const struct outbox_entry *entry);

/* Does what is due: pings, pages, clearing. */
void outbox_lane_tick(struct outbox_lane *lane);
/* Stanzas sent since the last proof. */
unsigned outbox_lane_pending(const struct outbox_lane *lane);
