/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers to messages (XEP-0461). Clients that know none are shown a quote before the text; our own
 * never are. */
#include "config.h"

#include <string.h>

#include "bridge/base/id.h"
#include "bridge/core/content.h"
#include "bridge/core/feature.h"
#include "bridge/core/message.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0461_reply.h"
#include "xep/visible.h"

#define FOREIGN_ID_MAX 255

static char *reply_lead(const json_t *value)
{
    const json_t *quote = json_object_get(value, "quote");
    const char *name = json_string_value(json_object_get(quote, "name"));
    const char *text = json_string_value(json_object_get(quote, "text"));
    return text ? reply_quote(name ? name : "", text) : NULL;
}

static void reply_put(xmpp_stanza_t *stanza, const struct content_scene *scene, const json_t *value)
{
    const char *to = json_string_value(json_object_get(value, "to"));
    const char *slash = to && scene->rooms ? strchr(to, '/') : NULL;
    g_autofree char *occupant = NULL;
    if (slash) /* room/nick */
        occupant = g_strdup_printf("%.*s@%s%s", (int)(slash - to), to, scene->rooms, slash);
    struct reply reply = {.id = json_string_value(json_object_get(value, "id")),
                          .to = occupant ? occupant : to};
    reply_add(stanza, &reply);
}

/* What is shown, without the quote; NULL: there is none, or nothing else. */
static char *text_without_quote(xmpp_stanza_t *stanza, const struct content_text *said)
{
    const char *body = said->body ? strstr(said->shown, said->body) : NULL;
    if (!body)
        return NULL;
    g_autofree char *rest = reply_strip(stanza, said->body);
    if (strcmp(rest, said->body) == 0 || !text_is_visible(rest, strlen(rest)))
        return NULL;
    return g_strdup_printf("%.*s%s%s", (int)(body - said->shown), said->shown, rest,
                           body + strlen(said->body));
}

static void reply_read(const struct stanza_context *context, const struct content_text *said,
                       json_t *details)
{
    struct reply reply;
    struct uuid digest;
    char origin[UUID_TEXT_SIZE];
    if (!reply_parse(context->stanza, &reply) || strlen(reply.id) > FOREIGN_ID_MAX)
        return;
    message_origin_dedupe(context->from_bare, context->to_bare, reply.id, &digest);
    uuid_format(&digest, origin);
    json_t *json = json_pack("{s:s, s:s}", "id", reply.id, "origin", origin);
    g_autofree char *bare = text_without_quote(context->stanza, said);
    if (bare)
        json_object_set_new(json, "bare", json_string(bare));
    json_object_set_new(details, "reply", json);
}

static const struct content contents[] = {
    {.key = "reply", .lead = reply_lead, .ns = NS_REPLY, .add = reply_put, .read = reply_read},
    {0},
};

const struct feature feature_reply = {.name = "reply", .contents = contents};
