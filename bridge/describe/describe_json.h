/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two descriptions share. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/describe/describe.h"

/* Whether OPERATION answers 204, without a body. */
bool describe_is_silent(const struct operation *operation);

/* { title, version, description, license } */
json_t *describe_info(const char *description);

/* { "$ref": FORMAT… } */
json_t *describe_reference(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Takes DOCUMENT. */
char *describe_text(json_t *document, enum describe_form form);
