/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects inside of what apps send, which their features check (FIELD_JSON). */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/core/field.h"

/* Fills in what is wrong with the member NAME (NULL: the whole) of what PROBLEM points to, unless
 * that is said already. Always NULL, for takers to return. */
json_t *json_refuse(struct field_problem *problem, const char *name, const char *detail);

/* Whether VALUE is an object that has no other members than those of NAMES (ended by NULL); if not,
 * PROBLEM says so. */
bool json_has_only(const json_t *value, const char *const *names, struct field_problem *problem);

/* The text NAME of OBJECT: 1 to MOST bytes that XML can carry and that show something. NULL:
 * absent, or it is anything else, which PROBLEM says. */
const char *json_get_text(const json_t *object, const char *name, size_t most,
                          struct field_problem *problem);

/* Whether all texts in VALUE, names of members too, can be carried by XML. */
bool json_is_xml_safe(const json_t *value);
