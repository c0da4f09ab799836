/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be done to a message. */
#include "config.h"

#include "tests/unit/xep_codecs.h"
#include "xep/0201_thread.h"
#include "xep/0308_correction.h"
#include "xep/0372_references.h"
#include "xep/0421_occupant_id.h"
#include "xep/0422_fastening.h"
#include "xep/0424_retraction.h"
#include "xep/0424_tombstone.h"
#include "xep/0428_fallback.h"
#include "xep/0461_reply.h"
#include "xep/0466_ephemeral.h"
#include "xep/0513_mentions.h"
#include "xep/json_payload.h"
#include "xep/message.h"

static xmpp_stanza_t *message_empty(void)
{
    return message_new("chat", NULL, NULL, NULL);
}

static json_t *dump_thread(xmpp_stanza_t *stanza)
{
    struct thread thread;
    if (!thread_parse(stanza, &thread))
        return NULL;
    return json_pack("{ssss?}", "id", thread.id, "parent", thread.parent);
}

static xmpp_stanza_t *rebuild_thread(xmpp_stanza_t *stanza)
{
    struct thread thread;
    if (!thread_parse(stanza, &thread))
        return NULL;
    xmpp_stanza_t *message = message_empty();
    thread_add(message, &thread);
    return message;
}

static json_t *dump_correction(xmpp_stanza_t *stanza)
{
    const char *id = correction_parse(stanza);
    return id ? json_string(id) : NULL;
}

static xmpp_stanza_t *rebuild_correction(xmpp_stanza_t *stanza)
{
    const char *id = correction_parse(stanza);
    xmpp_stanza_t *message = id ? message_empty() : NULL;
    if (id)
        correction_add(message, id);
    return message;
}

/* A range that is open shows as -1. */
static json_t *range_json(const struct text_range *range)
{
    return json_pack("[II]", (json_int_t)range->begin,
                     range->end == RANGE_END ? (json_int_t)-1 : (json_int_t)range->end);
}

static json_t *dump_references(xmpp_stanza_t *stanza)
{
    json_t *list = json_array();
    struct reference references[REFERENCES_MAX];
    for (enum reference_type type = REFERENCE_MENTION; type <= REFERENCE_DATA; type++) {
        size_t count = references_parse(stanza, type, references);
        for (size_t i = 0; i < count; i++) {
            json_t *range =
                references[i].has_range ? range_json(&references[i].range) : json_null();
            json_array_append_new(list, json_pack("{sissss?so}", "type", (int)type, "uri",
                                                  references[i].uri, "anchor", references[i].anchor,
                                                  "range", range));
        }
    }
    return list;
}

static xmpp_stanza_t *rebuild_references(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *message = message_empty();
    struct reference references[REFERENCES_MAX];
    for (enum reference_type type = REFERENCE_MENTION; type <= REFERENCE_DATA; type++) {
        size_t count = references_parse(stanza, type, references);
        for (size_t i = 0; i < count; i++)
            reference_add(message, &references[i]);
    }
    return message;
}

static json_t *dump_occupant_id(xmpp_stanza_t *stanza)
{
    const char *id = occupant_id_parse(stanza);
    return id ? json_string(id) : NULL;
}

static xmpp_stanza_t *rebuild_occupant_id(xmpp_stanza_t *stanza)
{
    const char *id = occupant_id_parse(stanza);
    xmpp_stanza_t *message = id ? message_empty() : NULL;
    if (id)
        occupant_id_add(message, id);
    return message;
}

static json_t *dump_fastening(xmpp_stanza_t *stanza)
{
    struct fastening fastening;
    if (!fastening_parse(stanza, "external", NS_FASTEN, &fastening))
        return NULL;
    return json_pack("{ssss?}", "id", fastening.id, "name", stanza_attr(fastening.payload, "name"));
}

static json_t *dump_retraction(xmpp_stanza_t *stanza)
{
    struct retraction retraction;
    if (!retraction_parse(stanza, &retraction))
        return NULL;
    return json_pack("{ssss?sb}", "id", retraction.id, "reason", retraction.reason, "old",
                     (int)retraction.old);
}

