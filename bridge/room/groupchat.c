/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What people say in rooms, as stanzas. */
#include "config.h"

#include <string.h>

#include "bridge/base/service.h"
#include "bridge/core/content.h"
#include "bridge/core/entry.h"
#include "bridge/room/groupchat.h"
#include "xep/0045_user.h"
#include "xep/0203_delay.h"
#include "xep/0333_markers.h"
#include "xep/0359_ids.h"
#include "xep/0421_occupant_id.h"
#include "xep/message.h"
#include "xep/stanza_read.h"

static const char *fact_text(const json_t *facts, const char *name)
{
    return json_string_value(json_object_get(facts, name));
}

void groupchat_seal(xmpp_stanza_t *message, const struct groupchat *envelope)
{
    g_autofree char *place =
        envelope->nick ? g_strconcat(envelope->room, "/", envelope->nick, NULL) : NULL;
    xmpp_stanza_set_type(message, "groupchat");
    xmpp_stanza_set_from(message, place ? place : envelope->room);
    if (envelope->to)
        xmpp_stanza_set_to(message, envelope->to);
    if (envelope->id)
        xmpp_stanza_set_id(message, envelope->id);
    if (envelope->archive_id) {
        xmpp_stanza_t *id = stanza_add(message, "stanza-id", NS_SID);
        stanza_set(id, "by", envelope->room);
        stanza_set(id, "id", envelope->archive_id);
    }
    if (envelope->occupant_id)
        occupant_id_add(message, envelope->occupant_id);
}

xmpp_stanza_t *groupchat_new(const struct groupchat *envelope)
{
    xmpp_stanza_t *message = stanza_new("message", NULL);
    groupchat_seal(message, envelope);
    return message;
}

static void add_usual(xmpp_stanza_t *message, const char *id)
{
    marker_add_markable(message);
    origin_id_add(message, id);
}

/* What an app user says. */
static xmpp_stanza_t *message_of_app(const char *body, const char *id)
{
    xmpp_stanza_t *message = stanza_new("message", NULL);
    stanza_add_text(message, "body", NULL, body);
    add_usual(message, id);
    return message;
}

/* The same with what else it carries. */
static xmpp_stanza_t *compose_content(const struct groupchat *envelope, const json_t *content)
{
    const char *at = envelope->room ? strchr(envelope->room, '@') : NULL;
    struct content_scene scene = {.rooms = at ? at + 1 : NULL};
    if (!at || !envelope->id)
        return NULL;
    xmpp_stanza_t *message = stanza_new("message", NULL);
    content_add(message, &scene, content);
    add_usual(message, envelope->id);
    groupchat_seal(message, envelope);
    return message;
}

xmpp_stanza_t *groupchat_compose(const struct groupchat *envelope, const char *body,
                                 const char *came)
{
    if (!envelope->room || !envelope->id || (!came && !body))
        return NULL;
    xmpp_stanza_t *message =
        came ? stanza_from_text(came, strlen(came)) : message_of_app(body, envelope->id);
    if (message)
        groupchat_seal(message, envelope);
    return message;
}

xmpp_stanza_t *groupchat_build(const json_t *facts, const char *to)
{
    struct groupchat envelope = {.room = fact_text(facts, "room"),
                                 .nick = fact_text(facts, "nick"),
                                 .to = to,
                                 .id = fact_text(facts, "wire"),
                                 .archive_id = fact_text(facts, "id"),
                                 .occupant_id = fact_text(facts, "occupant")};
    const json_t *content = json_object_get(facts, "content");
    if (content)
        return compose_content(&envelope, content);
    return groupchat_compose(&envelope, fact_text(facts, "body"), fact_text(facts, "stanza"));
}

xmpp_stanza_t *groupchat_build_entry(const json_t *facts, const char *from, const char *to,
                                     const char *occupant_id)
{
    const char *slash = strchr(from, '/');
    const char *came = fact_text(facts, "stanza");
    const char *kind = fact_text(facts, "kind");
    g_autofree char *room = slash ? g_strndup(from, (size_t)(slash - from)) : g_strdup(from);
    const char *at = strchr(room, '@');
    struct groupchat envelope = {.room = room,
                                 .nick = slash ? slash + 1 : NULL,
                                 .to = to,
                                 .id = fact_text(facts, "wire"),
                                 .archive_id = fact_text(facts, "id"),
                                 .occupant_id = occupant_id};
    struct entry entry = {.target = fact_text(facts, "target"),
                          .payload = json_object_get(facts, "payload"),
                          .rooms = at ? at + 1 : NULL};
    xmpp_stanza_t *message =
        came ? stanza_from_text(came, strlen(came)) : stanza_new("message", NULL);
    if (message && !came && (!kind || !entry_add(message, kind, &entry)))
        g_clear_pointer(&message, xmpp_stanza_release);
    if (message)
        groupchat_seal(message, &envelope);
    struct delay delay = {.stamp_us = json_integer_value(json_object_get(facts, "at")),
                          .from = room};
    if (message && delay.stamp_us > 0)
        delay_add(message, &delay);
    return message;
}

xmpp_stanza_t *groupchat_build_history(const json_t *facts, const char *to)
{
    struct delay delay = {.stamp_us = json_integer_value(json_object_get(facts, "at")),
                          .from = fact_text(facts, "room")};
    xmpp_stanza_t *message = groupchat_build(facts, to);
    if (message)
        delay_add(message, &delay);
    return message;
}

/* Whether a delay claims to be by us: nothing that comes has been kept here. */
static bool is_our_delay(xmpp_stanza_t *child, const void *userdata)
{
    const char *from = stanza_attr(child, "from");
    return stanza_is(child, "delay", NS_DELAY) && from && service_of(userdata, from) != SERVICE_MAX;
}

xmpp_stanza_t *groupchat_strip(const struct options *options, xmpp_stanza_t *message)
{
    const char *ours[] = {service_domain(options, SERVICE_USERS),
                          service_domain(options, SERVICE_ROOMS), NULL};
    g_autoptr(xmpp_stanza_t) without_room = muc_user_strip(message);
    g_autoptr(xmpp_stanza_t) without_ids = stanza_id_strip(without_room, ours);
    xmpp_stanza_t *copy = stanza_copy_without(without_ids, is_our_delay, options);
    xmpp_stanza_del_attribute(copy, "from");
    xmpp_stanza_del_attribute(copy, "to");
    return copy;
}
