/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a side of a call says of its media: numbers within bounds, and nothing else. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* Whether QUALITY is { rtt_ms?, loss? (to 1), level? (to 4) }. */
bool call_quality_is_fine(const json_t *quality);

#define CALL_SAMPLES_MAX 120

/* Whether SAMPLES is a list of 1 to CALL_SAMPLES_MAX of { at, rtt_ms?, jitter_ms?, loss? (to 1),
 * bitrate? }. Times are rewritten as the database reads them, in UTC. */
bool call_samples_settle(json_t *samples);