static xmpp_stanza_t *rebuild_retraction(xmpp_stanza_t *stanza)
{
    struct retraction retraction;
    if (!retraction_parse(stanza, &retraction) || retraction.old)
        return NULL;
    xmpp_stanza_t *message = message_empty();
    retraction_add(message, &retraction);
    return message;
}

static json_t *dump_tombstone(xmpp_stanza_t *stanza)
{
    struct tombstone tombstone;
    if (!tombstone_parse(stanza, &tombstone))
        return NULL;
    return json_pack("{ss?sIsbss?ss?ss?}", "id", tombstone.id, "us", (json_int_t)tombstone.stamp_us,
                     "moderated", (int)tombstone.moderated, "by", tombstone.moderator.by,
                     "occupant", tombstone.moderator.occupant_id, "reason", tombstone.reason);
}

static xmpp_stanza_t *rebuild_tombstone(xmpp_stanza_t *stanza)
{
    struct tombstone tombstone;
    if (!tombstone_parse(stanza, &tombstone))
        return NULL;
    xmpp_stanza_t *message = message_empty();
    tombstone_add(message, &tombstone);
    return message;
}

static json_t *dump_moderation(xmpp_stanza_t *stanza)
{
    struct moderation moderation;
    bool asked = moderation_request_parse(stanza, &moderation);
    if (!asked && !moderation_parse(stanza, &moderation))
        return NULL;
    return json_pack("{sbssss?ss?ss?sb}", "asked", (int)asked, "id", moderation.id, "by",
                     moderation.moderator.by, "occupant", moderation.moderator.occupant_id,
                     "reason", moderation.reason, "old", (int)moderation.old);
}

/* What rooms tell is always written in both spellings, of which the newer one is read. */
static xmpp_stanza_t *rebuild_moderation(xmpp_stanza_t *stanza)
{
    struct moderation moderation;
    if (moderation_request_parse(stanza, &moderation)) {
        xmpp_stanza_t *iq = stanza_new_iq("set", NULL, NULL, NULL);
        moderation_add_request(iq, &moderation);
        return iq;
    }
    if (!moderation_parse(stanza, &moderation) || moderation.old)
        return NULL;
    xmpp_stanza_t *message = message_empty();
    moderation_add(message, &moderation);
    return message;
}

static json_t *fallback_json(const struct fallback *fallback, const char *body)
{
    json_t *ranges = json_array();
    for (size_t i = 0; i < fallback->count; i++)
        json_array_append_new(ranges, range_json(&fallback->ranges[i]));
    g_autofree char *rest = fallback_strip(body, fallback);
    return json_pack("{sbsoss}", "whole", (int)fallback->whole, "ranges", ranges, "rest", rest);
}

static json_t *dump_fallback(xmpp_stanza_t *stanza)
{
    const char *body = stanza_child_text(stanza, "body", NS_CLIENT);
    struct fallback any;
    struct fallback reply;
    if (!fallback_parse(stanza, NULL, &any))
        return NULL;
    bool is_reply = fallback_parse(stanza, NS_REPLY, &reply);
    return json_pack("{soso}", "any", fallback_json(&any, body ? body : ""), "reply",
                     is_reply ? fallback_json(&reply, body ? body : "") : json_null());
}

/* Where all is for replies. */
static xmpp_stanza_t *rebuild_fallback(xmpp_stanza_t *stanza)
{
    const char *body = stanza_child_text(stanza, "body", NS_CLIENT);
    struct fallback any;
    struct fallback fallback;
    if (!fallback_parse(stanza, NS_REPLY, &fallback) || !fallback_parse(stanza, NULL, &any) ||
        any.count != fallback.count || any.whole != fallback.whole)
        return NULL;
    xmpp_stanza_t *message = message_empty();
    if (body)
        stanza_add_text(message, "body", NULL, body);
    for (size_t i = 0; i < fallback.count; i++)
        fallback_add(message, NS_REPLY, &fallback.ranges[i]);
    if (fallback.whole)
        fallback_add(message, NS_REPLY, NULL);
    return message;
}

