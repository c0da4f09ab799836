/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0080 user location. */
#include "config.h"

#include "xep/0080_geoloc.h"
#include "xep/time.h"

static bool read_number(xmpp_stanza_t *element, const char *name, double least, double most,
                        double *ret)
{
    const char *text = stanza_child_text(element, name, NS_GEOLOC);
    return text && geo_number_parse(text, least, most, ret);
}

static bool read_point(xmpp_stanza_t *element, struct geo_point *ret)
{
    ret->has_altitude =
        read_number(element, "alt", -GEO_ALTITUDE_MAX, GEO_ALTITUDE_MAX, &ret->altitude);
    ret->has_accuracy = read_number(element, "accuracy", 0, GEO_ACCURACY_MAX, &ret->accuracy);
    return read_number(element, "lat", -90, 90, &ret->latitude) &&
           read_number(element, "lon", -180, 180, &ret->longitude);
}

bool geoloc_parse(xmpp_stanza_t *parent, struct geoloc *ret)
{
    xmpp_stanza_t *element = stanza_child(parent, "geoloc", NS_GEOLOC);
    struct geoloc geoloc = {0};
    if (!element || !read_point(element, &geoloc.point))
        return false;
    const char *stamp = stanza_child_text(element, "timestamp", NS_GEOLOC);
    if (stamp)
        xep_time_parse(stamp, &geoloc.stamp_us);
    geoloc.text = stanza_child_text(element, "text", NS_GEOLOC);
    geoloc.description = stanza_child_text(element, "description", NS_GEOLOC);
    geoloc.locality = stanza_child_text(element, "locality", NS_GEOLOC);
    geoloc.country = stanza_child_text(element, "country", NS_GEOLOC);
    geoloc.uri = stanza_child_text(element, "uri", NS_GEOLOC);
    *ret = geoloc;
    return true;
}

static void add_number(xmpp_stanza_t *element, const char *name, double number)
{
    g_autofree char *text = geo_number_format(number);
    stanza_add_text(element, name, NS_GEOLOC, text);
}

static void add_text(xmpp_stanza_t *element, const char *name, const char *text)
{
    if (text)
        stanza_add_text(element, name, NS_GEOLOC, text);
}

void geoloc_add(xmpp_stanza_t *parent, const struct geoloc *geoloc)
{
    const struct geo_point *point = &geoloc->point;
    xmpp_stanza_t *element = stanza_add(parent, "geoloc", NS_GEOLOC);
    g_autofree char *stamp = geoloc->stamp_us ? xep_time_format(geoloc->stamp_us) : NULL;
    if (point->has_accuracy)
        add_number(element, "accuracy", point->accuracy);
    if (point->has_altitude)
        add_number(element, "alt", point->altitude);
    add_text(element, "country", geoloc->country);
    add_text(element, "description", geoloc->description);
    add_number(element, "lat", point->latitude);
    add_text(element, "locality", geoloc->locality);
    add_number(element, "lon", point->longitude);
    add_text(element, "text", geoloc->text);
    add_text(element, "timestamp", stamp);
    add_text(element, "uri", geoloc->uri);
}
