/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Privacy settings: who may begin to talk to the user, and what others see. Enforced where it
 * happens, see sql/function/privacy.sql and relation.sql. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/relation.h"
#include "bridge/presence/announce.h"

static const struct field no_fields[] = {{0}};

static void privacy_show(struct request *request)
{
    const char *values[] = {request->account->id_text};
    archive_query(request->core->archive, QUERY_PRIVACY_GET, values, request_reply_row, request);
}

static const char *const tiers[] = {"everyone", "contacts", "nobody", NULL};
static const char *const profile_tiers[] = {"everyone", "contacts", NULL};

static const struct field change_fields[] = {
    {"messages", FIELD_CHOICE, 0, 0, 0, tiers},  {"presence", FIELD_CHOICE, 0, 0, 0, tiers},
    {"last_seen", FIELD_CHOICE, 0, 0, 0, tiers}, {"profile", FIELD_CHOICE, 0, 0, 0, profile_tiers},
    {"receipts", FIELD_BOOLEAN, 0, 0, 0, NULL},  {0},
};
enum { CHANGE_RECEIPTS = 4 };

static void tell_peers(struct request *request, const struct change_result *result)
{
    const json_t *peers = json_object_get(result->json, "peers");
    bool shown = json_is_true(json_object_get(result->json, "presence"));
    for (size_t i = 0; i < json_array_size(peers); i++) {
        const char *peer = json_string_value(json_array_get(peers, i));
        if (shown)
            announce_to(request->core, request->account, peer, 0);
        else
            announce_unavailable_to(request->core, request->account, peer);
    }
}

static void changed(const struct change_result *result, void *data)
{
    struct request *request = data;
    if (change_succeeded(result)) {
        relation_forget(request->core, &request->account->id);
        tell_peers(request, result);
    }
    change_reply_member(request, 200, result, "privacy");
}

static void privacy_change(struct request *request)
{
    json_t *arguments = json_object();
    for (int i = 0; i < CHANGE_RECEIPTS; i++) {
        if (request->values[i].present)
            json_object_set_new(arguments, change_fields[i].name,
                                json_string(request->values[i].text));
    }
    if (request->values[CHANGE_RECEIPTS].present)
        json_object_set_new(arguments, "receipts",
                            json_boolean(request->values[CHANGE_RECEIPTS].integer));
    change_submit(request->core, "privacy", &request->account->id, arguments, changed, request);
}

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/settings/privacy",
     .fields = no_fields,
     .handle = privacy_show,
     .reply = "Privacy",
     .summary = "Who may reach the user and what they see"},
    {.method = "PATCH",
     .path = "/api/settings/privacy",
     .fields = change_fields,
     .handle = privacy_change,
     .reply = "Privacy",
     .summary = "Changes privacy settings"},
    {0},
};

const struct feature feature_privacy = {.name = "privacy", .operations = operations};
