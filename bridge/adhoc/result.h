/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an operation has answered, as a form of type result. */
#pragma once

#include <jansson.h>

#include "xep/0004_data_forms.h"

struct operation;

/* The form of REPLY (borrowed, and as long as the form); NULL: it says nothing. The caller frees
 * it. */
struct data_form *result_build(const struct operation *operation, const json_t *reply);

/* How to go on where REPLY is a page of a longer list; NULL: there is no more. The caller frees it.
 */
char *result_note(const json_t *reply);
