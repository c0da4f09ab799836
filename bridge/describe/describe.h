/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The descriptions of the API for machines, made from the tables that the daemon itself works with:
 * operations and their fields, schema.def, error.def. Deterministic; no configuration is in them.
 */
#pragma once

#include <stdbool.h>

struct operation;

enum describe_form { DESCRIBE_COMPACT, DESCRIBE_READABLE };

/* OpenAPI 3.1 and AsyncAPI 3.0 of OPERATIONS (tables, NULL-terminated), as JSON text. g_free() it.
 */
char *describe_openapi(const struct operation *const *operations, enum describe_form form);
char *describe_asyncapi(const struct operation *const *operations, enum describe_form form);
