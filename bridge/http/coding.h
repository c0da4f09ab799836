/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Content codings (RFC 9110 section 8.4): what a client takes, and gzip. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Whether ACCEPTED, the header Accept-Encoding or NULL, has the coding NAME. Weights other than 0
 * are not weighed, and * is not looked at. */
bool coding_is_accepted(const char *accepted, const char *name);

#define CODING_FROM 1024           /* bytes; below it there is nothing to gain */
#define CODING_UP_TO (1024 * 1024) /* bytes; above it the loop would stand still for too long */

/* CONTENT as gzip, the caller's; NULL: it is too short, too long, or does not get shorter. */
char *coding_gzip(const char *content, size_t length, size_t *ret_length);
