/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is in the archive of a room, as a stanza. */
#include "config.h"

#include <string.h>

#include "bridge/feature/mam_row.h"
#include "xep/0045_user.h"
#include "xep/0444_reactions.h"

static xmpp_stanza_t *message_build(const struct mam_row *row, const json_t *details)
{
    (void)details;
    return groupchat_compose(&row->envelope, row->body, row->came);
}

static xmpp_stanza_t *reaction_build(const struct mam_row *row, const json_t *details)
{
    const char *emoji[REACTIONS_MAX + 1] = {NULL};
    const json_t *set = json_object_get(details, "payload");
    const char *target = json_string_value(json_object_get(details, "target"));
    if (!target)
        return NULL;
    for (size_t i = 0, n = 0; i < json_array_size(set) && n < REACTIONS_MAX; i++) {
        emoji[n] = json_string_value(json_array_get(set, i));
        n += emoji[n] != NULL;
    }
    xmpp_stanza_t *stanza = groupchat_new(&row->envelope);
    reactions_add(stanza, target, emoji);
    return stanza;
}

static const struct {
    const char *kind;
    xmpp_stanza_t *(*build)(const struct mam_row *row, const json_t *details);
} kinds[] = {{"message", message_build}, {"reaction", reaction_build}};

xmpp_stanza_t *mam_row_build(const struct mam_row *row)
{
    xmpp_stanza_t *stanza = NULL;
    json_t *details = row->details ? json_loads(row->details, 0, NULL) : NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        if (strcmp(kinds[i].kind, row->kind) == 0)
            stanza = kinds[i].build(row, details);
    }
    json_decref(details);
    if (stanza && row->jid) {
        struct muc_user user = {.has_item = true, .item = {.jid = row->jid}};
        muc_user_add(stanza, &user);
    }
    return stanza;
}
