/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocking (XEP-0191 semantics): who is blocked cannot tell it from writing to nobody. What it
 * means is enforced where it happens, see sql/function/relation.sql and core/relation.h. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/relation.h"
#include "bridge/presence/announce.h"
#include "xep/jid.h"

/* ---- Blocking and unblocking ----------------------------------------------------------------------- */

/* Contacts who saw the presence lose it. */
static void blocked(struct request *request, const struct change_result *result)
{
    relation_forget(request->core, &request->account->id);
    const json_t *watchers = json_object_get(result->json, "watchers");
    for (size_t i = 0; i < json_array_size(watchers) && result->outcome == OUTCOME_DONE; i++)
        announce_unavailable_to(request->core, request->account,
                                json_string_value(json_array_get(watchers, i)));
}

/* And get it again. */
static void unblocked(struct request *request, const struct change_result *result)
{
    relation_forget(request->core, &request->account->id);
    gint64 seen = json_integer_value(json_object_get(result->json, "last_seen"));
    const json_t *watchers = json_object_get(result->json, "watchers");
    for (size_t i = 0; i < json_array_size(watchers) && result->outcome == OUTCOME_DONE; i++)
        announce_to(request->core, request->account, json_string_value(json_array_get(watchers, i)),
                    seen);
}

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
     .changed = blocked,
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Block",
     .summary = "Blocks a user"},
    {.method = "DELETE",
     .path = "/api/users/:user_id/block",
     .fields = user_fields,
     .change = "unblock",
     .member = "block",
     .changed = unblocked,
     .reply = "Block",
     .summary = "Takes a block back"},
    {.method = "POST",
     .path = "/api/users/block",
     .fields = jid_fields,
     .change = "block",
     .member = "block",
     .changed = blocked,
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Block",
     .summary = "Blocks a bare JID, or everybody on a domain"},
    {.method = "DELETE",
     .path = "/api/users/block",
     .fields = jid_query_fields,
     .change = "unblock",
     .member = "block",
     .changed = unblocked,
     .reply = "Block",
     .summary = "Takes the block of a JID or domain back"},
    {.method = "GET",
     .path = "/api/users/blocked",
     .fields = list_fields,
     .read = QUERY_RELATION_BLOCKED,
     .reply = "BlockedPage",
     .flags = OPERATION_LISTS,
     .summary = "Whom the user blocks, newest first"},
    {0},
};

const struct feature feature_block = {.name = "block", .operations = operations};
