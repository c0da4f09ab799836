/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of facts as JSON: what changes and stored events hand over. */
#pragma once

#include <jansson.h>

#include "bridge/view/view.h"

/* The struct of an object that to_jsonb() made of a value of that SQL type; NULL if it is none.
 * OBJECT must outlive it. */
const void *view_from_json(const struct view_type *type, const json_t *object,
                           struct view_memory *memory);

/* Writes FACTS, which to_json() made of the type of the schema, as the object; as it is, if the
 * schema is none of an OBJECT, or there are none. */
void view_json(struct buffer *buf, const char *schema, const json_t *facts);
