/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rooms. */
#include "config.h"

#include <string.h>

#include "tests/unit/xep_codecs.h"
#include "xep/0045_admin.h"
#include "xep/0045_config.h"
#include "xep/0045_invitation.h"
#include "xep/0045_owner.h"
#include "xep/0045_register.h"
#include "xep/0045_voice.h"
#include "xep/0249_direct_invitation.h"
#include "xep/0317_hats.h"
#include "xep/0410_self_ping.h"
#include "xep/message.h"

static json_t *dump_muc(xmpp_stanza_t *stanza)
{
    struct muc_join join;
    const char *subject = muc_subject_parse(stanza);
    if (subject)
        return json_pack("{ss}", "subject", subject);
    if (!muc_join_parse(stanza, &join))
        return NULL;
    const struct muc_history *history = &join.history;
    return json_pack("{ss?sisisisI}", "password", join.password, "chars", (int)history->max_chars,
                     "stanzas", (int)history->max_stanzas, "seconds", (int)history->seconds,
                     "since", (json_int_t)history->since_us);
}

static xmpp_stanza_t *rebuild_muc(xmpp_stanza_t *stanza)
{
    struct muc_join join;
    const char *subject = muc_subject_parse(stanza);
    if (subject) {
        xmpp_stanza_t *message = message_new("groupchat", NULL, NULL, NULL);
        muc_subject_add(message, subject);
        return message;
    }
    if (!muc_join_parse(stanza, &join))
        return NULL;
    xmpp_stanza_t *presence = stanza_new("presence", NULL);
    muc_join_add(presence, &join);
    return presence;
}

static json_t *item_json(const struct muc_item *item)
{
    return json_pack("{ss?ss?ss?ss?ss?ss?ss?}", "affiliation",
                     muc_affiliation_name(item->affiliation), "role", muc_role_name(item->role),
                     "jid", item->jid, "nick", item->nick, "actor_jid", item->actor_jid,
                     "actor_nick", item->actor_nick, "reason", item->reason);
}

static json_t *destroy_json(const struct muc_destroy *destroy)
{
    return json_pack("{ss?ss?ss?}", "jid", destroy->jid, "password", destroy->password, "reason",
                     destroy->reason);
}

static json_t *dump_user(xmpp_stanza_t *stanza)
{
    struct muc_user user;
    if (!muc_user_parse(stanza, &user))
        return NULL;
    json_t *codes = json_array();
    for (size_t i = 0; i < user.code_count; i++)
        json_array_append_new(codes, json_integer(user.codes[i]));
    return json_pack("{sososo}", "item", user.has_item ? item_json(&user.item) : json_null(),
                     "codes", codes, "destroy",
                     user.is_destroyed ? destroy_json(&user.destroy) : json_null());
}

static xmpp_stanza_t *rebuild_user(xmpp_stanza_t *stanza)
{
    struct muc_user user;
    g_autoptr(xmpp_stanza_t) stripped = muc_user_strip(stanza);
    if (!muc_user_parse(stanza, &user) || muc_user_parse(stripped, &user))
        return NULL;
    xmpp_stanza_t *presence = stanza_new("presence", NULL);
    muc_user_add(presence, &user);
    return presence;
}

static json_t *dump_invitations(xmpp_stanza_t *stanza)
{
    static const char *const kinds[] = {"invite", "decline"};
    struct invitation list[INVITATIONS_MAX];
    bool more;
    size_t count = invitations_parse(stanza, list, &more);
    json_t *json = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(json,
                              json_pack("{ssss?ss?ss?sbss?ss?}", "kind", kinds[list[i].kind], "to",
                                        list[i].to, "from", list[i].from, "reason", list[i].reason,
                                        "continue", (int)list[i].goes_on, "thread", list[i].thread,
                                        "password", list[i].password));
    return json_pack("{sosb}", "list", json, "more", (int)more);
}

static xmpp_stanza_t *rebuild_invitations(xmpp_stanza_t *stanza)
{
    struct invitation list[INVITATIONS_MAX];
    bool more;
    size_t count = invitations_parse(stanza, list, &more);
    if (more)
        return NULL;
    xmpp_stanza_t *message = message_new(NULL, NULL, NULL, NULL);
    invitations_add(message, list, count);
    return message;
}

static json_t *dump_admin(xmpp_stanza_t *stanza)
{
    g_autoptr(muc_admin) asked = muc_admin_parse(stanza);
    g_autoptr(muc_admin) answered = muc_admin_parse_result(stanza);
    const struct muc_admin *admin = asked ? asked : answered;
    if (!admin)
        return NULL;
    json_t *items = json_array();
    for (guint i = 0; i < admin->items->len; i++)
        json_array_append_new(items, item_json(&g_array_index(admin->items, struct muc_item, i)));
    return json_pack("{sbsbsbsbso}", "answer", answered != NULL, "set", (int)admin->is_set, "bad",
                     (int)admin->has_bad, "more", (int)admin->has_more, "items", items);
}

