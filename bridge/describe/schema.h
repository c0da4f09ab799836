/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shapes of what apps send and get, as JSON Schema (draft 2020-12, the part that OpenAPI 3.1
 * and AsyncAPI 3.0 share). What apps get is declared in schema.def, what they send in the field
 * lists of operations. References are to "#/components/schemas/NAME". Results are new references.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/core/field.h"

/* All named schemas: { name: schema }. */
json_t *schema_all(void);

/* The schema of a type as written in schema.def. A malformed type is a programming error. */
json_t *schema_of_type(const char *type);

/* Whether TYPE can be read and names only schemas that exist. For tests. */
bool schema_type_is_good(const char *type);

/* One field alone. NULL_IS_ABSENT: it comes as JSON, where null stands for absence. */
json_t *schema_of_field(const struct field *field, bool null_is_absent);

/* An object of those of FIELDS of which none of the flags in WITHOUT is set. */
json_t *schema_of_fields(const struct field *fields, unsigned without);

enum schema_presence { SCHEMA_NEVER, SCHEMA_MAYBE, SCHEMA_ALWAYS };

/* A frame of the server in the native dialect: an event, or one that answers the client. */
struct schema_frame {
    const char *name;
    const char *payload; /* type */
    enum schema_presence id, cursor;
    bool is_event;
    const char *summary;
};

/* The schema of FRAME; PAYLOAD is taken. */
json_t *schema_of_frame(const struct schema_frame *frame, json_t *payload);

/* The schema of the client's frame TYPE; PAYLOAD is taken. */
json_t *schema_of_command(const char *type, json_t *payload, bool payload_required);

/* All frames, ended by a row without name. Static. */
const struct schema_frame *schema_frames(void);
