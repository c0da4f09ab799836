/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only list of codecs. disco#info answers, docs/xeps.md and trestle.doap are made from it. */
#pragma once

#include "xep/0030_disco.h"

/* Who is asked for disco#info. */
enum {
    XEP_ENTITY_DOMAIN = 1 << 0, /* app.example.org */
    XEP_ENTITY_USER = 1 << 1,   /* alice@app.example.org */
    XEP_ENTITY_CLIENT = 1 << 2, /* alice@app.example.org/rest */
    XEP_ENTITY_ROOMS = 1 << 3,  /* rooms.app.example.org */
    XEP_ENTITY_ROOM = 1 << 4,   /* team@rooms.app.example.org */
};

struct xep_codec {
    const char *number;  /* four digits */
    const char *version; /* of the XEP that was built against */
    const char *name;
    const char *ns;      /* NULL: the XEP has none of its own */
    const char *element; /* the element that carries it, NULL: several or none */
    unsigned entities;   /* who announces ns as a feature; 0: nobody */
    const char *note;    /* what is there, for the documentation */
};

extern const struct xep_codec xep_registry[];
extern const size_t xep_registry_length;

/* Adds the features that ENTITY (one of XEP_ENTITY_…) announces. */
void xep_registry_put_features(struct disco_info *info, unsigned entity);
