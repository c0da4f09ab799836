/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bookmarks of rooms: read when a session is bound, heard of when another client changes them, and
 * written when the app comes into a room or leaves it. What follows from them is done in SQL. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/base/text.h"
#include "bridge/bound/bookmark.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/pep.h"
#include "bridge/bound/session.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/outbox.h"
#include "xep/0060_pubsub.h"
#include "xep/0402_bookmarks.h"
#include "xep/jid.h"
#include "xep/name.h"
#include "xep/stanza_read.h"
#include "xep/stanza_text.h"

#define AGAIN (300 * G_USEC_PER_SEC) /* not every server tells when one is removed */
#define NICK_MAX 255                 /* bytes */
#define PASSWORD_MAX 1000            /* likewise */
#define EXTENSIONS_MAX 4096          /* likewise; of a bookmark with more nothing is kept */
#define PAGE_MAX (256 * 1024)

struct asked {
    struct core *core;
    char *jid;
};

/* ---- What the server has --------------------------------------------------------------------- */

/* NULL: it names no room. */
static json_t *item_json(const struct core *core, const struct pubsub_item *item)
{
    struct bookmark bookmark;
    g_autofree char *room = item->id ? jid_prepare_bare(item->id) : NULL;
    if (!room || !strchr(room, '@') || service_of(core->options, room) == SERVICE_USERS)
        return NULL;
    if (!item->payload)
        return json_pack("{s:s, s:b}", "room", room, "gone", true);
    if (!bookmark_parse(item->payload, &bookmark))
        return NULL;
    g_autofree char *name =
        bookmark.name ? name_clean(bookmark.name, NAME_BYTES_MAX, NAME_LINE) : NULL;
    g_autofree char *more = bookmark.extensions ? stanza_to_text(bookmark.extensions, NULL) : NULL;
    return json_pack("{s:s, s:s*, s:s*, s:s*, s:s*, s:b}", "room", room, "name", name, "nick",
                     text_bounded(bookmark.nick, NICK_MAX), "password",
                     text_bounded(bookmark.password, PASSWORD_MAX), "extensions",
                     text_bounded(more, EXTENSIONS_MAX), "autojoin", bookmark.autojoin);
}

/* The app hears of all, also of those that bring it into no group. */
static void bookmarks_taken(const struct change_result *result, void *data)
{
    g_autofree struct asked *asked = data;
    g_autofree char *jid = asked->jid;
    const struct bound *bound = bound_of(asked->core);
    struct bound_session *session = bound ? bound_session_find(bound, jid) : NULL;
    const char *page = json_string_value(json_object_get(result->json, "page"));
    if (session && !change_succeeded(result))
        session->bookmarks_digest = 0; /* the same is taken the next time */
    if (!session || !session->account || !session->account->subscribers ||
        result->error != ERROR_NONE || result->outcome != OUTCOME_DONE || !page)
        return;
    g_auto(buffer) payload = BUFFER_INIT(PAGE_MAX);
    buffer_append_string(&payload, page);
    if (payload.overflow)
        return; /* it has to ask */
    g_autoptr(trestle_event) event = event_new(EVENT_ACCOUNT_ROOMS, 0, clock_wall(), &payload);
    event_deliver(session->account, event);
}

static struct asked *asked_new(const struct bound_session *session)
{
    struct asked *asked = g_new0(struct asked, 1);
    asked->core = session->bound->core;
    asked->jid = g_strdup(session->jid);
    return asked;
}

/* ITEMS is taken. */
static void bookmarks_submit(struct bound_session *session, json_t *items, bool whole, bool there)
{
    char *text = json_dumps(items, JSON_COMPACT | JSON_SORT_KEYS);
    guint digest = whole && there && text ? g_str_hash(text) : 0;
    bool same = digest && digest == session->bookmarks_digest;
    free(text);
    session->bookmarks_digest = digest;
    if (same) {
        json_decref(items);
        return;
    }
    change_submit(session->bound->core, "bound_bookmarks", &session->account->id,
                  json_pack("{s:o, s:b, s:b}", "items", items, "whole", whole, "there", there),
                  bookmarks_taken, asked_new(session));
}

/* ITEMS may be NULL. WHOLE: there are no others. */
static void bookmarks_take(struct bound_session *session, const GArray *items, bool whole)
{
    json_t *list = json_array();
    for (guint i = 0; items && i < items->len; i++) {
        json_t *item =
            item_json(session->bound->core, &g_array_index(items, struct pubsub_item, i));
        if (item)
            json_array_append_new(list, item);
    }
    bookmarks_submit(session, list, whole, true);
}

static void bookmarks_opened(struct bound_session *session, xmpp_stanza_t *items, bool there)
{
    bool more = false;
    g_autoptr(GArray) parsed = items ? pubsub_items_parse(items, &more) : NULL;
    if (items)
        bookmarks_take(session, parsed, !more);
    else
        bookmarks_submit(session, json_array(), !there, there);
}

void bound_bookmarks_begin(struct bound_session *session)
{
    session->bookmarks_at = clock_monotonic() + AGAIN;
    bound_pep_open(session, NS_BOOKMARKS, bookmarks_opened);
}

void bound_bookmarks_event(struct bound_session *session, xmpp_stanza_t *message)
{
    bool more;
    g_autoptr(GArray) items = pubsub_items_parse(message, &more);
    if (items)
        bookmarks_take(session, items, false);
    else /* the node has been emptied */
        bookmarks_submit(session, json_array(), true, true);
}

/* ---- What the app changes -------------------------------------------------------------------- */

xmpp_stanza_t *bound_bookmark_build(const struct outbox_entry *entry)
{
    json_t *facts = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    const char *more = json_string_value(json_object_get(facts, "extensions"));
    g_autofree char *id = outbox_entry_id(entry);
    g_autoptr(xmpp_stanza_t) extensions = more ? stanza_from_text(more, strlen(more)) : NULL;
    const struct bookmark bookmark = {.name = json_string_value(json_object_get(facts, "name")),
                                      .nick = json_string_value(json_object_get(facts, "nick")),
                                      .password =
                                          json_string_value(json_object_get(facts, "password")),
                                      .autojoin = json_is_true(json_object_get(facts, "autojoin")),
                                      .extensions = extensions};
    xmpp_stanza_t *iq = stanza_new_iq("set", id, entry->from, NULL);
    bookmark_add(pubsub_publish_add(iq, NS_BOOKMARKS, entry->to), &bookmark);
    json_decref(facts);
    return iq;
}
