/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checks that every string passes where it enters: strict UTF-8 and only characters that XML 1.0
 * can carry (section 2.2 Char: no NUL, no C0 but TAB LF CR, no surrogates, no U+FFFE/U+FFFF). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether the LENGTH bytes at TEXT are valid UTF-8 made of XML Chars only. */
bool text_is_xml_safe(const char *text, size_t length);

/* TEXT if it has 1 to MOST bytes; else NULL, as of NULL. */
const char *text_bounded(const char *text, size_t most);

/* Whether TEXT is a tag as BCP 47 has them: letters, digits and hyphens. */
bool text_is_language(const char *text);

/* Compares two secrets in time that depends on their lengths alone. */
bool text_equal_constant_time(const char *a, const char *b);

/* How many single-character edits turn A into B (Levenshtein, ASCII case ignored); lengths are cut
 * at 64 bytes. For "did you mean". */
unsigned text_distance(const char *a, const char *b);

/* Writes TEXT in lines of at most WIDTH bytes, each behind PREFIX, broken at blanks. */
void text_print_wrapped(FILE *out, const char *prefix, const char *text, size_t width);
