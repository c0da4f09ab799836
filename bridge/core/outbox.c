/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outbox is a lane for each link. Which lane an entry takes is up to its kind. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/base/metrics.h"
#include "bridge/core/core.h"
#include "bridge/core/outbox.h"
#include "bridge/core/outbox_lane.h"

struct outbox {
    struct core *core;
    struct outbox_lane *lanes[SERVICE_MAX]; /* NULL: there is no kind of that service */
    guint timer;
    unsigned draining; /* lanes that still drain, and one while they are begun */
    void (*drained)(void *data);
    void *drained_data;
};

const struct outgoing *outbox_find_kind(const struct core *core, const char *kind)
{
    for (const struct outgoing *const *table = core->outgoing; table && *table; table++) {
        for (const struct outgoing *row = *table; row->kind; row++) {
            if (g_strcmp0(row->kind, kind) == 0)
                return row;
        }
    }
    return NULL;
}

char *outbox_entry_id(const struct outbox_entry *entry)
{
    if (entry->n > 0)
        return g_strdup_printf("%s-%" G_GINT64_FORMAT "-%d", entry->kind, entry->position,
                               entry->n);
    return g_strdup_printf("%s-%" G_GINT64_FORMAT, entry->kind, entry->position);
}

char *outbox_entry_from(const struct outbox_entry *entry)
{
    return account_address(entry->from);
}

static bool has_kinds(const struct core *core, enum service service)
{
    for (const struct outgoing *const *table = core->outgoing; table && *table; table++) {
        for (const struct outgoing *row = *table; row->kind; row++) {
            if (row->service == service)
                return true;
        }
    }
    return false;
}

/* The first lane at or behind *SERVICE, which goes there; NULL: no more. */
static struct outbox_lane *next_lane(const struct outbox *outbox, enum service *service)
{
    while (*service < SERVICE_MAX && !outbox->lanes[*service])
        (*service)++;
    return *service < SERVICE_MAX ? outbox->lanes[*service] : NULL;
}

#define EACH_LANE(outbox, lane)                                                                    \
    enum service service_ = SERVICE_USERS;                                                         \
    for (struct outbox_lane * lane; (lane = next_lane(outbox, &service_)); service_++)

static gboolean on_tick(gpointer data)
{
    struct outbox *outbox = data;
    unsigned pending = 0;
    EACH_LANE(outbox, lane)
    {
        pending += outbox_lane_pending(lane);
        outbox_lane_tick(lane);
    }
    metric_set(METRIC_OUTBOX_PENDING, pending);
    return G_SOURCE_CONTINUE;
}

struct outbox *outbox_new(struct core *core)
{
    struct outbox *outbox = g_new0(struct outbox, 1);
    outbox->core = core;
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++) {
        if (service == SERVICE_USERS || has_kinds(core, service))
            outbox->lanes[service] = outbox_lane_new(core, service);
    }
    outbox->timer = g_timeout_add(OUTBOX_LANE_TICK, on_tick, outbox);
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    g_source_remove(outbox->timer);
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++)
        outbox_lane_free(outbox->lanes[service]);
    g_free(outbox);
}

void outbox_link_up(struct outbox *outbox, enum service service)
{
    if (outbox->lanes[service])
        outbox_lane_link_up(outbox->lanes[service]);
}

void outbox_link_down(struct outbox *outbox, enum service service, bool in_order)
{
    if (outbox->lanes[service])
        outbox_lane_link_down(outbox->lanes[service], in_order);
}

static void lane_drained(void *data)
{
    struct outbox *outbox = data;
    if (--outbox->draining == 0)
        outbox->drained(outbox->drained_data);
}

void outbox_drain(struct outbox *outbox, guint milliseconds, void (*done)(void *data), void *data)
{
    outbox->drained = done;
    outbox->drained_data = data;
    outbox->draining = 1;
    EACH_LANE(outbox, lane)
    {
        outbox->draining++;
        outbox_lane_drain(lane, milliseconds, lane_drained, outbox);
    }
    lane_drained(outbox);
}

void outbox_archive_up(struct outbox *outbox)
{
    EACH_LANE(outbox, lane)
    outbox_lane_archive_up(lane);
}

void outbox_other_log(struct outbox *outbox)
{
    EACH_LANE(outbox, lane)
    outbox_lane_other_log(lane);
}

void outbox_wake(struct outbox *outbox, gint64 position)
{
    EACH_LANE(outbox, lane)
    outbox_lane_wake(lane, position);
}

void outbox_wake_service(struct outbox *outbox, enum service service, gint64 position)
{
    if (outbox->lanes[service])
        outbox_lane_wake(outbox->lanes[service], position);
}

void outbox_fence(struct outbox *outbox, gint64 epoch)
{
    EACH_LANE(outbox, lane)
    outbox_lane_fence(lane, epoch);
}

void outbox_committed(struct outbox *outbox, const struct outbox_entry *entry)
{
    const struct outgoing *row = outbox_find_kind(outbox->core, entry->kind);
    outbox_lane_committed(outbox->lanes[row ? row->service : SERVICE_USERS], entry);
}
