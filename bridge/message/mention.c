/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Mentions: members that are meant by a part of a text (XEP-0372, XEP-0513). Clients on XMPP also
 * know them by the name in the text, which is for whoever writes it to put there. */
#include "config.h"

#include <string.h>

#include "bridge/base/id.h"
#include "bridge/core/content.h"
#include "bridge/core/feature.h"
#include "bridge/core/json_check.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0372_references.h"
#include "xep/0513_mentions.h"
#include "xep/jid.h"

#define EVERYBODY "all"
#define OCCUPANT_MAX 255

/* ---- Apps ------------------------------------------------------------------------------------ */

static bool is_user(const json_t *id)
{
    struct uuid user;
    const char *text = json_string_value(id);
    return text && (strcmp(text, EVERYBODY) == 0 ||
                    (json_string_length(id) == UUID_TEXT_SIZE - 1 && uuid_parse(text, &user)));
}

/* Whether ONE stands within a text of LENGTH code points, and behind AFTER. */
static bool is_in_order(const json_t *one, json_int_t length, json_int_t after)
{
    const json_t *start = json_object_get(one, "start"), *end = json_object_get(one, "end");
    return json_is_integer(start) && json_is_integer(end) && json_integer_value(start) >= after &&
           json_integer_value(start) < json_integer_value(end) && json_integer_value(end) <= length;
}

static json_t *mention_refuse(struct field_problem *problem, size_t index, const char *detail)
{
    char name[24];
    g_snprintf(name, sizeof name, "%zu", index);
    return json_refuse(problem, name, detail);
}

/* { user_id, start, end }, in the order of the text and apart. */
static json_t *mentions_take(const json_t *value, const char *content,
                             struct field_problem *problem)
{
    static const char *const members[] = {"user_id", "start", "end", NULL};
    size_t i;
    json_t *one;
    json_int_t length = content ? g_utf8_strlen(content, -1) : 0, after = 0;
    if (!json_is_array(value) || json_array_size(value) == 0)
        return json_refuse(problem, NULL, "must be a list of mentions");
    if (json_array_size(value) > MENTIONS_MAX)
        return json_refuse(problem, NULL, "has more than 50 mentions");
    json_array_foreach(value, i, one)
    {
        if (!json_has_only(one, members, problem))
            return NULL;
        if (!is_user(json_object_get(one, "user_id")))
            return mention_refuse(problem, i, "names no user");
        if (!is_in_order(one, length, after))
            return mention_refuse(problem, i, "is no part of the text behind the one before");
        after = json_integer_value(json_object_get(one, "end"));
    }
    return json_deep_copy(value);
}

/* ---- XMPP ------------------------------------------------------------------------------------ */

/* "xmpp:" and ADDRESS: a JID, or room/nick at ROOMS. NULL: there is none. */
static char *uri_of(const json_t *one, const char *rooms)
{
    const char *jid = json_string_value(json_object_get(one, "jid"));
    const char *address = json_string_value(json_object_get(one, "address"));
    const char *slash = address ? strchr(address, '/') : NULL;
    g_autofree char *nick = slash ? g_uri_escape_string(slash + 1, NULL, TRUE) : NULL;
    if (jid)
        return g_strconcat("xmpp:", jid, NULL);
    if (slash && rooms)
        return g_strdup_printf("xmpp:%.*s@%s/%s", (int)(slash - address), address, rooms, nick);
    return NULL;
}

static void mention_put(xmpp_stanza_t *stanza, const struct content_scene *scene, const json_t *one)
{
    json_int_t start = json_integer_value(json_object_get(one, "start"));
    json_int_t end = json_integer_value(json_object_get(one, "end"));
    struct text_range range = {(guint32)start + scene->shift, (guint32)end + scene->shift};
    g_autofree char *uri = uri_of(one, scene->rooms);
    struct reference reference = {
        .type = REFERENCE_MENTION, .has_range = true, .range = range, .uri = uri};
    struct mention mention = {.range = range,
                              .occupant = json_string_value(json_object_get(one, "occupant")),
                              .everybody = json_is_true(json_object_get(one, "all"))};
    if (uri)
        reference_add(stanza, &reference);
    if (mention.occupant || mention.everybody)
        mention_add(stanza, &mention);
}

static void mentions_put(xmpp_stanza_t *stanza, const struct content_scene *scene,
                         const json_t *value)
{
    size_t i;
    json_t *one;
    json_array_foreach(value, i, one)
    {
        mention_put(stanza, scene, one);
    }
}

/* Whom URI means: { jid }, or { nick } of a room; a new reference. NULL: nobody. */
static json_t *person_of(const char *uri)
{
    if (!uri || !g_str_has_prefix(uri, "xmpp:"))
        return NULL;
    g_autofree char *named = g_strndup(uri + 5, strcspn(uri + 5, "?#"));
    g_autofree char *address = g_uri_unescape_string(named, NULL);
    g_autofree char *bare = address ? jid_prepare_bare(address) : NULL;
    const char *slash = address ? strchr(address, '/') : NULL;
    if (!bare || !g_utf8_validate(address, -1, NULL))
        return NULL;
    return slash ? json_pack("{s:s}", "nick", slash + 1) : json_pack("{s:s}", "jid", bare);
}

static void list_add(json_t *list, json_t *one, const struct text_range *range)
{
    if (!one || json_array_size(list) >= MENTIONS_MAX) {
        json_decref(one);
        return;
    }
    json_object_set_new(one, "start", json_integer(range->begin));
    json_object_set_new(one, "end", json_integer(range->end));
    json_array_append_new(list, one);
}

static void read_references(xmpp_stanza_t *stanza, json_t *list)
{
    struct reference references[REFERENCES_MAX];
    size_t count = references_parse(stanza, REFERENCE_MENTION, references);
    for (size_t i = 0; i < count; i++) {
        if (references[i].has_range && !references[i].anchor)
            list_add(list, person_of(references[i].uri), &references[i].range);
    }
}

static void read_mentions(xmpp_stanza_t *stanza, json_t *list)
{
    struct mention mentions[MENTIONS_MAX];
    size_t count = mentions_parse(stanza, mentions);
    for (size_t i = 0; i < count; i++) {
        json_t *one = NULL;
        if (mentions[i].everybody)
            one = json_pack("{s:b}", "all", 1);
        else if (mentions[i].occupant && strlen(mentions[i].occupant) <= OCCUPANT_MAX)
            one = json_pack("{s:s}", "occupant", mentions[i].occupant);
        else
            one = person_of(mentions[i].uri);
        list_add(list, one, &mentions[i].range);
    }
}

/* In a room, whom a text means also follows from the text. */
static void mentions_read(const struct stanza_context *context, const struct content_text *said,
                          json_t *details)
{
    json_t *list = json_array();
    read_mentions(context->stanza, list);
    if (json_array_size(list) == 0)
        read_references(context->stanza, list);
    if (said->body && (json_array_size(list) > 0 || strcmp(context->type, "groupchat") == 0))
        json_object_set_new(details, "mentions",
                            json_pack("{s:s, s:O}", "body", said->body, "list", list));
    json_decref(list);
}

static const struct content contents[] = {
    {.key = "mentions", .take = mentions_take, .add = mentions_put, .read = mentions_read},
    {0},
};

const struct feature feature_mention = {.name = "mention", .contents = contents};
