/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an HTML page says of itself: Open Graph, what Twitter made of that, title and description.
 */
#pragma once

#include <stddef.h>

struct page_facts {
    char *title, *description, *site; /* one line each, UTF-8; NULL: it does not say */
    char *image;                      /* an absolute URL */
};

/* What tells how the LENGTH bytes at DATA are written: of TYPE (a Content-Type, or NULL), or of the
 * page's own beginning; "UTF-8" if nothing does. The caller frees it. */
char *page_charset(const char *type, const void *data, size_t length);

/* Reads the LENGTH bytes at TEXT, which are UTF-8, of a page at URL. */
void page_read(const char *text, size_t length, const char *url, struct page_facts *ret);
void page_facts_clear(struct page_facts *facts);
