/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters, gauges and histograms in Prometheus text form. The list is metrics.def; a counter is a
 * plain add, so that the hot path may count freely. */
#pragma once

#include "bridge/base/buffer.h"

/* metrics.def rows: TRESTLE_METRIC(SYMBOL, kind, "trestle_name", "label", "help text"), kind one of
 * COUNTER, GAUGE, HISTOGRAM (seconds), DECADES (a histogram with a bucket for each power of ten,
 * for those with many series). With a label, the metric has a series for each of its values that
 * was counted; "" is none. */
enum metric {
#define TRESTLE_METRIC(symbol, kind, name, label, help) METRIC_##symbol,
#include "bridge/base/metrics.def"
    METRIC_MAX
};

#define METRIC_SERIES_MAX 512 /* of one metric; what is more counts as "other" */

extern gint64 metric_values[METRIC_MAX]; /* use the functions below */

static inline void metric_add(enum metric metric, gint64 amount)
{
    metric_values[metric] += amount;
}

static inline void metric_set(enum metric metric, gint64 value)
{
    metric_values[metric] = value;
}

static inline gint64 metric_get(enum metric metric)
{
    return metric_values[metric];
}

/* Adds an observation to a histogram. */
void metric_observe(enum metric metric, gint64 microseconds);

/* The same, of a metric with a label: VALUE is static, and stands for itself in the text form (it
 * has no quotes). metric_get() is the sum of all. */
void metric_add_of(enum metric metric, const char *value, gint64 amount);
void metric_observe_of(enum metric metric, const char *value, gint64 microseconds);

/* Appends everything in the Prometheus text exposition format 0.0.4. */
void metrics_write(struct buffer *buf);
