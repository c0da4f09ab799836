/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is in the archive of a room, as a stanza. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/feature/mam_row.h"
#include "xep/0045_user.h"
#include "xep/0359_ids.h"
#include "xep/0421_occupant_id.h"
#include "xep/0444_reactions.h"
#include "xep/message.h"

static const char *fact_text(const json_t *facts, const char *name)
{
    return json_string_value(json_object_get(facts, name));
}

static bool add_message(xmpp_stanza_t *stanza, const json_t *facts)
{
    const char *body = fact_text(facts, "body");
    if (body)
        stanza_add_text(stanza, "body", NULL, body);
    return body != NULL;
}

static bool add_reaction(xmpp_stanza_t *stanza, const json_t *facts)
{
    const char *emoji[REACTIONS_MAX + 1] = {NULL};
    const json_t *set = json_object_get(facts, "payload");
    const char *target = fact_text(facts, "target");
    if (!target)
        return false;
    for (size_t i = 0, n = 0; i < json_array_size(set) && n < REACTIONS_MAX; i++) {
        emoji[n] = json_string_value(json_array_get(set, i));
        n += emoji[n] != NULL;
    }
    reactions_add(stanza, target, emoji);
    return true;
}

/* What the kinds of rows add. */
static const struct {
    const char *kind;
    bool (*add)(xmpp_stanza_t *stanza, const json_t *facts);
} kinds[] = {{"message", add_message}, {"reaction", add_reaction}};

static void add_sender(xmpp_stanza_t *stanza, const json_t *facts)
{
    const char *occupant = fact_text(facts, "occupant");
    const char *jid = fact_text(facts, "jid");
    if (occupant)
        occupant_id_add(stanza, occupant);
    if (jid) {
        struct muc_user user = {.has_item = true, .item = {.jid = jid}};
        muc_user_add(stanza, &user);
    }
}

xmpp_stanza_t *mam_row_build(const struct mam_row *row, const char *facts)
{
    json_t *parsed = json_loads(facts, 0, NULL);
    const char *nick = fact_text(parsed, "nick");
    g_autofree char *from = nick ? g_strdup_printf("%s/%s", row->room, nick) : g_strdup(row->room);
    xmpp_stanza_t *stanza = message_new("groupchat", fact_text(parsed, "wire"), from, NULL);
    bool known = false;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].kind, row->kind) == 0)
            known = kinds[i].add(stanza, parsed);
    }
    if (known)
        add_sender(stanza, parsed);
    else
        g_clear_pointer(&stanza, xmpp_stanza_release);
    json_decref(parsed);
    return stanza;
}
