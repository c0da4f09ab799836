/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocking (XEP-0191 semantics): who is blocked cannot tell it from writing to nobody. What it
 * means is enforced where it happens, see sql/function/relation.sql and core/relation.h. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/core/feature.h"
#include "xep/jid.h"

static const struct field user_fields[] = {FIELD_ID_IN_PATH("user_id"), {0}};

static const struct field jid_fields[] = {
    {.name = "jid",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_JID,
     .minimum = 1,
     .maximum = JID_MAX},
    {0},
};

static const struct field jid_query_fields[] = {
    {.name = "jid",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_IN_QUERY | FIELD_JID,
     .minimum = 1,
     .maximum = JID_MAX},
    {0},
};

static const struct field list_fields[] = {
    FIELD_PAGE_LIMIT(100),
    {.name = "before", .type = FIELD_UUID, .flags = FIELD_IN_QUERY},
    {0},
};

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/users/:user_id/block",
     .fields = user_fields,
     .change = "block",
     .member = "block",
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Block",
     .summary = "Blocks a user"},
    {.method = "DELETE",
     .path = "/api/users/:user_id/block",
     .fields = user_fields,
     .change = "unblock",
     .member = "block",
     .reply = "Block",
     .summary = "Takes a block back"},
    {.method = "POST",
     .path = "/api/users/block",
     .fields = jid_fields,
     .change = "block",
     .member = "block",
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Block",
     .summary = "Blocks a bare JID, or everybody on a domain"},
    {.method = "DELETE",
     .path = "/api/users/block",
     .fields = jid_query_fields,
     .change = "unblock",
     .member = "block",
     .reply = "Block",
     .summary = "Takes the block of a JID or domain back"},
    {.method = "GET",
     .path = "/api/users/blocked",
     .fields = list_fields,
     .read = QUERY_RELATION_BLOCKED,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:block", .name = "Mine: whom I block"},
     .reply = "BlockedPage",
     .flags = OPERATION_LISTS,
     .summary = "Whom the user blocks, newest first"},
    {0},
};

const struct feature feature_block = {.name = "block", .operations = operations};
