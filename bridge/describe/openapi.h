/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OpenAPI 3.1, made from the tables of operations. */
#pragma once

#include "bridge/describe/describe.h"

/* The description of OPERATIONS (tables, NULL-terminated) as JSON text. g_free() it. */
char *describe_openapi(const struct operation *const *operations, enum describe_form form);
