/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Turns runs into lines for people and one JSON object for programs. */
#pragma once

#include <jansson.h>

#include "tests/bench/check.h"

/* Milliseconds of p50, p90, p99, p99.9 and max. */
json_t *report_latency(const struct histogram *histogram);
void report_print_latency(const char *name, const struct histogram *histogram);

/* Checks RUN against the database (unless UNCHECKED), prints it under NAME and returns it as JSON.
 * "valid" says whether the figures may be used. */
json_t *report_send(const char *name, const struct send_run *run, bool unchecked);
