/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 5870 "geo:" URIs. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "xep/geo_uri.h"

#define URI_BYTES_MAX 512
#define NUMBER_BYTES_MAX 32

/* [+-]digits[.digits] */
static bool is_decimal(const char *text)
{
    static const char digits[] = "0123456789";
    text += *text == '-' || *text == '+';
    size_t whole = strspn(text, digits);
    size_t behind = text[whole] == '.' ? strspn(text + whole + 1, digits) : 0;
    if (whole == 0 || (text[whole] == '.' && behind == 0))
        return false;
    return text[whole + (behind ? behind + 1 : 0)] == '\0';
}

bool geo_number_parse(const char *text, double min, double max, double *ret)
{
    if (strlen(text) > NUMBER_BYTES_MAX || !is_decimal(text))
        return false;
    double number = g_ascii_strtod(text, NULL);
    if (!(number >= min && number <= max))
        return false;
    *ret = number;
    return true;
}

char *geo_number_format(double number)
{
    char text[NUMBER_BYTES_MAX];
    g_ascii_formatd(text, sizeof text, "%.7f", number);
    size_t length = strlen(text);
    while (text[length - 1] == '0')
        length--;
    if (text[length - 1] == '.')
        length--;
    text[length] = '\0';
    return g_strdup(strcmp(text, "-0") == 0 ? "0" : text);
}

static bool read_coordinates(const char *text, struct geo_point *point)
{
    g_auto(GStrv) numbers = g_strsplit(text, ",", 4);
    guint count = g_strv_length(numbers);
    if (count < 2 || count > 3 || !geo_number_parse(numbers[0], -90, 90, &point->latitude) ||
        !geo_number_parse(numbers[1], -180, 180, &point->longitude))
        return false;
    point->has_altitude = count == 3;
    return count == 2 ||
           geo_number_parse(numbers[2], -GEO_ALTITUDE_MAX, GEO_ALTITUDE_MAX, &point->altitude);
}

/* "crs=wgs84", "u=35", or one that is not known. */
static bool read_parameter(const char *text, struct geo_point *point)
{
    if (g_ascii_strncasecmp(text, "crs=", 4) == 0)
        return g_ascii_strcasecmp(text + 4, "wgs84") == 0;
    if (g_ascii_strncasecmp(text, "u=", 2) != 0)
        return true;
    point->has_accuracy = geo_number_parse(text + 2, 0, GEO_ACCURACY_MAX, &point->accuracy);
    return point->has_accuracy;
}

bool geo_uri_parse(const char *text, struct geo_point *ret)
{
    struct geo_point point = {0};
    if (strlen(text) > URI_BYTES_MAX)
        return false;
    g_autofree char *uri = g_strstrip(g_strdup(text));
    if (g_ascii_strncasecmp(uri, "geo:", 4) != 0)
        return false;
    char *query = strchr(uri, '?');
    if (query)
        *query = '\0';
    if (strpbrk(uri, " \t\r\n"))
        return false;
    g_auto(GStrv) parts = g_strsplit(uri + 4, ";", 0);
    if (!parts[0] || !read_coordinates(parts[0], &point))
        return false;
    for (char **part = parts + 1; *part; part++)
        if (!read_parameter(*part, &point))
            return false;
    *ret = point;
    return true;
}

static void append_number(GString *uri, const char *before, double number)
{
    g_autofree char *text = geo_number_format(number);
    g_string_append(uri, before);
    g_string_append(uri, text);
}

char *geo_uri_format(const struct geo_point *point)
{
    GString *uri = g_string_new("geo:");
    append_number(uri, "", point->latitude);
    append_number(uri, ",", point->longitude);
    if (point->has_altitude)
        append_number(uri, ",", point->altitude);
    if (point->has_accuracy)
        append_number(uri, ";u=", point->accuracy);
    return g_string_free(uri, FALSE);
}