static xmpp_stanza_t *rebuild_admin(xmpp_stanza_t *stanza)
{
    g_autoptr(muc_admin) asked = muc_admin_parse(stanza);
    g_autoptr(muc_admin) answered = muc_admin_parse_result(stanza);
    const struct muc_admin *admin = asked ? asked : answered;
    if (!admin || admin->has_bad || admin->has_more)
        return NULL;
    xmpp_stanza_t *iq = stanza_new_iq(stanza_attr(stanza, "type"), NULL, NULL, NULL);
    muc_admin_add(iq, (const struct muc_item *)(const void *)admin->items->data, admin->items->len);
    return iq;
}

static json_t *config_json(const struct data_form *form)
{
    struct muc_config c = {.max_users = 256, .is_persistent = true};
    const char *bad = muc_config_read(form, &c);
    if (bad)
        return json_pack("{ss}", "bad", bad);
    json_t *flags = json_pack("[bbbbbbbb]", (int)c.is_persistent, (int)c.is_public,
                              (int)c.members_only, (int)c.is_moderated, (int)c.needs_password,
                              (int)c.members_invite, (int)c.all_change_subject, (int)c.is_logged);
    return json_pack("{ss?ss?ss?ss?sosisisi}", "name", c.name, "description", c.description, "lang",
                     c.lang, "password", c.password, "flags", flags, "whois", (int)c.whois, "pm",
                     (int)c.private_messages, "max", (int)c.max_users);
}

static json_t *dump_owner(xmpp_stanza_t *stanza)
{
    static const char *const names[] = {"none", "get", "submit", "cancel", "destroy"};
    struct muc_destroy destroy = {0};
    struct data_form *submitted = NULL;
    enum muc_owner_request request = muc_owner_parse(stanza, &submitted, &destroy);
    g_autoptr(data_form) form =
        request == OWNER_SUBMIT ? submitted : muc_owner_parse_result(stanza);
    if (request == OWNER_NONE && !form)
        return NULL;
    json_t *json = json_pack("{ss}", "request", names[request]);
    if (request == OWNER_DESTROY)
        json_object_set_new(json, "destroy", destroy_json(&destroy));
    if (form)
        json_object_set_new(json, "config", config_json(form));
    return json;
}

static xmpp_stanza_t *rebuild_form(xmpp_stanza_t *stanza, const struct data_form *form,
                                   bool is_answer)
{
    struct muc_config config = {.max_users = 256, .is_persistent = true};
    if (muc_config_read(form, &config))
        return NULL;
    xmpp_stanza_t *iq = stanza_new_iq(stanza_attr(stanza, "type"), NULL, NULL, NULL);
    g_autoptr(data_form) written =
        is_answer ? muc_config_form(&config) : muc_config_submission(&config);
    muc_owner_add(iq, written);
    return iq;
}

static xmpp_stanza_t *rebuild_owner(xmpp_stanza_t *stanza)
{
    struct muc_destroy destroy = {0};
    struct data_form *submitted = NULL;
    enum muc_owner_request request = muc_owner_parse(stanza, &submitted, &destroy);
    g_autoptr(data_form) form =
        request == OWNER_SUBMIT ? submitted : muc_owner_parse_result(stanza);
    if (request == OWNER_SUBMIT && form->fields->len == 0)
        return NULL;
    /* A form shows all texts, those that are not said as empty. */
    if (form)
        return request == OWNER_SUBMIT ? rebuild_form(stanza, form, false)
                                       : rebuild_form(stanza, form, true);
    xmpp_stanza_t *iq = NULL;
    if (request == OWNER_GET || request == OWNER_DESTROY)
        iq = stanza_new_iq(stanza_attr(stanza, "type"), NULL, NULL, NULL);
    if (request == OWNER_GET)
        muc_owner_add(iq, NULL);
    else if (request == OWNER_DESTROY)
        muc_owner_add_destroy(iq, &destroy);
    return iq;
}

static json_t *dump_info(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *query = stanza_child(stanza, "query", NS_DISCO_INFO);
    xmpp_stanza_t *x = query ? stanza_child(query, "x", NS_DATA) : NULL;
    g_autoptr(data_form) form = x ? data_form_parse(x) : NULL;
    struct muc_info info;
    if (!form || !muc_info_read(form, &info))
        return NULL;
    return json_pack("{ss?ss?ss?ss?ss?sIsI}", "name", info.name, "description", info.description,
                     "subject", info.subject, "lang", info.lang, "avatar", info.avatar_hash,
                     "occupants", (json_int_t)info.occupants, "history",
                     (json_int_t)info.max_history);
}

