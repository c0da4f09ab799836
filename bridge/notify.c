/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The watchdog is fed by a timer of the main loop: a loop that hangs starves it. */
#include "config.h"

#include <glib.h>
#include <systemd/sd-daemon.h>

#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/notify.h"

#define FEEDS 3 /* in the time that the manager waits */

static guint timer;

static gboolean watchdog_feed(gpointer data)
{
    (void)data;
    sd_notifyf(0, "WATCHDOG=1\nSTATUS=%" G_GINT64_FORMAT " sockets, database %s, link %s",
               metric_get(METRIC_WS_SOCKETS), metric_get(METRIC_ARCHIVE_CONNECTED) ? "up" : "down",
               metric_get(METRIC_LINK_UP) ? "up" : "down");
    return G_SOURCE_CONTINUE;
}

void notify_start(void)
{
    uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) <= 0)
        return;
    guint interval = (guint)MIN(microseconds / FEEDS / 1000, G_MAXINT);
    timer = g_timeout_add(MAX(interval, 1), watchdog_feed, NULL);
}

void notify_end(void)
{
    if (timer)
        g_source_remove(timer);
    timer = 0;
}

void notify_ready(void)
{
    sd_notify(0, "READY=1");
}

void notify_reloading(void)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT, clock_monotonic());
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}
