/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is in the archive of a room, as a stanza. */
#include "config.h"

#include <string.h>

#include "bridge/feature/mam_row.h"
#include "xep/0045_user.h"
#include "xep/0424_tombstone.h"

static const char *detail_text(const json_t *details, const char *name)
{
    return json_string_value(json_object_get(details, name));
}

/* In the place of a message that was deleted for everybody. */
static xmpp_stanza_t *tombstone_build(const struct mam_row *row, const json_t *deleted)
{
    struct tombstone tombstone = {
        .id = detail_text(deleted, "id"),
        .stamp_us = json_integer_value(json_object_get(deleted, "at")),
        .moderated = json_is_true(json_object_get(deleted, "moderated")),
        .moderator = {.by = detail_text(deleted, "by"),
                      .occupant_id = detail_text(deleted, "occupant")},
        .reason = detail_text(deleted, "reason"),
    };
    xmpp_stanza_t *stanza = groupchat_new(&row->envelope);
    tombstone_add(stanza, &tombstone);
    return stanza;
}

static void put_text(json_t *facts, const char *name, const char *text)
{
    if (text)
        json_object_set_new(facts, name, json_string(text));
}

/* DETAILS, which have `content`, become facts of room_message_facts() in SQL. */
static xmpp_stanza_t *content_build(const struct mam_row *row, json_t *details)
{
    put_text(details, "id", row->envelope.archive_id);
    put_text(details, "wire", row->envelope.id);
    put_text(details, "room", row->envelope.room);
    put_text(details, "nick", row->envelope.nick);
    put_text(details, "occupant", row->envelope.occupant_id);
    return groupchat_build(details, NULL);
}

static xmpp_stanza_t *message_build(const struct mam_row *row, json_t *details)
{
    const json_t *deleted = json_object_get(details, "deleted");
    if (deleted)
        return tombstone_build(row, deleted);
    if (details && !row->came)
        return content_build(row, details);
    return groupchat_compose(&row->envelope, row->body, row->came);
}

/* DETAILS, { target, payload }, become facts of room_tell_entry() in SQL. */
static xmpp_stanza_t *entry_build(const struct mam_row *row, json_t *details)
{
    const struct groupchat *envelope = &row->envelope;
    g_autofree char *place =
        envelope->nick ? g_strconcat(envelope->room, "/", envelope->nick, NULL) : NULL;
    put_text(details, "id", envelope->archive_id);
    put_text(details, "wire", envelope->id);
    put_text(details, "kind", row->kind);
    put_text(details, "stanza", row->came);
    return groupchat_build_entry(details, place ? place : envelope->room, NULL,
                                 envelope->occupant_id);
}

xmpp_stanza_t *mam_row_build(const struct mam_row *row)
{
    json_t *details = row->details ? json_loads(row->details, 0, NULL) : NULL;
    bool is_message = strcmp(row->kind, "message") == 0;
    xmpp_stanza_t *stanza = is_message ? message_build(row, details) : entry_build(row, details);
    json_decref(details);
    if (stanza && row->jid) {
        struct muc_user user = {.has_item = true, .item = {.jid = row->jid}};
        muc_user_add(stanza, &user);
    }
    return stanza;
}
