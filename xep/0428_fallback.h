/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0428 fallback indication: which part of a body is there only for who does not know another
 * payload. Version 0.1 had neither "for" nor ranges. */
#pragma once

#include "xep/range.h"

#define FALLBACK_RANGES_MAX 16

struct fallback {
    bool whole; /* all of the body */
    size_t count;
    struct text_range ranges[FALLBACK_RANGES_MAX]; /* in the order in which they were found */
};

/* Reads what of the body of MESSAGE is there for who does not know WHAT (a namespace); NULL: for
 * whatever reason. One that does not say for what it is, is for everything. Ranges beyond the limit
 * above, and those that are none, are left out. False: nothing of the body is. */
bool fallback_parse(xmpp_stanza_t *message, const char *what, struct fallback *ret);
/* Adds it; RANGE NULL means all of the message. */
void fallback_add(xmpp_stanza_t *message, const char *what, const struct text_range *range);

/* BODY without what FALLBACK names, newly allocated. */
char *fallback_strip(const char *body, const struct fallback *fallback);
