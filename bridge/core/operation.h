/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations that are their query or their change: the row says which, and the fields of a request
 * are bound to it by name.
 *
 * A read: each parameter that the query names (:name::type, see sql/README.md) is the value of the
 * field of that name, NULL when it is absent and has no fallback, or `caller`, the id of the user
 * who asks. Each field but those with FIELD_NOT_BOUND is a parameter. Where the reply is an OBJECT
 * of view/schema.def, or a PAGE of one, it is written of the rows, see view_reply().
 *
 * A change, which is of nobody where a server key asks for nobody: the arguments have each field
 * that is present, under its name; `once`, where the operation has OPERATION_ONCE and the request a
 * key; and, where a field is a FIELD_JID, our own domain as `domain`.
 *
 * Texts are bound as they are meant: an address as addresses are compared, a name without what
 * hides in it, a time in UTC. */
#pragma once

struct operation;
struct request;

/* Answers REQUEST, whose fields were checked, as the row of its operation says; now or later. Who
 * lacks the role that it demands is told so; a server key was asked for its scope instead. */
void operation_run(struct request *request);

/* For transports of forms: does what REQUEST asks for. All fields are members of its body; what is
 * wrong with them is answered, as is what request_admit() has to say. */
void operation_run_form(struct request *request);

/* What is wrong with the row OPERATION, for whoever wrote it; NULL: nothing. The caller frees it.
 */
char *operation_problem(const struct operation *operation);
