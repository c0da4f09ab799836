/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0059 result set management: pages of a list. */
#pragma once

#include "xep/stanza.h"

/* Borrowed. */
struct page_request {
    bool has_max;
    uint32_t max;      /* entries; 0: only their number is asked for */
    const char *after; /* uid of the last entry before the page, not empty; NULL: not said */
    const char
        *before; /* uid of the first entry behind the page, "": the last page; NULL: not said */
    bool has_index;
    uint32_t index; /* of the first entry of the page */
};

/* Reads <set/> in PARENT; without one all of *ret is unsaid. False, and *ret untouched: it says
 * what it cannot. */
bool page_request_parse(xmpp_stanza_t *parent, struct page_request *ret);
void page_request_add(xmpp_stanza_t *parent, const struct page_request *request);

/* Borrowed. An empty page has neither first nor last. */
struct page_result {
    const char *first; /* uid; NULL: not said */
    const char *last;
    int64_t first_index; /* -1: not said */
    int64_t count;       /* entries of the whole list; -1: not said */
};

/* False: there is no <set/>. A number that is none is not said. */
bool page_result_parse(xmpp_stanza_t *parent, struct page_result *ret);
void page_result_add(xmpp_stanza_t *parent, const struct page_result *result);
