/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "xep/0227_pie.h"
#include "xep/0313_mam_result.h"
#include "xep/0359_ids.h"
#include "xep/jid.h"
#include "xep/stanza_text.h"

/* Splits ROOT, which is given away, where its INNERMOST element has its content. Attributes have no
 * line feed: it would be escaped there. */
static struct pie_frame frame_split(xmpp_stanza_t *root, xmpp_stanza_t *innermost)
{
    g_autoptr(xmpp_stanza_t) owned = root;
    stanza_put_text(innermost, "\n", 1);
    g_autofree char *text = stanza_to_text(owned, NULL);
    const char *split = strchr(text, '\n');
    return (struct pie_frame){.head = g_strndup(text, (size_t)(split - text) + 1),
                              .tail = g_strconcat(split + 1, "\n", NULL)};
}

struct pie_frame pie_user(const char *jid)
{
    g_autofree char *local = jid_local(jid);
    g_autofree char *domain = jid_domain(jid);
    xmpp_stanza_t *data = stanza_new("server-data", NS_PIE);
    xmpp_stanza_t *host = stanza_add(data, "host", NS_PIE);
    stanza_set(host, "jid", domain);
    xmpp_stanza_t *user = stanza_add(host, "user", NS_PIE);
    stanza_set(user, "name", local);
    return frame_split(data, user);
}

struct pie_frame pie_roster(void)
{
    xmpp_stanza_t *query = stanza_new("query", NS_ROSTER);
    return frame_split(query, query);
}

struct pie_frame pie_archive(void)
{
    xmpp_stanza_t *archive = stanza_new("archive", NS_PIE_MAM);
    return frame_split(archive, archive);
}

void pie_frame_clear(struct pie_frame *frame)
{
    g_clear_pointer(&frame->head, g_free);
    g_clear_pointer(&frame->tail, g_free);
}

static void element_append(GString *out, xmpp_stanza_t *element)
{
    g_autofree char *text = stanza_to_text(element, NULL);
    g_string_append(out, text);
    g_string_append_c(out, '\n');
}

static void property_add(xmpp_stanza_t *card, const char *name, const char *value)
{
    if (value && *value)
        stanza_add_text(card, name, NS_VCARD, value);
}

void pie_add_vcard(GString *out, const struct vcard *card)
{
    g_autoptr(xmpp_stanza_t) element = stanza_new("vCard", NS_VCARD);
    property_add(element, "FN", card->full_name);
    property_add(element, "NICKNAME", card->nickname);
    property_add(element, "DESC", card->description);
    element_append(out, element);
}

void pie_add_contact(GString *out, const struct pie_contact *contact)
{
    g_autoptr(xmpp_stanza_t) item = stanza_new("item", NS_ROSTER);
    stanza_set(item, "jid", contact->jid);
    stanza_set(item, "name", contact->name);
    stanza_set(item, "subscription", contact->subscription);
    stanza_set(item, "ask", contact->ask ? "subscribe" : NULL);
    for (const char *const *group = contact->groups; group && *group; group++)
        stanza_add_text(item, "group", NS_ROSTER, *group);
    element_append(out, item);
}

void pie_add_message(GString *out, const struct pie_message *message)
{
    g_autoptr(xmpp_stanza_t) holder = stanza_new("message", NULL);
    xmpp_stanza_t *said = stanza_new("message", NULL);
    stanza_set(said, "type", "chat");
    stanza_set(said, "from", message->from);
    stanza_set(said, "to", message->to);
    stanza_set(said, "id", message->origin ? message->origin : message->id);
    stanza_add_text(said, "body", NULL, message->body);
    if (message->origin)
        origin_id_add(said, message->origin);
    const struct mam_result result = {
        .id = message->id,
        .forward = {.stanza = said, .delay = {.stamp_us = message->stamp_us}, .has_delay = true}};
    mam_result_take(holder, &result);
    element_append(out, stanza_first(holder));
}
