/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metric storage and the Prometheus text form. */
#include "config.h"

#include <string.h>

#include "bridge/base/metrics.h"

enum metric_kind { COUNTER, GAUGE, HISTOGRAM, DECADES };

static const struct metric_info {
    enum metric_kind kind;
    const char *name;
    const char *label;
    const char *help;
} metric_table[METRIC_MAX] = {
#define TRESTLE_METRIC(symbol, kind, name, label, help)                                            \
    [METRIC_##symbol] = {kind, name, label, help},
#include "bridge/base/metrics.def"
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

struct histogram {
    gint64 counts[G_N_ELEMENTS(buckets)]; /* each bucket's own, not cumulative */
    gint64 sum;                           /* microseconds */
};

/* Of a metric with a label: one of its values. */
struct series {
    const char *value; /* static */
    gint64 total;      /* of a histogram: the number of observations */
    struct histogram histogram;
};

static struct histogram histograms[METRIC_MAX];
static GHashTable *families[METRIC_MAX]; /* value → struct series *, owned; NULL: none yet */

static void histogram_add(struct histogram *histogram, gint64 microseconds)
{
    histogram->sum += microseconds;
    for (guint i = 0; i < G_N_ELEMENTS(buckets); i++) {
        if (microseconds <= buckets[i].microseconds) {
            histogram->counts[i]++;
            return;
        }
    }
}

void metric_observe(enum metric metric, gint64 microseconds)
{
    metric_values[metric]++;
    histogram_add(&histograms[metric], microseconds);
}

static struct series *series_of(enum metric metric, const char *value)
{
    if (!families[metric])
        families[metric] = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
    struct series *series = g_hash_table_lookup(families[metric], value);
    if (series)
        return series;
    if (g_hash_table_size(families[metric]) >= METRIC_SERIES_MAX && strcmp(value, "other") != 0)
        return series_of(metric, "other");
    series = g_new0(struct series, 1);
    series->value = value;
    g_hash_table_insert(families[metric], (gpointer)(guintptr)value, series);
    return series;
}

void metric_add_of(enum metric metric, const char *value, gint64 amount)
{
    metric_values[metric] += amount;
    series_of(metric, value)->total += amount;
}

void metric_observe_of(enum metric metric, const char *value, gint64 microseconds)
{
    struct series *series = series_of(metric, value);
    metric_values[metric]++;
    series->total++;
    histogram_add(&series->histogram, microseconds);
}

/* Appends the lines of a histogram; LABEL stands in braces before others, or is "". */
static void write_histogram(struct buffer *buf, const struct metric_info *info, const char *label,
                            const struct histogram *histogram, gint64 count)
{
    g_autofree char *first = *label ? g_strdup_printf("%s,", label) : g_strdup("");
    g_autofree char *only = *label ? g_strdup_printf("{%s}", label) : g_strdup("");
    gint64 total = 0;
    for (guint i = 0; i < G_N_ELEMENTS(buckets); i++) {
        total += histogram->counts[i];
        if (info->kind == DECADES && i % 3 != 2)
            continue;
        buffer_append_printf(buf, "%s_bucket{%sle=\"%s\"} %" G_GINT64_FORMAT "\n", info->name,
                             first, buckets[i].seconds, total);
    }
    buffer_append_printf(buf, "%s_bucket{%sle=\"+Inf\"} %" G_GINT64_FORMAT "\n", info->name, first,
                         count);
    buffer_append_printf(buf, "%s_sum%s %" G_GINT64_FORMAT ".%06d\n", info->name, only,
                         histogram->sum / G_USEC_PER_SEC, (int)(histogram->sum % G_USEC_PER_SEC));
    buffer_append_printf(buf, "%s_count%s %" G_GINT64_FORMAT "\n", info->name, only, count);
}

static int series_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(((const struct series *)a)->value, ((const struct series *)b)->value);
}

static void write_family(struct buffer *buf, enum metric metric)
{
    const struct metric_info *info = &metric_table[metric];
    GList *all = families[metric] ? g_hash_table_get_values(families[metric]) : NULL;
    all = g_list_sort(all, series_compare);
    for (const GList *link = all; link; link = link->next) {
        const struct series *series = link->data;
        g_autofree char *label = g_strdup_printf("%s=\"%s\"", info->label, series->value);
        if (info->kind >= HISTOGRAM)
            write_histogram(buf, info, label, &series->histogram, series->total);
        else
            buffer_append_printf(buf, "%s{%s} %" G_GINT64_FORMAT "\n", info->name, label,
                                 series->total);
    }
    g_list_free(all);
}

void metrics_write(struct buffer *buf)
{
    static const char *const kind_names[] = {"counter", "gauge", "histogram", "histogram"};
    for (enum metric metric = 0; metric < METRIC_MAX; metric++) {
        const struct metric_info *info = &metric_table[metric];
        buffer_append_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help,
                             info->name, kind_names[info->kind]);
        if (*info->label)
            write_family(buf, metric);
        else if (info->kind >= HISTOGRAM)
            write_histogram(buf, info, "", &histograms[metric], metric_values[metric]);
        else
            buffer_append_printf(buf, "%s %" G_GINT64_FORMAT "\n", info->name,
                                 metric_values[metric]);
    }
}
