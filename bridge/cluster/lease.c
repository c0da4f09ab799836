/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Taking and renewing are one statement. Its answer counts from the moment it was asked for: the
 * database set the time later than that. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/lease.h"
#include "bridge/core/core.h"

#define MILLISECOND G_TIME_SPAN_MILLISECOND
#define TICK_MILLISECONDS 250
#define RENEW_AFTER (2000 * MILLISECOND)
#define RETRY_AFTER (1000 * MILLISECOND)

struct lease {
    struct core *core;
    const char *name;
    struct lease_callbacks callbacks;
    void *data;
    guint timer;
    bool held; /* as the callbacks were told */
    gint64 epoch;
    gint64 until; /* clock_monotonic: held so long at least */
    gint64 next;  /* when to ask again */
    bool asking;
    bool given_back; /* the answer that is under way is void */
    gint64 asked;
    bool useful;         /* while held here */
    gint64 useful_until; /* clock_monotonic: the holder's word counts so long */
};

bool lease_is_held(const struct lease *lease)
{
    return lease->held && clock_monotonic() < lease->until;
}

bool lease_is_useful(const struct lease *lease)
{
    return clock_monotonic() < lease->useful_until;
}

void lease_note_use(struct lease *lease, bool useful)
{
    if (lease->useful == useful)
        return;
    lease->useful = useful;
    if (lease->held)
        lease->next = MIN(lease->next, clock_monotonic());
}

gint64 lease_epoch(const struct lease *lease)
{
    return lease->epoch;
}

static void lease_lose(struct lease *lease)
{
    lease->held = false;
    log_info(AREA_CORE, "lease-lost", "name=%s epoch=%" G_GINT64_FORMAT, lease->name, lease->epoch);
    lease->callbacks.lost(lease->data);
}

static void lease_gain(struct lease *lease, gint64 epoch)
{
    if (lease->held && epoch == lease->epoch)
        return;
    if (lease->held)
        lease_lose(lease); /* it had run out in between */
    lease->epoch = epoch;
    lease->held = true;
    log_info(AREA_CORE, "lease-gained", "name=%s epoch=%" G_GINT64_FORMAT, lease->name, epoch);
    lease->callbacks.gained(lease->data);
}

static void lease_released(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    (void)error; /* then it runs out */
    (void)data;
}

static void lease_release(const struct lease *lease)
{
    g_autofree char *epoch = g_strdup_printf("%" G_GINT64_FORMAT, lease->epoch);
    const char *values[] = {lease->name, bus_instance(lease->core), epoch};
    archive_query(lease->core->archive, QUERY_LEASE_RELEASE, values, lease_released, NULL);
}

static void lease_taken(const struct rows *rows, enum error_code error, void *data)
{
    struct lease *lease = data;
    bool given_back = lease->given_back;
    lease->asking = lease->given_back = false;
    if (error != ERROR_NONE || rows_count(rows) != 1)
        return;
    if (given_back) {
        if (rows_boolean(rows, 0, LEASE_TAKE_RET_HELD)) { /* the answer overtook us */
            lease->epoch = rows_integer(rows, 0, LEASE_TAKE_RET_EPOCH);
            lease_release(lease);
        }
        return;
    }
    lease->useful_until = rows_boolean(rows, 0, LEASE_TAKE_RET_USEFUL)
                              ? lease->asked + LEASE_MILLISECONDS * MILLISECOND
                              : 0;
    if (!rows_boolean(rows, 0, LEASE_TAKE_RET_HELD)) {
        if (lease->held)
            lease_lose(lease);
        return;
    }
    lease->until = lease->asked + (LEASE_MILLISECONDS - LEASE_MARGIN_MILLISECONDS) * MILLISECOND;
    lease->next = lease->asked + RENEW_AFTER;
    if (clock_monotonic() < lease->until)
        lease_gain(lease, rows_integer(rows, 0, LEASE_TAKE_RET_EPOCH));
}

static void lease_ask(struct lease *lease, gint64 now)
{
    const char *values[] = {lease->name, bus_instance(lease->core), G_STRINGIFY(6000),
                            lease->useful ? "true" : "false"};
    G_STATIC_ASSERT(LEASE_MILLISECONDS == 6000);
    lease->asking = true;
    lease->asked = now;
    lease->next = now + RETRY_AFTER;
    archive_query(lease->core->archive, QUERY_LEASE_TAKE, values, lease_taken, lease);
}

void lease_tick(struct lease *lease)
{
    gint64 now = clock_monotonic();
    if (lease->held && now >= lease->until)
        lease_lose(lease);
    if (!lease->asking && now >= lease->next && lease->core->archive &&
        archive_is_up(lease->core->archive))
        lease_ask(lease, now);
}

static gboolean on_tick(gpointer data)
{
    lease_tick(data);
    return G_SOURCE_CONTINUE;
}

void lease_hurry(struct lease *lease)
{
    if (!lease->held)
        lease->next = MIN(lease->next, clock_monotonic());
}

void lease_yield(struct lease *lease, unsigned seconds)
{
    lease->next = clock_monotonic() + (gint64)seconds * G_USEC_PER_SEC;
    lease->given_back = lease->asking;
    if (!lease->held)
        return;
    lease_release(lease);
    lease_lose(lease);
}

void lease_start_anew(struct lease *lease)
{
    lease->given_back = lease->asking;
    lease->next = 0;
    if (lease->held)
        lease_lose(lease);
}

struct lease *lease_new(struct core *core, const char *name,
                        const struct lease_callbacks *callbacks, void *data)
{
    struct lease *lease = g_new0(struct lease, 1);
    lease->core = core;
    lease->name = name;
    lease->callbacks = *callbacks;
    lease->data = data;
    lease->timer = g_timeout_add(TICK_MILLISECONDS, on_tick, lease);
    return lease;
}

void lease_free(struct lease *lease)
{
    if (!lease)
        return;
    g_source_remove(lease->timer);
    g_free(lease);
}
