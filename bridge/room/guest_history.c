/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paging through the archives of rooms elsewhere (XEP-0313). What was said before our first user
 * came is asked for as one page; what was missed since page by page, on from the newest that is
 * here. A result counts only if it was asked for; it is dispatched as if it had been said now. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/room/guest_enter.h"
#include "bridge/room/guest_history.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0203_delay.h"
#include "xep/0313_mam_query.h"
#include "xep/0313_mam_result.h"
#include "xep/error.h"

#define PAGE 50
#define PAGES_MAX 100 /* of a gap; of a larger one the newest page only */
#define ANSWER_SECONDS 30
#define TRIES_MAX 4
#define RETRY_SECONDS 5

enum mode { MODE_ON, MODE_NEWEST, MODE_TIME };

struct guest_history {
    char *room, *user;
    char *query_id;
    char *newest; /* the last id that was seen; NULL: none */
    gint64 heard_at;
    enum mode mode;
    bool first;
    unsigned pages, tries, results;
    guint timer;
};

static void page_ask(struct guest_history *history);

/* ---- Names ----------------------------------------------------------------------------------- */

/* A question that was sent, by its id: the history may have ended when the answer comes. */
static struct guest_room *asked_room(const char *query_id)
{
    GHashTableIter iter;
    gpointer value;
    if (!guests_of())
        return NULL;
    g_hash_table_iter_init(&iter, guests_of()->rooms);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct guest_room *room = value;
        if (room->history && g_strcmp0(room->history->query_id, query_id) == 0)
            return room;
    }
    return NULL;
}

static char *query_name(void)
{
    char text[UUID_TEXT_SIZE];
    uuid_generate_text(text);
    return g_strdup(text);
}

/* ---- Pages ----------------------------------------------------------------------------------- */

static void newest_set(struct guest_history *history, const char *id)
{
    g_free(history->newest);
    history->newest = g_strdup(id);
}

/* Nothing that was said meanwhile was dropped: else that is asked for, too. */
static void history_done(struct guest_room *room)
{
    struct guest_history *history = room->history;
    bool answers = history->tries < TRIES_MAX;
    if (answers && room->again && history->newest) {
        room->again = false;
        history->mode = MODE_ON;
        page_ask(history);
        return;
    }
    g_autofree char *newest = g_strdup(history->newest);
    bool first = history->first;
    room->again = false;
    guest_history_end(room);
    guest_room_live(room, newest, first);
}

static gboolean on_retry(gpointer data)
{
    struct guest_history *history = data;
    history->timer = 0;
    page_ask(history);
    return G_SOURCE_REMOVE;
}

static void page_again(struct guest_room *room)
{
    struct guest_history *history = room->history;
    if (++history->tries >= TRIES_MAX) {
        history_done(room);
        return;
    }
    history->timer =
        g_timeout_add_seconds((guint)RETRY_SECONDS << history->tries, on_retry, history);
}

/* What was here last is not in the archive any more: on from its time. */
static void page_refused(struct guest_room *room, const char *condition)
{
    struct guest_history *history = room->history;
    if (strcmp(condition, "item-not-found") == 0 && history->mode == MODE_ON) {
        history->mode = history->heard_at ? MODE_TIME : MODE_NEWEST;
        page_ask(history);
    } else {
        page_again(room);
    }
}

static void page_read(struct guest_room *room, const struct mam_fin *fin)
{
    struct guest_history *history = room->history;
    history->tries = 0;
    if (fin->page.last)
        newest_set(history, fin->page.last);
    if (history->mode == MODE_NEWEST || fin->is_complete || history->results == 0) {
        history_done(room);
        return;
    }
    history->mode = ++history->pages < PAGES_MAX ? MODE_ON : MODE_NEWEST;
    page_ask(history);
}

static void page_answered(xmpp_stanza_t *result, void *data)
{
    g_autofree char *query_id = data;
    struct guest_room *room = asked_room(query_id);
    struct stanza_error error;
    struct mam_fin fin;
    if (!room)
        return;
    if (result && mam_fin_parse(result, &fin))
        page_read(room, &fin);
    else if (result && stanza_error_parse(result, &error))
        page_refused(room, error.condition);
    else
        page_again(room);
}

