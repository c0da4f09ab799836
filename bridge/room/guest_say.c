/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What our users say goes out in order, a page at a time. It waits in guest_out until the room has
 * sent it back: a room that was left in between is asked first what it has heard. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/entry.h"
#include "bridge/room/guest_say.h"
#include "xep/0333_markers.h"
#include "xep/0359_ids.h"
#include "xep/message.h"

#define PAGE 50

static bool message_put(xmpp_stanza_t *stanza, const char *rooms, const json_t *wire)
{
    const struct content_scene scene = {.rooms = rooms};
    content_add(stanza, &scene, wire);
    marker_add_markable(stanza);
    return true;
}

static bool entry_put(xmpp_stanza_t *stanza, const char *rooms, const struct rows *rows, int row,
                      const json_t *payload)
{
    const struct entry entry = {
        .target = rows_text(rows, row, GUEST_SAY_TARGET), .payload = payload, .rooms = rooms};
    return entry_add(stanza, rows_text(rows, row, GUEST_SAY_KIND), &entry);
}

static void row_say(struct core *core, const struct rows *rows, int row)
{
    const char *room = rows_text(rows, row, GUEST_SAY_ROOM);
    const char *wire = rows_text(rows, row, GUEST_SAY_WIRE);
    const char *text = rows_text(rows, row, GUEST_SAY_PAYLOAD);
    const char *at = strchr(room, '@');
    const char *rooms = at ? at + 1 : room;
    bool message = strcmp(rows_text(rows, row, GUEST_SAY_KIND), "message") == 0;
    g_autofree char *from = account_address(rows_text(rows, row, GUEST_SAY_JID));
    g_autoptr(xmpp_stanza_t) stanza = message_new("groupchat", wire, from, room);
    json_t *payload = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    bool said = message ? message_put(stanza, rooms, payload)
                        : entry_put(stanza, rooms, rows, row, payload);
    json_decref(payload);
    origin_id_add(stanza, wire);
    if (said)
        stanza_out(core, stanza); /* if the link is down, it is sent when that is up */
}

static void page_say(struct guests *guests);

static void page_read(const struct rows *rows, enum error_code error, void *data)
{
    struct guests *guests = guests_of();
    (void)data;
    if (!guests)
        return;
    guests->saying = false;
    for (int row = 0; error == ERROR_NONE && guests->up && row < rows_count(rows); row++)
        row_say(guests->core, rows, row);
    if (error == ERROR_NONE && (guests->say_again || rows_count(rows) == PAGE))
        page_say(guests);
}

static void page_say(struct guests *guests)
{
    const char *values[] = {G_STRINGIFY(PAGE)};
    guests->saying = true;
    guests->say_again = false;
    archive_query(guests->core->archive, QUERY_GUEST_SAY, values, page_read, NULL);
}

void guest_say_all(struct guests *guests)
{
    if (!guests->up || !guests->core->archive)
        return;
    if (guests->saying)
        guests->say_again = true;
    else
        page_say(guests);
}
