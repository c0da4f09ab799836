/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metrics as Prometheus reads them. */
#include "config.h"

#include <string.h>

#include "bridge/base/metrics.h"
#include "tests/unit/unit.h"

static char *write_metrics(void)
{
    g_auto(buffer) buf = BUFFER_INIT(1024 * 1024);
    metrics_write(&buf);
    ck_assert(!buf.overflow);
    return buffer_take(&buf, NULL);
}

static void assert_line(const char *text, const char *line)
{
    g_autofree char *whole = g_strdup_printf("\n%s\n", line);
    ck_assert_msg(strstr(text, whole) != NULL, "no line: %s", line);
}

START_TEST(counters_and_gauges)
{
    metric_add(METRIC_HTTP_REQUESTS, 3);
    metric_add(METRIC_HTTP_REQUESTS, 1);
    metric_set(METRIC_LINK_UP, 1);
    metric_add(METRIC_WS_SOCKETS, 5);
    metric_add(METRIC_WS_SOCKETS, -2);
    ck_assert_int_eq(metric_get(METRIC_WS_SOCKETS), 3);
    g_autofree char *text = write_metrics();
    assert_line(text, "# TYPE trestle_link_up gauge");
    assert_line(text, "# HELP trestle_link_up 1 while the component link is established");
    ck_assert_ptr_nonnull(strstr(text, "# TYPE trestle_http_requests_total counter\n"));
    assert_line(text, "trestle_http_requests_total 4");
    assert_line(text, "trestle_link_up 1");
    assert_line(text, "trestle_ws_sockets 3");
    ck_assert(g_str_has_suffix(text, "\n"));
}
END_TEST

START_TEST(histogram_buckets_are_cumulative)
{
    metric_observe(METRIC_ARCHIVE_COMMIT, 0);
    metric_observe(METRIC_ARCHIVE_COMMIT, 100);
    metric_observe(METRIC_ARCHIVE_COMMIT, 101);
    metric_observe(METRIC_ARCHIVE_COMMIT, 10000000);
    metric_observe(METRIC_ARCHIVE_COMMIT, 10000001);
    g_autofree char *text = write_metrics();
    assert_line(text, "# TYPE trestle_archive_commit_seconds histogram");
    assert_line(text, "trestle_archive_commit_seconds_bucket{le=\"0.0001\"} 2");
    assert_line(text, "trestle_archive_commit_seconds_bucket{le=\"0.0002\"} 3");
    assert_line(text, "trestle_archive_commit_seconds_bucket{le=\"5\"} 3");
    assert_line(text, "trestle_archive_commit_seconds_bucket{le=\"10\"} 4");
    assert_line(text, "trestle_archive_commit_seconds_bucket{le=\"+Inf\"} 5");
    assert_line(text, "trestle_archive_commit_seconds_sum 20.000202");
    assert_line(text, "trestle_archive_commit_seconds_count 5");
}
END_TEST

START_TEST(a_label_has_a_series_for_each_value)
{
    metric_add_of(METRIC_WS_REFUSED, "timeout", 2);
    metric_add_of(METRIC_WS_REFUSED, "forbidden", 1);
    metric_observe_of(METRIC_QUERY, "message_page", 499);
    metric_observe_of(METRIC_QUERY, "message_page", 50001);
    ck_assert_int_eq(metric_get(METRIC_WS_REFUSED), 3);
    g_autofree char *text = write_metrics();
    assert_line(text, "trestle_ws_refused_total{reason=\"forbidden\"} 1\n"
                      "trestle_ws_refused_total{reason=\"timeout\"} 2");
    assert_line(text, "# TYPE trestle_query_seconds histogram");
    assert_line(text, "trestle_query_seconds_bucket{query=\"message_page\",le=\"0.0005\"} 1\n"
                      "trestle_query_seconds_bucket{query=\"message_page\",le=\"0.005\"} 1\n"
                      "trestle_query_seconds_bucket{query=\"message_page\",le=\"0.05\"} 1\n"
                      "trestle_query_seconds_bucket{query=\"message_page\",le=\"0.5\"} 2\n"
                      "trestle_query_seconds_bucket{query=\"message_page\",le=\"5\"} 2\n"
                      "trestle_query_seconds_bucket{query=\"message_page\",le=\"+Inf\"} 2\n"
                      "trestle_query_seconds_sum{query=\"message_page\"} 0.050500\n"
                      "trestle_query_seconds_count{query=\"message_page\"} 2");
}
END_TEST

START_TEST(too_many_values_are_other)
{
    static char values[METRIC_SERIES_MAX + 2][8];
    for (int i = 0; i < METRIC_SERIES_MAX + 2; i++) {
        g_snprintf(values[i], sizeof values[i], "v%d", i);
        metric_add_of(METRIC_MESSAGES_FAILED, values[i], 1);
    }
    g_autofree char *text = write_metrics();
    assert_line(text, "trestle_messages_failed_total{code=\"v511\"} 1");
    assert_line(text, "trestle_messages_failed_total{code=\"other\"} 2");
    ck_assert_ptr_null(strstr(text, "\"v512\""));
}
END_TEST

START_TEST(names_follow_the_rules)
{
    static const char *const names[] = {
#define TRESTLE_METRIC(symbol, kind, name, label, help) #kind " " name,
#include "bridge/base/metrics.def"
    };
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        bool counter = g_str_has_prefix(names[i], "COUNTER ");
        bool histogram =
            g_str_has_prefix(names[i], "HISTOGRAM ") || g_str_has_prefix(names[i], "DECADES ");
        ck_assert_msg(g_str_has_suffix(names[i], "_total") == counter, "%s", names[i]);
        ck_assert_msg(!histogram || g_str_has_suffix(names[i], "_seconds"), "%s", names[i]);
    }
}
END_TEST

START_TEST(a_small_buffer_is_an_overflow_and_no_more)
{
    g_auto(buffer) buf = BUFFER_INIT(100);
    metrics_write(&buf);
    ck_assert(buf.overflow);
}
END_TEST

UNIT_MAIN("metrics", counters_and_gauges, histogram_buckets_are_cumulative,
          a_label_has_a_series_for_each_value, too_many_values_are_other, names_follow_the_rules,
          a_small_buffer_is_an_overflow_and_no_more)
