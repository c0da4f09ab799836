/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Log-linear histogram; see histogram.h. */
#include "tests/bench/histogram.h"

#include <glib.h>
#include <math.h>
#include <string.h>

struct histogram *histogram_new(void)
{
    return g_new0(struct histogram, 1);
}

void histogram_reset(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
}

/* Below 2^BITS each value has its own slot; above, each power of two has 2^BITS slots. */
static unsigned slot_of(uint64_t value)
{
    if (value < (1u << HISTOGRAM_BITS))
        return (unsigned)value;
    unsigned shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_BITS;
    return ((shift + 1) << HISTOGRAM_BITS) + (unsigned)((value >> shift) - (1u << HISTOGRAM_BITS));
}

static uint64_t slot_end(unsigned slot)
{
    if (slot < (1u << HISTOGRAM_BITS))
        return slot;
    unsigned shift = (slot >> HISTOGRAM_BITS) - 1;
    uint64_t base = (slot & ((1u << HISTOGRAM_BITS) - 1)) + (1u << HISTOGRAM_BITS);
    return ((base + 1) << shift) - 1;
}

void histogram_record(struct histogram *histogram, uint64_t value)
{
    histogram->counts[slot_of(value)]++;
    histogram->total++;
    if (value > histogram->max)
        histogram->max = value;
}

uint64_t histogram_percentile(const struct histogram *histogram, double percent)
{
    if (histogram->total == 0)
        return 0;
    uint64_t wanted = (uint64_t)ceil((double)histogram->total * percent / 100.0);
    uint64_t seen = 0;
    wanted = MAX(wanted, 1);
    for (unsigned slot = 0; slot < HISTOGRAM_SLOTS; slot++) {
        seen += histogram->counts[slot];
        if (seen >= wanted)
            return MIN(slot_end(slot), histogram->max);
    }
    return histogram->max;
}