static xmpp_stanza_t *rebuild_info(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *query = stanza_child(stanza, "query", NS_DISCO_INFO);
    xmpp_stanza_t *x = query ? stanza_child(query, "x", NS_DATA) : NULL;
    g_autoptr(data_form) form = x ? data_form_parse(x) : NULL;
    struct muc_info info;
    if (!form || !muc_info_read(form, &info))
        return NULL;
    xmpp_stanza_t *iq = stanza_new_iq("result", NULL, NULL, NULL);
    g_autoptr(data_form) written = muc_info_form(&info);
    data_form_add(stanza_add(iq, "query", NS_DISCO_INFO), written);
    return iq;
}

static json_t *dump_register(xmpp_stanza_t *stanza)
{
    static const char *const names[] = {"none", "get", "submit", "remove"};
    const char *nick = NULL;
    enum muc_register_request request = muc_register_parse(stanza, &nick);
    if (request == REGISTER_NONE)
        nick = muc_register_parse_result(stanza);
    return json_pack("{ssss?}", "request", names[request], "nick", nick);
}

static xmpp_stanza_t *rebuild_register(xmpp_stanza_t *stanza)
{
    const char *nick = NULL;
    if (muc_register_parse(stanza, &nick) == REGISTER_SUBMIT) {
        xmpp_stanza_t *iq = stanza_new_iq("set", NULL, NULL, NULL);
        muc_register_add(iq, nick);
        return iq;
    }
    nick = muc_register_parse_result(stanza);
    g_autoptr(xmpp_stanza_t) asked = nick ? stanza_new_iq("get", NULL, NULL, NULL) : NULL;
    return nick ? muc_register_build_result(asked, nick) : NULL;
}

static json_t *dump_voice(xmpp_stanza_t *stanza)
{
    static const char *const kinds[] = {"request", "form", "answer"};
    struct voice voice;
    if (!voice_parse(stanza, &voice))
        return NULL;
    return json_pack("{ssssss?ss?sb}", "kind", kinds[voice.kind], "role", muc_role_name(voice.role),
                     "jid", voice.jid, "nick", voice.nick, "allowed", (int)voice.is_allowed);
}

static xmpp_stanza_t *rebuild_voice(xmpp_stanza_t *stanza)
{
    struct voice voice;
    if (!voice_parse(stanza, &voice))
        return NULL;
    xmpp_stanza_t *message = message_new(NULL, NULL, NULL, NULL);
    voice_add(message, &voice);
    return message;
}

static json_t *dump_direct(xmpp_stanza_t *stanza)
{
    struct direct_invitation i;
    if (!direct_invitation_parse(stanza, &i))
        return NULL;
    return json_pack("{ssss?ss?sbss?}", "room", i.room, "password", i.password, "reason", i.reason,
                     "continue", (int)i.goes_on, "thread", i.thread);
}

static xmpp_stanza_t *rebuild_direct(xmpp_stanza_t *stanza)
{
    struct direct_invitation invitation;
    if (!direct_invitation_parse(stanza, &invitation))
        return NULL;
    xmpp_stanza_t *message = message_new(NULL, NULL, NULL, NULL);
    direct_invitation_add(message, &invitation);
    return message;
}

static json_t *dump_hats(xmpp_stanza_t *stanza)
{
    struct hat hats[HATS_MAX];
    size_t count = hats_parse(stanza, hats);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_pack("[ss]", hats[i].uri, hats[i].title));
    return list;
}

static xmpp_stanza_t *rebuild_hats(xmpp_stanza_t *stanza)
{
    struct hat hats[HATS_MAX];
    size_t count = hats_parse(stanza, hats);
    xmpp_stanza_t *presence = stanza_new("presence", NULL);
    hats_add(presence, hats, count);
    return presence;
}

static json_t *dump_self_ping(xmpp_stanza_t *stanza)
{
    static const char *const names[] = {"in", "out", "unknown"};
    return json_string(names[self_ping_parse(stanza)]);
}

/* The answer that says the same. */
static xmpp_stanza_t *rebuild_self_ping(xmpp_stanza_t *stanza)
{
    enum self_ping said = self_ping_parse(stanza);
    g_autoptr(xmpp_stanza_t) ping = stanza_new_iq("get", "1", NULL, NULL);
    return said == SELF_PING_UNKNOWN ? NULL : self_ping_build_answer(ping, said == SELF_PING_IN);
}

const struct xep_codec xep_room_codecs[] = {
    {"0045", dump_muc, rebuild_muc},
    {"0045_user", dump_user, rebuild_user},
    {"0045_invitation", dump_invitations, rebuild_invitations},
    {"0045_admin", dump_admin, rebuild_admin},
    {"0045_owner", dump_owner, rebuild_owner},
    {"0045_info", dump_info, rebuild_info},
    {"0045_register", dump_register, rebuild_register},
    {"0045_voice", dump_voice, rebuild_voice},
    {"0249", dump_direct, rebuild_direct},
    {"0317", dump_hats, rebuild_hats},
    {"0410", dump_self_ping, rebuild_self_ping},
    {0},
};
