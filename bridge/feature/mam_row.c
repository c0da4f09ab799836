/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is in the archive of a room, as a stanza. */
#include "config.h"

#include <string.h>

#include "bridge/core/entry.h"
#include "bridge/feature/mam_row.h"
#include "xep/0045_user.h"

static xmpp_stanza_t *entry_build(const struct mam_row *row, const json_t *details)
{
    struct entry entry = {.target = json_string_value(json_object_get(details, "target")),
                          .payload = json_object_get(details, "payload")};
    xmpp_stanza_t *stanza = groupchat_new(&row->envelope);
    if (!entry_add(stanza, row->kind, &entry))
        g_clear_pointer(&stanza, xmpp_stanza_release);
    return stanza;
}

xmpp_stanza_t *mam_row_build(const struct mam_row *row)
{
    json_t *details = row->details ? json_loads(row->details, 0, NULL) : NULL;
    bool is_message = strcmp(row->kind, "message") == 0;
    xmpp_stanza_t *stanza = is_message ? groupchat_compose(&row->envelope, row->body, row->came)
                                       : entry_build(row, details);
    json_decref(details);
    if (stanza && row->jid) {
        struct muc_user user = {.has_item = true, .item = {.jid = row->jid}};
        muc_user_add(stanza, &user);
    }
    return stanza;
}
