/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 5870 "geo:" URIs, and the numbers of places. */
#pragma once

#include <stdbool.h>

#define GEO_ALTITUDE_MAX 1e8 /* metres, up or down */
#define GEO_ACCURACY_MAX 1e8 /* metres */

/* A place in WGS 84. */
struct geo_point {
    double latitude;  /* degrees, -90 to 90 */
    double longitude; /* degrees, -180 to 180 */
    bool has_altitude;
    bool has_accuracy;
    double altitude; /* metres */
    double accuracy; /* metres, not negative */
};

/* Reads TEXT, which is one URI and nothing else, but for white space around it; what follows "?" is
 * passed over, and parameters that are not known are. False, and *ret untouched: it is none, or of
 * another reference system. */
bool geo_uri_parse(const char *text, struct geo_point *ret);
/* Seven digits behind the point, which is a centimetre; newly allocated. */
char *geo_uri_format(const struct geo_point *point);

/* Reads a decimal number from MIN to MAX: no exponent, no other base, no infinity. */
bool geo_number_parse(const char *text, double min, double max, double *ret);
/* Seven digits behind the point, without zeros at the end; newly allocated. */
char *geo_number_format(double number);
