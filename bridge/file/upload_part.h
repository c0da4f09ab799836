/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The bytes of an upload as they come: each part onto the shelf, and all of them a file when none
 * is left out. */
#pragma once

#include <jansson.h>

#include <glib.h>

#include "bridge/core/field.h"

struct request;

#define TUS_FIELD                                                                                  \
    {                                                                                              \
        .name = "tus_resumable", .type = FIELD_TEXT, .flags = FIELD_IN_HEADER, .maximum = 32       \
    }

extern const struct field upload_part_fields[]; /* of a PATCH */

void upload_part_start(void);
void upload_part_stop(void);

/* Takes the body of REQUEST, a PATCH or PUT of `upload_id`, and answers it. Another part of the
 * same upload that still comes ends. */
void upload_part_begin(struct request *request);

/* Ends the part of `upload_id` that comes from the account of REQUEST, if one does. */
void upload_part_interrupt(const struct request *request);

/* The answer to REQUEST has the header NAME with NUMBER. */
void upload_put_number(struct request *request, const char *name, gint64 number);

/* What file_create() in SQL needs of a new file that is no fact of it: id, key, key_name, path. A
 * new reference, and *RET_PATH to be freed; NULL: the system has no randomness. */
json_t *upload_arguments_new(struct uuid *ret_id, char **ret_path);

/* ---- For people on XMPP ---------------------------------------------------------------------- */

#define UPLOAD_SLOT_PART "put" /* of a signed link: the file's bytes may come by it */

bool upload_slots_are_on(const struct options *options);
/* The whole file ID, of whomever it is, is the body of REQUEST. */
void upload_slot_begin(struct request *request, const struct uuid *id);
