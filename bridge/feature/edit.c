/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a message says now, told to XMPP as a correction of it (XEP-0308). */
#include "config.h"

#include "bridge/core/content.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "xep/0308_correction.h"
#include "xep/message.h"

static void replace_put(xmpp_stanza_t *stanza, const struct content_scene *scene,
                        const json_t *value)
{
    (void)scene;
    const char *id = json_string_value(json_object_get(value, "id"));
    if (id)
        correction_add(stanza, id);
}

static const struct content contents[] = {
    {.key = "replace", .add = replace_put},
    {0},
};

/* REFERENCE is the id of the stanza, PAYLOAD what edit_wire() in SQL says. */
static xmpp_stanza_t *build_edit(const struct outbox_entry *entry)
{
    static const struct content_scene between_two;
    g_autofree char *from = g_strconcat(entry->from, "/rest", NULL);
    json_t *wire = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    if (!wire || !entry->reference) {
        json_decref(wire);
        return NULL;
    }
    xmpp_stanza_t *stanza = message_new("chat", entry->reference, from, entry->to);
    content_add(stanza, &between_two, wire);
    message_add_usual(stanza, entry->reference);
    json_decref(wire);
    return stanza;
}

static const struct outgoing outgoing[] = {
    {.kind = "edit", .build = build_edit},
    {0},
};

const struct feature feature_edit = {.name = "edit", .contents = contents, .outgoing = outgoing};
