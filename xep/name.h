/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people are called and what they say of themselves, by whatever way it comes: something that
 * can be seen, in which nothing hides and which leaves the text around it alone.
 *
 * Taken out are controls, what cannot be seen (Default_Ignorable_Code_Point) where no script or
 * emoji asks for it, with that every control of direction, marks that stand on nothing, and marks
 * beyond eight on one character. The rest is NFC, without spaces at its ends. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define NAME_BYTES_MAX 255

enum name_shape {
    NAME_LINE, /* line breaks and tabs are spaces, several spaces are one */
    NAME_PROSE /* may have several lines */
};

/* TEXT, which is UTF-8, as a name: newly allocated, at most MAX bytes, cut between graphemes, never
 * empty. NULL: nothing in it can be seen. Only the first 8192 bytes are looked at. Cleaning the
 * result again changes nothing. For what comes from elsewhere. */
char *name_clean(const char *text, size_t max, enum name_shape shape);

/* Whether name_clean() would take nothing out of TEXT but spaces, and leave something. For what
 * somebody types, who can be told. */
bool name_is_fine(const char *text, enum name_shape shape);
