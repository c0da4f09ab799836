/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who is what in a room, asked and changed by XMPP (XEP-0045 section 9), and nicks that are
 * registered with it (section 7.10). sql/function/room_admin.sql decides. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/text.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/room/demand.h"
#include "bridge/room/scene.h"
#include "xep/0045_admin.h"
#include "xep/0045_register.h"
#include "xep/jid.h"

/* ---- Lists ----------------------------------------------------------------------------------- */

static xmpp_stanza_t *people_build(const struct room_call *call, const struct rows *rows)
{
    int count = rows_count(rows) - 1;
    g_autofree struct muc_item *items = g_new0(struct muc_item, (gsize)count + 1);
    for (int i = 0; i < count; i++) {
        items[i].jid = rows_text(rows, i + 1, ROOM_PEOPLE_JID);
        items[i].nick = rows_text(rows, i + 1, ROOM_PEOPLE_NICK);
        muc_affiliation_find(rows_text(rows, i + 1, ROOM_PEOPLE_AFFILIATION),
                             &items[i].affiliation);
        muc_role_find(rows_text(rows, i + 1, ROOM_PEOPLE_ROLE), &items[i].role);
    }
    xmpp_stanza_t *reply = stanza_reply_result(call->stanza);
    if (reply)
        muc_admin_add(reply, items, (size_t)count);
    return reply;
}

static void people_read(const struct rows *rows, enum error_code error, void *data)
{
    struct room_call *call = data;
    const struct error_info *unavailable = error_info(ERROR_UNAVAILABLE);
    if (error != ERROR_NONE || !call->core->archive)
        room_refuse(call, unavailable->type, unavailable->condition, NULL);
    else if (rows_count(rows) == 0)
        room_refuse(call, "cancel", "item-not-found", NULL);
    else if (!rows_boolean(rows, 0, ROOM_PEOPLE_ALLOWED))
        room_refuse(call, "auth", "forbidden", NULL);
    else
        room_answer(call, people_build(call, rows));
}

static void serve_people(struct room_call *call)
{
    g_autoptr(muc_admin) admin = muc_admin_parse(call->stanza);
    const struct muc_item *asked = &g_array_index(admin->items, struct muc_item, 0);
    g_autofree char *from = jid_prepare_bare(stanza_attr(call->stanza, "from"));
    const char *values[] = {call->room, stanza_attr(call->stanza, "from"), from,
                            muc_affiliation_name(asked->affiliation), muc_role_name(asked->role)};
    archive_query(call->core->archive, QUERY_ROOM_PEOPLE, values, people_read, call);
}

/* ---- Changes --------------------------------------------------------------------------------- */

static json_t *item_arguments(const struct muc_item *item)
{
    g_autofree char *jid = item->jid ? jid_prepare_bare(item->jid) : NULL;
    if ((item->jid && !jid) || (!item->jid && !item->nick) || (!item->affiliation && !item->role))
        return NULL;
    return json_pack("{s:s*, s:s*, s:s*, s:s*, s:s*}", "jid", jid, "nick", jid ? NULL : item->nick,
                     "affiliation", muc_affiliation_name(item->affiliation), "role",
                     muc_role_name(item->role), "reason",
                     text_bounded(item->reason, ROOM_REASON_MAX));
}

/* How many of them may become members by it. */
static size_t brought_count(const struct muc_admin *admin)
{
    size_t count = 0;
    for (guint i = 0; i < admin->items->len; i++) {
        const struct muc_item *item = &g_array_index(admin->items, struct muc_item, i);
        count += item->jid && item->affiliation >= AFFILIATION_MEMBER;
    }
    return count;
}

static bool change_people(const struct stanza_context *context, const struct muc_admin *admin)
{
    if (!room_take_people(context, brought_count(admin)))
        return true;
    json_t *items = json_array();
    for (guint i = 0; i < admin->items->len; i++) {
        json_t *item = item_arguments(&g_array_index(admin->items, struct muc_item, i));
        if (!item) {
            json_decref(items);
            return room_reject(context, "modify", "bad-request", NULL);
        }
        json_array_append_new(items, item);
    }
    return room_demand(context, "room_admin", json_pack("{s:o}", "items", items));
}

static bool on_admin(const struct stanza_context *context)
{
    g_autoptr(muc_admin) admin = muc_admin_parse(context->stanza);
    if (!admin || admin->has_bad || admin->items->len == 0)
        return room_reject(context, "modify", "bad-request", NULL);
    if (admin->has_more)
        return room_reject(context, "modify", "policy-violation", "Too many at once");
    if (admin->is_set)
        return change_people(context, admin);
    const struct muc_item *asked = &g_array_index(admin->items, struct muc_item, 0);
    if (admin->items->len > 1 || (!asked->affiliation && !asked->role))
        return room_reject(context, "modify", "bad-request", NULL);
    return room_serve(context, serve_people);
}

/* ---- Registration ---------------------------------------------------------------------------- */

static void serve_registration(struct room_call *call)
{
    room_answer(call, muc_register_build_result(call->stanza, call->scene.nick));
}

static bool on_register(const struct stanza_context *context)
{
    const char *nick = NULL;
    switch (muc_register_parse(context->stanza, &nick)) {
    case REGISTER_GET:
        return room_serve(context, serve_registration);
    case REGISTER_SUBMIT:
        return room_demand(context, "room_register", json_pack("{s:s}", "nick", nick));
    case REGISTER_REMOVE:
        return room_demand(context, "room_register", NULL);
    case REGISTER_NONE:
    default:
        return room_reject(context, "modify", "bad-request", NULL);
    }
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get|set", "query", NS_MUC_ADMIN, TARGET_ROOM, .claim = on_admin},
    {"iq", "get|set", "query", NS_REGISTER, TARGET_ROOM, .claim = on_register},
    {0},
};

const struct feature feature_room_admin = {.name = "room_admin", .stanzas = stanzas};
