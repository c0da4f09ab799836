/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PRECIS (RFC 8264, RFC 8265) and IDNA2008 with the character data of ICU: the profiles that
 * RFC 7622 prepares the parts of an address with. */
#pragma once

#include <glib.h>
#include <stddef.h>

/* Each takes the LENGTH bytes at TEXT and yields a newly allocated prepared form of at most MAX
 * bytes, or NULL when no such form exists. Preparing the result again changes nothing. */

/* UsernameCaseMapped, and then the form that stringprep's nodeprep has for it, if it differs: that
 * is what today's servers deliver. */
char *precis_username(const char *text, size_t length, size_t max);
/* OpaqueString. */
char *precis_opaque(const char *text, size_t length, size_t max);
/* A domain name as U-labels in lower case, without a final dot. */
char *precis_domain(const char *text, size_t length, size_t max);
