/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of a text, counted in code points of the text as it is when nothing is escaped any more
 * (XEP-0426), half open. */
#pragma once

#include "xep/stanza.h"

#define RANGE_END UINT32_MAX /* to the end of the text */

struct text_range {
    uint32_t begin;
    uint32_t end;
};

/* Reads the attributes BEGIN_NAME and "end" of ELEMENT; the first may be missing for 0, the second
 * for RANGE_END. False, and *ret untouched, when one is no number or nothing is between them. */
bool range_parse(xmpp_stanza_t *element, const char *begin_name, struct text_range *ret);
/* Sets both; "end" is left out for RANGE_END. */
void range_set(xmpp_stanza_t *element, const char *begin_name, const struct text_range *range);

/* Where RANGE is in TEXT, in bytes; what is behind the end of TEXT is cut off. False: all is. */
bool range_in_text(const struct text_range *range, const char *text, size_t *ret_from,
                   size_t *ret_to);
