/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0080 user location, as one message or item carries it: a place, and what it is called. */
#pragma once

#include "xep/geo_uri.h"
#include "xep/stanza.h"

/* Strings are borrowed; what is not said is NULL or 0. */
struct geoloc {
    struct geo_point point;
    const char *text;        /* what it is called, as people say it */
    const char *description; /* of the place */
    const char *locality;
    const char *country;
    const char *uri;
    int64_t stamp_us; /* when somebody was there */
};

/* Reads <geoloc/> in PARENT, a message or an item. False: there is none with latitude and
 * longitude. An altitude or accuracy that is none is not said. */
bool geoloc_parse(xmpp_stanza_t *parent, struct geoloc *ret);
void geoloc_add(xmpp_stanza_t *parent, const struct geoloc *geoloc);
