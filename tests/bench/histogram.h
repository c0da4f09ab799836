/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Log-linear histogram in the manner of HDR: values up to 2^63 with an error below 0.8 %, constant
 * memory, no allocation while recording. A percentile is reported as the upper end of its bucket,
 * never above the largest recorded value. */
#pragma once

#include <stdint.h>

#define HISTOGRAM_BITS 7 /* 128 linear steps per power of two */
#define HISTOGRAM_SLOTS ((64 - HISTOGRAM_BITS + 1) << HISTOGRAM_BITS)

struct histogram {
    uint64_t total; /* recorded values */
    uint64_t max;
    uint64_t counts[HISTOGRAM_SLOTS];
};

struct histogram *histogram_new(void); /* empty; g_free() */
void histogram_reset(struct histogram *histogram);
void histogram_record(struct histogram *histogram, uint64_t value);

/* Smallest bucket end that PERCENT (0..100) of the values do not exceed; 0 when empty. */
uint64_t histogram_percentile(const struct histogram *histogram, double percent);
