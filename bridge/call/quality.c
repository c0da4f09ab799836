/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a side of a call says of its media. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/call/quality.h"

#define MILLISECONDS_MAX 600000
#define TIME_TEXT_MAX 40

/* A member that is a number from 0 on; a table of them ends with a row without name. */
struct measure {
    const char *name;
    double most;
};

/* Whether OBJECT has of these members, all within bounds, and of others just OTHERS. */
static bool measures_are_fine(const json_t *object, const struct measure *measures, size_t others)
{
    size_t known = others;
    for (; measures->name; measures++) {
        const json_t *value = json_object_get(object, measures->name);
        if (!value)
            continue;
        if (!json_is_number(value) || json_number_value(value) < 0 ||
            json_number_value(value) > measures->most)
            return false;
        known++;
    }
    return json_is_object(object) && json_object_size(object) == known;
}

bool call_quality_is_fine(const json_t *quality)
{
    static const struct measure measures[] = {
        {"rtt_ms", MILLISECONDS_MAX}, {"loss", 1}, {"level", 4}, {0}};
    return measures_are_fine(quality, measures, 0);
}

/* False: SAMPLE has no time. */
static bool time_settle(json_t *sample)
{
    const char *text = json_string_value(json_object_get(sample, "at"));
    g_autoptr(GDateTime) time =
        text && strlen(text) < TIME_TEXT_MAX ? g_date_time_new_from_iso8601(text, NULL) : NULL;
    g_autoptr(GDateTime) utc = time ? g_date_time_to_utc(time) : NULL;
    g_autofree char *settled = utc && g_date_time_get_year(utc) >= 1970
                                   ? g_date_time_format(utc, "%Y-%m-%dT%H:%M:%S.%fZ")
                                   : NULL;
    return settled && json_object_set_new(sample, "at", json_string(settled)) == 0;
}

bool call_samples_settle(json_t *samples)
{
    static const struct measure measures[] = {{"rtt_ms", MILLISECONDS_MAX},
                                              {"jitter_ms", MILLISECONDS_MAX},
                                              {"loss", 1},
                                              {"bitrate", 1e12},
                                              {0}};
    size_t count = json_array_size(samples);
    for (size_t i = 0; i < count; i++) {
        json_t *sample = json_array_get(samples, i);
        if (!time_settle(sample) || !measures_are_fine(sample, measures, 1))
            return false;
    }
    return count > 0 && count <= CALL_SAMPLES_MAX;
}
