/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many there are of a kind is bounded where they come in: limits.sockets, streams and polls; of
 * tokens the newest are shown. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/session.h"
#include "bridge/account/subscriber.h"
#include "bridge/base/json_writer.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/staff/user_devices.h"

#define SHOWN_MOST 100 /* of each kind */

struct token_list {
    struct json_writer *json;
    unsigned left;
};

static void connection_put(struct json_writer *json, const struct subscriber *subscriber)
{
    char session[UUID_TEXT_SIZE];
    uuid_format(&subscriber->session, session);
    json_begin_object(json);
    json_member_string(json, "kind", subscriber->kind);
    json_member_string(json, "session", uuid_is_nil(&subscriber->session) ? NULL : session);
    json_member_time(json, "since", subscriber->since);
    json_member_time(json, "expires_at", subscriber->grant.expires);
    json_end_object(json);
}

static void token_put(const struct grant *grant, bool by_key, void *data)
{
    struct token_list *list = data;
    if (list->left == 0)
        return;
    list->left--;
    json_begin_object(list->json);
    json_member_string(list->json, "kind", by_key ? "server_key" : "token");
    json_member_time(list->json, "issued_at", grant->issued);
    json_member_time(list->json, "expires_at", grant->expires);
    json_end_object(list->json);
}

static void resource_put(struct json_writer *json, const struct core *core,
                         const struct account *account)
{
    json_key(json, "resource");
    if (!account || !account->full_jid || !(account->hosted || account->bound)) {
        json_put_null(json);
        return;
    }
    json_begin_object(json);
    json_member_string(json, "jid", account->full_jid);
    json_member_boolean(json, "bound",
                        account->bound && core->bound_is_here &&
                            core->bound_is_here(core, account->jid));
    json_end_object(json);
}

void user_devices_members(struct json_writer *json, const struct core *core,
                          const struct uuid *user)
{
    const struct account *account = account_find(core->accounts, user);
    const GPtrArray *subscribers = account ? account->subscribers : NULL;
    struct token_list tokens = {json, SHOWN_MOST};
    json_key(json, "connections");
    json_begin_array(json);
    for (guint i = 0; subscribers && i < MIN(subscribers->len, SHOWN_MOST); i++)
        connection_put(json, g_ptr_array_index(subscribers, i));
    json_end_array(json);
    json_key(json, "tokens");
    json_begin_array(json);
    if (account)
        session_each_token(account, token_put, &tokens);
    json_end_array(json);
    resource_put(json, core, account);
    json_member_boolean(json, "elsewhere", elsewhere_is_online(core, user));
}
