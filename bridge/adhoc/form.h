/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fields of an operation as forms (XEP-0004, XEP-0122), and what was filled in. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "xep/0004_data_forms.h"

struct field_problem;
struct operation;

/* On how many forms OPERATION asks for its fields, and for a confirmation; 0: it asks for nothing.
 */
unsigned form_count(const struct operation *operation);

/* Form NUMBER, from 1 on, filled with what VALUES (an object, by names of fields) has. The caller
 * frees it. */
struct data_form *form_build(const struct operation *operation, unsigned number,
                             const json_t *values);

/* Takes what FORM (NULL: nothing) says in answer to form NUMBER into VALUES, in place of what was
 * there of the same fields. False and *ret_problem for what the operation would refuse; VALUES has
 * it then, so that it can be shown again. */
bool form_read(const struct operation *operation, unsigned number, const struct data_form *form,
               json_t *values, struct field_problem *ret_problem);

/* Takes FIELDS, an object of texts and lists of texts by names of fields (NULL: none), into VALUES,
 * as if they had been filled in; of a field that has several values, commas separate them, too.
 * False and *ret_problem for a name that there is not. What is acceptable is still to be checked.
 */
bool form_read_texts(const struct operation *operation, const json_t *fields, json_t *values,
                     struct field_problem *ret_problem);

/* What people read in place of NAME ("suspend_reason": "Suspend reason"); the caller frees it. */
char *form_label(const char *name);
