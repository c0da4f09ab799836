/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Presences of rooms. */
#include "config.h"

#include <string.h>

#include "bridge/room/occupant.h"
#include "xep/0045_user.h"
#include "xep/0317_hats.h"
#include "xep/0359_ids.h"
#include "xep/0421_occupant_id.h"
#include "xep/presence.h"
#include "xep/stanza_read.h"
#include "xep/stanza_text.h"

#define STATUS_MAX 1024 /* bytes of a status that is all that is left of a large presence */

static const char *fact_text(const json_t *facts, const char *name)
{
    return json_string_value(json_object_get(facts, name));
}

static void read_codes(const json_t *facts, struct muc_user *user)
{
    const json_t *codes = json_object_get(facts, "codes");
    for (size_t i = 0; i < json_array_size(codes); i++)
        muc_user_put_code(user, (uint16_t)json_integer_value(json_array_get(codes, i)));
}

/* The room is no more, and perhaps another one takes its place. */
static void read_end(const json_t *facts, struct muc_user *user)
{
    const json_t *end = json_object_get(facts, "destroy");
    user->is_destroyed = end != NULL;
    user->destroy.jid = json_string_value(json_object_get(end, "jid"));
    user->destroy.reason = json_string_value(json_object_get(end, "reason"));
}

static void add_hats(xmpp_stanza_t *presence, const json_t *hats)
{
    struct hat list[HATS_MAX];
    size_t count = MIN(json_array_size(hats), HATS_MAX);
    for (size_t i = 0; i < count; i++) {
        const json_t *hat = json_array_get(hats, i);
        list[i] = (struct hat){.uri = fact_text(hat, "uri"), .title = fact_text(hat, "title")};
    }
    if (count > 0)
        hats_add(presence, list, count);
}

xmpp_stanza_t *occupant_build(const json_t *facts, const char *place, const char *to)
{
    const char *shown = fact_text(facts, "stanza");
    struct muc_user user = {.has_item = true};
    if (!muc_affiliation_find(fact_text(facts, "affiliation"), &user.item.affiliation) ||
        !muc_role_find(fact_text(facts, "role"), &user.item.role))
        return NULL;
    user.item.jid = fact_text(facts, "jid");
    user.item.nick = fact_text(facts, "nick");
    user.item.actor_nick = fact_text(facts, "actor");
    user.item.reason = fact_text(facts, "reason");
    read_codes(facts, &user);
    read_end(facts, &user);
    xmpp_stanza_t *presence = shown ? stanza_from_text(shown, strlen(shown)) : NULL;
    if (!presence)
        presence = stanza_new("presence", NULL);
    xmpp_stanza_set_from(presence, place);
    xmpp_stanza_set_to(presence, to);
    if (fact_text(facts, "type"))
        xmpp_stanza_set_type(presence, fact_text(facts, "type"));
    muc_user_add(presence, &user);
    add_hats(presence, json_object_get(facts, "hats"));
    if (fact_text(facts, "occupant"))
        occupant_id_add(presence, fact_text(facts, "occupant"));
    return presence;
}

/* Whether a room has its own of this, or it is between who sends it and the room alone. */
static bool is_not_passed_on(xmpp_stanza_t *child, const void *userdata)
{
    (void)userdata;
    const char *ns = stanza_ns(child);
    static const char *const own[] = {NS_MUC, NS_SID, NS_DELAY, NS_HATS, NS_OCCUPANT, NULL};
    return g_strv_contains(own, ns);
}

static char *shown_in_short(xmpp_stanza_t *presence)
{
    struct presence_stanza full;
    if (!presence_parse(presence, &full))
        return g_strdup("<presence xmlns='jabber:client'/>");
    struct presence_stanza in_short = {.show = full.show, .caps = full.caps};
    if (full.status && strlen(full.status) <= STATUS_MAX)
        in_short.status = full.status;
    g_autoptr(xmpp_stanza_t) built = presence_build(&in_short);
    return stanza_to_text(built, NULL);
}

char *occupant_shown(xmpp_stanza_t *presence)
{
    static const char *const attributes[] = {"from", "to", "id", "type"};
    g_autoptr(xmpp_stanza_t) without_room = muc_user_strip(presence);
    g_autoptr(xmpp_stanza_t) copy = stanza_copy_without(without_room, is_not_passed_on, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++)
        xmpp_stanza_del_attribute(copy, attributes[i]);
    size_t length;
    char *text = stanza_to_text(copy, &length);
    if (length <= OCCUPANT_SHOWN_MAX)
        return text;
    g_free(text);
    return shown_in_short(presence);
}