static json_t *dump_reply(xmpp_stanza_t *stanza)
{
    struct reply reply;
    const char *body = stanza_child_text(stanza, "body", NS_CLIENT);
    if (!reply_parse(stanza, &reply))
        return NULL;
    g_autofree char *text = body ? reply_strip(stanza, body) : NULL;
    return json_pack("{ssss?ss?}", "id", reply.id, "to", reply.to, "text", text);
}

static xmpp_stanza_t *rebuild_reply(xmpp_stanza_t *stanza)
{
    struct reply reply;
    const char *body = stanza_child_text(stanza, "body", NS_CLIENT);
    if (!reply_parse(stanza, &reply) || !body)
        return NULL;
    g_autofree char *text = reply_strip(stanza, body);
    g_autofree char *quote = reply_quote("Ann", "What it answers\nIn two lines");
    xmpp_stanza_t *message = message_empty();
    reply_add_body(message, quote, text);
    reply_add(message, &reply);
    return message;
}

static json_t *dump_ephemeral(xmpp_stanza_t *stanza)
{
    uint32_t seconds;
    return ephemeral_parse(stanza, &seconds) ? json_integer(seconds) : NULL;
}

static xmpp_stanza_t *rebuild_ephemeral(xmpp_stanza_t *stanza)
{
    uint32_t seconds;
    bool found = ephemeral_parse(stanza, &seconds);
    xmpp_stanza_t *message = found ? message_empty() : NULL;
    if (found)
        ephemeral_add(message, seconds);
    return message;
}

static json_t *dump_mentions(xmpp_stanza_t *stanza)
{
    struct mention mentions[MENTIONS_MAX];
    size_t count = mentions_parse(stanza, mentions);
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(all,
                              json_pack("{soss?ss?sb}", "range", range_json(&mentions[i].range),
                                        "occupant", mentions[i].occupant, "uri", mentions[i].uri,
                                        "everybody", (int)mentions[i].everybody));
    return all;
}

static xmpp_stanza_t *rebuild_mentions(xmpp_stanza_t *stanza)
{
    struct mention mentions[MENTIONS_MAX];
    size_t count = mentions_parse(stanza, mentions);
    xmpp_stanza_t *message = message_empty();
    for (size_t i = 0; i < count; i++)
        mention_add(message, &mentions[i]);
    return message;
}

static json_t *dump_json_payload(xmpp_stanza_t *stanza)
{
    struct json_payload payload;
    if (!json_payload_parse(stanza, &payload))
        return NULL;
    return json_pack("{ssss}", "type", payload.type, "json", payload.json);
}

static xmpp_stanza_t *rebuild_json_payload(xmpp_stanza_t *stanza)
{
    struct json_payload payload;
    if (!json_payload_parse(stanza, &payload))
        return NULL;
    xmpp_stanza_t *message = message_empty();
    json_payload_add(message, &payload);
    return message;
}

const struct xep_codec xep_message_codecs[] = {
    {"0201", dump_thread, rebuild_thread},
    {"0308", dump_correction, rebuild_correction},
    {"0372", dump_references, rebuild_references},
    {"0421", dump_occupant_id, rebuild_occupant_id},
    {"0422", dump_fastening, NULL},
    {"0424", dump_retraction, rebuild_retraction},
    {"0424_tombstone", dump_tombstone, rebuild_tombstone},
    {"0425", dump_moderation, rebuild_moderation},
    {"0428", dump_fallback, rebuild_fallback},
    {"0461", dump_reply, rebuild_reply},
    {"0466", dump_ephemeral, rebuild_ephemeral},
    {"0513", dump_mentions, rebuild_mentions},
    {"json_payload", dump_json_payload, rebuild_json_payload},
    {0},
};
