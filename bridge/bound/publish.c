/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <jansson.h>

#include "bridge/bound/publish.h"
#include "xep/0060_pubsub.h"
#include "xep/0084_avatar.h"
#include "xep/0172_nick.h"

#define CURRENT "current"

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_t, json_decref)

static xmpp_stanza_t *request_new(const struct outbox_entry *entry)
{
    g_autofree char *id = outbox_entry_id(entry);
    return stanza_new_iq("set", id, entry->from, NULL);
}

static json_t *facts_of(const struct outbox_entry *entry)
{
    return entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
}

static const char *text_of(const json_t *facts, const char *name)
{
    return json_string_value(json_object_get(facts, name));
}

static guint64 number_of(const json_t *facts, const char *name)
{
    return (guint64)MAX(0, json_integer_value(json_object_get(facts, name)));
}

xmpp_stanza_t *bound_publish_nick(const struct outbox_entry *entry)
{
    g_autoptr(json_t) facts = facts_of(entry);
    const char *nick = text_of(facts, "nick");
    xmpp_stanza_t *iq = request_new(entry);
    nick_add(pubsub_publish_add(iq, NS_NICK, CURRENT), nick ? nick : "");
    return iq;
}

xmpp_stanza_t *bound_publish_picture(const struct outbox_entry *entry)
{
    g_autoptr(json_t) facts = facts_of(entry);
    const char *hash = text_of(facts, "hash"), *data = text_of(facts, "data");
    xmpp_stanza_t *iq = request_new(entry);
    avatar_data_add(pubsub_publish_add(iq, NS_AVATAR_DATA, hash ? hash : CURRENT),
                    data ? data : "");
    return iq;
}

xmpp_stanza_t *bound_publish_avatar(const struct outbox_entry *entry)
{
    g_autoptr(json_t) facts = facts_of(entry);
    const struct avatar_info info = {.id = text_of(facts, "hash"),
                                     .type = "image/png",
                                     .bytes = number_of(facts, "bytes"),
                                     .width = number_of(facts, "width"),
                                     .height = number_of(facts, "height")};
    xmpp_stanza_t *iq = request_new(entry);
    avatar_metadata_add(pubsub_publish_add(iq, NS_AVATAR_METADATA, info.id ? info.id : CURRENT),
                        &info);
    return iq;
}
