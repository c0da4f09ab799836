/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The descriptions of the API for machines, made from the tables that the daemon itself works with:
 * operations and their fields, schema.def, error.def. Deterministic; no configuration is in them.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct operation;

enum describe_form { DESCRIBE_COMPACT, DESCRIBE_READABLE };

/* Whether OPERATION answers 204, without a body. */
bool describe_is_silent(const struct operation *operation);

/* { title, version, description, license } */
json_t *describe_info(const char *description);

/* { "$ref": FORMAT… } */
json_t *describe_reference(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes DOCUMENT. */
char *describe_text(json_t *document, enum describe_form form);
