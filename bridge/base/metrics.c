/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metric storage and the Prometheus text form. */
#include "config.h"

#include <string.h>

#include "bridge/base/metrics.h"

enum metric_kind { COUNTER, GAUGE, HISTOGRAM };

static const struct metric_info {
    enum metric_kind kind;
    const char *name;
    const char *help;
} metric_table[METRIC_MAX] = {
#define TRESTLE_METRIC(symbol, kind, name, help) [METRIC_##symbol] = {kind, name, help},
#include "bridge/base/metrics.def"
#undef TRESTLE_METRIC
};

/* Upper bounds in microseconds and as Prometheus prints them, in seconds. */
static const struct {
    gint64 microseconds;
    const char *seconds;
} buckets[] = {{100, "0.0001"}, {200, "0.0002"}, {500, "0.0005"}, {1000, "0.001"},
               {2000, "0.002"}, {5000, "0.005"}, {10000, "0.01"}, {20000, "0.02"},
               {50000, "0.05"}, {100000, "0.1"}, {200000, "0.2"}, {500000, "0.5"},
               {1000000, "1"},  {2000000, "2"},  {5000000, "5"},  {10000000, "10"}};

gint64 metric_values[METRIC_MAX]; /* of a histogram: the number of observations */

static struct histogram {
    gint64 counts[G_N_ELEMENTS(buckets)]; /* each bucket's own, not cumulative */
    gint64 sum;                           /* microseconds */
} histograms[METRIC_MAX];

void metric_observe(enum metric metric, gint64 microseconds)
{
    struct histogram *histogram = &histograms[metric];
    metric_values[metric]++;
    histogram->sum += microseconds;
    for (guint i = 0; i < G_N_ELEMENTS(buckets); i++) {
        if (microseconds <= buckets[i].microseconds) {
            histogram->counts[i]++;
            return;
        }
    }
}

static void write_histogram(struct buffer *buf, enum metric metric)
{
    const struct histogram *histogram = &histograms[metric];
    const char *name = metric_table[metric].name;
    gint64 total = 0;
    for (guint i = 0; i < G_N_ELEMENTS(buckets); i++) {
        total += histogram->counts[i];
        buffer_append_printf(buf, "%s_bucket{le=\"%s\"} %" G_GINT64_FORMAT "\n", name,
                             buckets[i].seconds, total);
    }
    buffer_append_printf(buf, "%s_bucket{le=\"+Inf\"} %" G_GINT64_FORMAT "\n", name,
                         metric_values[metric]);
    buffer_append_printf(buf, "%s_sum %" G_GINT64_FORMAT ".%06d\n", name,
                         histogram->sum / G_USEC_PER_SEC, (int)(histogram->sum % G_USEC_PER_SEC));
    buffer_append_printf(buf, "%s_count %" G_GINT64_FORMAT "\n", name, metric_values[metric]);
}

void metrics_write(struct buffer *buf)
{
    static const char *const kind_names[] = {"counter", "gauge", "histogram"};
    for (enum metric metric = 0; metric < METRIC_MAX; metric++) {
        const struct metric_info *info = &metric_table[metric];
        buffer_append_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help,
                             info->name, kind_names[info->kind]);
        if (info->kind == HISTOGRAM)
            write_histogram(buf, metric);
        else
            buffer_append_printf(buf, "%s %" G_GINT64_FORMAT "\n", info->name,
                                 metric_values[metric]);
    }
}
