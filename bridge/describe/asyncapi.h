/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AsyncAPI 3.0, made from the tables of operations. */
#pragma once

#include "bridge/describe/describe.h"

/* The description of OPERATIONS (tables, NULL-terminated) as JSON text. g_free() it. */
char *describe_asyncapi(const struct operation *const *operations, enum describe_form form);
