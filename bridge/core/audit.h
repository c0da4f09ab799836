/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in the audit of a request: who asked for what, and by which door. SQL writes the rows
 * (sql/function/audit.sql), in the transaction of a change; nobody takes one away. */
#pragma once

#include <glib.h>
#include <jansson.h>

struct options;
struct request;

/* The facts of REQUEST, whose operation has a name in the audit: a new reference. Texts that are
 * too long for a row are cut; what the operation's fields say is among them, but for secrets. */
json_t *audit_facts(const struct request *request);

/* What tells whether two rows are of one ADDRESS (limit_address()), and no more; null: there is
 * none.
 */
json_t *audit_address(const struct options *options, guint64 address);
