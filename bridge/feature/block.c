/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocking (XEP-0191 semantics): who is blocked cannot tell it from writing to nobody. What it
 * means is enforced where it happens, see sql/function/relation.sql and core/relation.h. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/relation.h"
#include "bridge/presence/announce.h"
#include "xep/jid.h"

/* ---- Blocking and unblocking ----------------------------------------------------------------------- */

/* Contacts who saw the presence lose it. */
static void blocked(const struct change_result *result, void *data)
{
    struct request *request = data;
    if (change_succeeded(result)) {
        relation_forget(request->core, &request->account->id);
        const json_t *watchers = json_object_get(result->json, "watchers");
        for (size_t i = 0; i < json_array_size(watchers) && result->outcome == OUTCOME_DONE; i++)
            announce_unavailable_to(request->core, request->account,
                                    json_string_value(json_array_get(watchers, i)));
    }
    change_reply_member(request, 200, result, "block");
}

/* And get it again. */
static void unblocked(const struct change_result *result, void *data)
{
    struct request *request = data;
    if (change_succeeded(result)) {
        relation_forget(request->core, &request->account->id);
        gint64 seen = json_integer_value(json_object_get(result->json, "last_seen"));
        const json_t *watchers = json_object_get(result->json, "watchers");
        for (size_t i = 0; i < json_array_size(watchers) && result->outcome == OUTCOME_DONE; i++)
            announce_to(request->core, request->account,
                        json_string_value(json_array_get(watchers, i)), seen);
    }
    change_reply_member(request, 200, result, "block");
}

static const struct field user_fields[] = {
    {"user_id", FIELD_UUID, FIELD_REQUIRED | FIELD_IN_PATH, 0, 0, NULL},
    {0},
};

static json_t *named_user(struct request *request)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(&request->values[0].uuid, id);
    return json_pack("{s:s}", "user_id", id);
}

static void block_user(struct request *request)
{
    change_submit(request->core, "block", &request->account->id, named_user(request), blocked,
                  request);
}

static void unblock_user(struct request *request)
{
    change_submit(request->core, "unblock", &request->account->id, named_user(request), unblocked,
                  request);
}

/* The arguments that name the JID of REQUEST; NULL: REQUEST was answered. */
static json_t *named_jid(struct request *request)
{
    static const struct field_problem bad = {ERROR_UNPROCESSABLE, "/jid",
                                             "is not a bare JID, nor a domain but our own"};
    const char *domain = request->core->options->xmpp_domain;
    g_autofree char *folded = jid_prepare(request->values[0].text);
    if (!folded || !jid_is_valid_bare(folded) || strcmp(folded, domain) == 0) {
        request_fail_field(request, &bad);
        return NULL;
    }
    return json_pack("{s:s, s:s}", "jid", folded, "domain", domain);
}

static const struct field jid_fields[] = {
    {"jid", FIELD_TEXT, FIELD_REQUIRED | FIELD_JID, 1, JID_MAX, NULL},
    {0},
};

static const struct field jid_query_fields[] = {
    {"jid", FIELD_TEXT, FIELD_REQUIRED | FIELD_IN_QUERY | FIELD_JID, 1, JID_MAX, NULL},
    {0},
};

static void block_jid(struct request *request)
{
    json_t *named = named_jid(request);
    if (named)
        change_submit(request->core, "block", &request->account->id, named, blocked, request);
}

static void unblock_jid(struct request *request)
{
    json_t *named = named_jid(request);
    if (named)
        change_submit(request->core, "unblock", &request->account->id, named, unblocked, request);
}

/* ---- The list -------------------------------------------------------------------------------------- */

static const struct field list_fields[] = {
    {"limit", FIELD_INTEGER, FIELD_IN_QUERY, 1, 100, NULL},
    {"before", FIELD_UUID, FIELD_IN_QUERY, 0, 0, NULL},
    {0},
};
enum { LIST_LIMIT, LIST_BEFORE };

static void block_list(struct request *request)
{
    const struct field_value *limit = &request->values[LIST_LIMIT];
    const struct field_value *before = &request->values[LIST_BEFORE];
    char count[24], id[UUID_TEXT_SIZE];
    g_snprintf(count, sizeof count, "%d", limit->present ? (int)limit->integer : 50);
    uuid_format(&before->uuid, id);
    const char *values[] = {request->account->id_text, count, before->present ? id : NULL};
    archive_query(request->core->archive, QUERY_RELATION_BLOCKED, values, request_reply_row,
                  request);
}

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/users/:user_id/block",
     .fields = user_fields,
     .handle = block_user,
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Block",
     .summary = "Blocks a user"},
    {.method = "DELETE",
     .path = "/api/users/:user_id/block",
     .fields = user_fields,
     .handle = unblock_user,
     .reply = "Block",
     .summary = "Takes a block back"},
    {.method = "POST",
     .path = "/api/users/block",
     .fields = jid_fields,
     .handle = block_jid,
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Block",
     .summary = "Blocks a bare JID, or everybody on a domain"},
    {.method = "DELETE",
     .path = "/api/users/block",
     .fields = jid_query_fields,
     .handle = unblock_jid,
     .reply = "Block",
     .summary = "Takes the block of a JID or domain back"},
    {.method = "GET",
     .path = "/api/users/blocked",
     .fields = list_fields,
     .handle = block_list,
     .reply = "BlockedPage",
     .flags = OPERATION_LISTS,
     .summary = "Whom the user blocks, newest first"},
    {0},
};

const struct feature feature_block = {.name = "block", .operations = operations};
