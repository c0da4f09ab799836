/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Finds a few members in JSON without building a tree: one pass that stops at the last one found.
 * For the generator's hot path; the text is trusted to be well-formed and is only ever read within
 * its length. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct scan_field {
    const char *key;
    unsigned depth;    /* 1: a member of the outermost object */
    const char *value; /* out: the text of a string without quotes, or of a number or literal;
                        * NULL: not found, or an object or array */
    size_t length;
};

/* Fills FIELDS, first occurrence each; true when all were found. */
bool scan_json(const char *text, size_t length, struct scan_field *fields, size_t count);

/* The decimal number at the start of VALUE; 0 when there is none. */
uint64_t scan_number(const char *value, size_t length);

/* VALUE, the 36 characters of a UUID, as 16 bytes. */
bool scan_uuid(const char *value, size_t length, uint8_t ret_bytes[16]);