static void page_ask(struct guest_history *history)
{
    g_autofree char *from = account_address(history->user);
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("set", NULL, from, history->room);
    g_free(history->query_id);
    history->query_id = query_name();
    history->results = 0;
    struct mam_query query = {.query_id = history->query_id,
                              .page = {.has_max = true, .max = PAGE}};
    if (history->mode == MODE_ON)
        query.page.after = history->newest;
    else if (history->mode == MODE_NEWEST)
        query.page.before = "";
    query.has_start = history->mode == MODE_TIME;
    query.start_us = history->heard_at;
    mam_query_add(iq, &query);
    char *name = g_strdup(history->query_id);
    if (!stanza_ask(guests_of()->core, iq, ANSWER_SECONDS, page_answered, name)) {
        g_free(name);
        page_again(guest_room_find(history->room));
    }
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static void place_found(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree char *query_id = data;
    struct guest_room *room = asked_room(query_id);
    if (!room)
        return;
    struct guest_history *history = room->history;
    if (error != ERROR_NONE || rows_count(rows) == 0) {
        page_again(room);
        return;
    }
    const char *newest = rows_text(rows, 0, GUEST_ARCHIVE_NEWEST);
    history->heard_at = rows_integer(rows, 0, GUEST_ARCHIVE_HEARD_AT);
    history->first = !newest;
    history->mode = newest ? MODE_ON : MODE_NEWEST;
    newest_set(history, newest);
    page_ask(history);
}

void guest_history_begin(struct guest_room *room)
{
    guest_history_end(room);
    struct guest_history *history = g_new0(struct guest_history, 1);
    history->room = g_strdup(room->jid);
    history->user = g_strdup(room->ear->user);
    history->query_id = query_name();
    room->history = history;
    room->again = false;
    const char *values[] = {room->jid};
    archive_query(guests_of()->core->archive, QUERY_GUEST_ARCHIVE, values, place_found,
                  g_strdup(history->query_id));
}

void guest_history_end(struct guest_room *room)
{
    struct guest_history *history = room->history;
    if (!history)
        return;
    room->history = NULL;
    if (history->timer)
        g_source_remove(history->timer);
    g_free(history->room);
    g_free(history->user);
    g_free(history->query_id);
    g_free(history->newest);
    g_free(history);
}

bool guest_history_awaits(const char *user, const char *room)
{
    const struct guest_room *asked = guest_room_find(room);
    const struct guest_history *history = asked ? asked->history : NULL;
    return history && history->results < PAGE && strcmp(history->user, user) == 0;
}

/* ---- Results --------------------------------------------------------------------------------- */

static bool is_asked(const struct stanza_context *context, const struct mam_result *result)
{
    const struct guest_room *room = guest_room_find(context->from);
    const struct guest_history *history = room ? room->history : NULL;
    return history && strcmp(history->user, context->to_bare) == 0 &&
           g_strcmp0(history->query_id, result->query_id) == 0 && history->results < PAGE;
}

/* Whether it was said in that room. */
static bool is_of_room(xmpp_stanza_t *stanza, const char *room)
{
    const char *from = stanza_attr(stanza, "from");
    size_t length = strlen(room);
    return from && strcmp(stanza_name(stanza), "message") == 0 &&
           strncmp(from, room, length) == 0 && (from[length] == '\0' || from[length] == '/') &&
           g_strcmp0(stanza_attr(stanza, "type"), "groupchat") == 0;
}

/* The message as it would have come then, with when that was. */
static xmpp_stanza_t *message_of(const struct stanza_context *context,
                                 const struct mam_result *result)
{
    xmpp_stanza_t *message = xmpp_stanza_copy(result->forward.stanza);
    struct delay delay = {.stamp_us = result->forward.delay.stamp_us, .from = context->from};
    xmpp_stanza_set_to(message, context->to);
    if (result->forward.has_delay)
        delay_add(message, &delay);
    return message;
}

static bool on_result(const struct stanza_context *context)
{
    struct mam_result result;
    if (!mam_result_parse(context->stanza, &result) || !is_asked(context, &result))
        return true; /* nobody wants to know */
    struct guest_room *room = guest_room_find(context->from);
    room->history->results++;
    if (!is_of_room(result.forward.stanza, context->from))
        return true;
    g_autoptr(xmpp_stanza_t) message = message_of(context, &result);
    dispatch_archived(context, message, result.id);
    return true;
}

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal|groupchat|headline", "result", NS_MAM, TARGET_RESOURCE,
     .claim = on_result},
    {0},
};

const struct feature feature_guest_history = {.name = "guest_history", .stanzas = stanzas};
