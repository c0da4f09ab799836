/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What rooms and those who are in them are asked (IQs): discovery (XEP-0045 section 6), whether one
 * is still in (XEP-0410). Nothing is passed on to somebody in a room. */
#include "config.h"

#include <string.h>

#include "bridge/core/feature.h"
#include "bridge/room/scene.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0045_config.h"
#include "xep/0410_self_ping.h"
#include "xep/registry.h"

#define HISTORY_MAX 50 /* as in room_history() in sql/function/room_enter.sql */

/* Whether who asks may know what the room is called and says of itself. */
static bool is_insider(const struct room_scene *scene)
{
    return scene->is_public || scene->affiliation >= AFFILIATION_MEMBER;
}

static void put_room_features(struct disco_info *info, const struct room_scene *scene)
{
    const char *const features[] = {
        "muc_persistent",
        "muc_unsecured",
        scene->is_public ? "muc_public" : "muc_hidden",
        scene->is_public ? "muc_open" : "muc_membersonly",
        scene->is_public ? "muc_semianonymous" : "muc_nonanonymous",
        scene->moderated ? "muc_moderated" : "muc_unmoderated",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++)
        disco_info_put_feature(info, features[i]);
}

static void serve_info(struct room_call *call)
{
    const struct room_scene *scene = &call->scene;
    bool open = is_insider(scene);
    struct disco_identity room = {"conference", "text", NULL, open ? scene->name : NULL};
    struct muc_info facts = {.name = scene->name,
                             .description = scene->description,
                             .subject = scene->subject,
                             .avatar_hash = scene->photo,
                             .occupants = scene->occupants,
                             .max_history = HISTORY_MAX};
    g_autoptr(disco_info) info = disco_info_new(NULL);
    disco_info_put_identity(info, &room);
    xep_registry_put_features(info, XEP_ENTITY_ROOM);
    put_room_features(info, scene);
    if (open)
        disco_info_take_form(info, muc_info_form(&facts));
    room_answer(call, disco_info_build_result(call->stanza, info));
}

/* Who is in a room is told to those who enter it. */
static void serve_items(struct room_call *call)
{
    room_answer(call, disco_items_build_result(call->stanza, NULL, NULL, 0));
}

static bool has_node(const struct stanza_context *context)
{
    const char *node = stanza_attr(context->payload, "node");
    return node && *node;
}

static void serve_no_node(struct room_call *call)
{
    room_refuse(call, "cancel", "item-not-found", NULL);
}

static bool on_info(const struct stanza_context *context)
{
    return room_serve(context, has_node(context) ? serve_no_node : serve_info);
}

static bool on_items(const struct stanza_context *context)
{
    return room_serve(context, has_node(context) ? serve_no_node : serve_items);
}

/* Somebody asks for himself: whether he is in the room, and called so (XEP-0410 section 3). */
static void serve_self_ping(struct room_call *call)
{
    const char *nick = call->scene.nick;
    if (!nick || strcmp(nick, call->place) == 0)
        room_answer(call, self_ping_build_answer(call->stanza, nick != NULL));
    else
        room_refuse(call, "cancel", "service-unavailable", NULL);
}

static void serve_ping(struct room_call *call)
{
    room_answer(call, stanza_reply_result(call->stanza));
}

static bool on_ping(const struct stanza_context *context)
{
    return room_serve(context, context->target == TARGET_OCCUPANT ? serve_self_ping : serve_ping);
}

/* Who is in the room is not asked by way of it: those who are on XMPP have an address that members
 * of a private room see. */
static void serve_nothing(struct room_call *call)
{
    bool asks = stanza_child(call->stanza, "query", NS_DISCO_INFO) ||
                stanza_child(call->stanza, "query", NS_DISCO_ITEMS);
    if (call->place && !call->scene.nick && asks)
        room_refuse(call, "modify", "bad-request", "You are not in this room"); /* section 6.5 */
    else if (call->place && !call->scene.nick)
        room_refuse(call, "cancel", "not-acceptable", "You are not in this room");
    else
        room_refuse(call, "cancel", "service-unavailable", NULL);
}

static bool on_anything(const struct stanza_context *context)
{
    return room_serve(context, serve_nothing);
}

static const struct stanza_handler stanzas[] = {
    {"iq", "get", "query", NS_DISCO_INFO, TARGET_ROOM, .claim = on_info},
    {"iq", "get", "query", NS_DISCO_ITEMS, TARGET_ROOM, .claim = on_items},
    {"iq", "get", "ping", NS_PING, TARGET_ROOM | TARGET_OCCUPANT, .claim = on_ping},
    {"iq", "get|set", NULL, NULL, TARGET_ROOM | TARGET_OCCUPANT, .fallback = on_anything},
    {0},
};

const struct feature feature_room_ask = {.name = "room_ask", .stanzas = stanzas};
