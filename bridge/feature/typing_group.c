/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Typing in groups. A typist is one of few at a time; whom it is told is asked of the database,
 * once when somebody begins and once when the same one stops. Who is not heard of for a while has
 * stopped. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/feature/typing_group.h"
#include "bridge/feature/typing_tell.h"
#include "bridge/room/groupchat.h"
#include "bridge/room/guest_hear.h"
#include "bridge/room/scene.h"
#include "xep/0085_chat_states.h"
#include "xep/0203_delay.h"
#include "xep/0334_hints.h"
#include "xep/message.h"

#define TYPISTS_MAX 4096
#define TICK_MILLISECONDS 500

/* Somebody who types in a group. */
struct typist {
    struct uuid conversation, user; /* the key */
    gint64 until;                   /* monotonic: silent for too long */
    bool by_xmpp;                   /* the room tells who is in it by itself */
};

static struct {
    struct core *core;
    GHashTable *typists; /* struct typist → itself */
    guint timer;         /* 0 while nobody types */
} live;

/* A change that waits for whom it is to be told. */
struct asking {
    struct core *core;
    struct request *request; /* NULL: nobody waits for an answer */
    bool active;
    bool passed_on; /* those who are in the room know: it came from there, or with a message */
};

static guint typist_hash(gconstpointer data)
{
    const struct typist *typist = data;
    return uuid_hash(&typist->conversation) * 31 + uuid_hash(&typist->user);
}

static gboolean typist_equal(gconstpointer a, gconstpointer b)
{
    const struct typist *one = a, *other = b;
    return uuid_equal(&one->conversation, &other->conversation) &&
           uuid_equal(&one->user, &other->user);
}

/* ---- Telling --------------------------------------------------------------------------------- */

static void tell_app(const struct asking *asking, const struct rows *rows, int row)
{
    struct typing_notice notice = {.active = asking->active};
    struct event_parties *parties = &notice.parties;
    parties->many = true;
    parties->actor_number = rows_integer(rows, row, GROUP_TYPING_NUMBER);
    if (uuid_parse(rows_text(rows, row, GROUP_TYPING_CONVERSATION), &parties->conversation) &&
        uuid_parse(rows_text(rows, row, GROUP_TYPING_ACTOR), &parties->actor) &&
        uuid_parse(rows_text(rows, row, GROUP_TYPING_MEMBER), &notice.to))
        typing_tell(asking->core, &notice);
}

/* Without an id: an error that comes back takes the session out of the room, as any does. */
static void tell_session(const struct asking *asking, const struct rows *rows, int row)
{
    struct groupchat envelope = {.room = rows_text(rows, row, GROUP_TYPING_ROOM),
                                 .nick = rows_text(rows, row, GROUP_TYPING_NICK),
                                 .to = rows_text(rows, row, GROUP_TYPING_ADDRESS),
                                 .occupant_id = rows_text(rows, row, GROUP_TYPING_OCCUPANT)};
    g_autoptr(xmpp_stanza_t) message = groupchat_new(&envelope);
    chat_state_add(message, asking->active ? CHAT_STATE_COMPOSING : CHAT_STATE_PAUSED);
    hints_add(message, HINT_NO_STORE);
    stanza_out(asking->core, message);
}

static bool typist_note(const struct typist *key, bool active, gint64 silence);

/* Whether it is news; the first row says who types where. */
static bool change_note(const struct asking *asking, const struct rows *rows)
{
    struct typist key = {.by_xmpp = asking->passed_on};
    const struct options *options = asking->core->options;
    gint64 silence = asking->passed_on ? options->typing_peer_silence : options->typing_app_silence;
    return uuid_parse(rows_text(rows, 0, GROUP_TYPING_CONVERSATION), &key.conversation) &&
           uuid_parse(rows_text(rows, 0, GROUP_TYPING_ACTOR), &key.user) &&
           typist_note(&key, asking->active, silence * G_USEC_PER_SEC);
}

static void tell_all(const struct asking *asking, const struct rows *rows)
{
    for (int row = 0; row < rows_count(rows); row++) {
        if (rows_text(rows, row, GROUP_TYPING_MEMBER))
            tell_app(asking, rows, row);
        else if (rows_text(rows, row, GROUP_TYPING_ADDRESS) && !asking->passed_on)
            tell_session(asking, rows, row);
    }
}

static void request_end(struct request *request, const struct rows *rows, enum error_code error)
{
    g_auto(buffer) nothing = BUFFER_INIT(16);
    buffer_append_string(&nothing, "{}");
    if (error != ERROR_NONE)
        request_fail(request, error, NULL);
    else if (rows_count(rows) == 0)
        request_fail(request, ERROR_NOT_FOUND, NULL);
    else
        request_reply(request, 200, &nothing);
}

/* ---- Who types ------------------------------------------------------------------------------- */

static void audience_found(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct asking *asking = data;
    if (error == ERROR_NONE && live.typists && rows_count(rows) > 0 && change_note(asking, rows))
        tell_all(asking, rows);
    if (asking->request)
        request_end(asking->request, rows, error);
}

static void audience_ended(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct asking *asking = data;
    if (error == ERROR_NONE && live.typists)
        tell_all(asking, rows);
}

/* QUIETLY: those who are in the room know, for a message says so. */
static void typist_end(struct core *core, const struct typist *typist, bool quietly)
{
    struct asking *asking = g_new0(struct asking, 1);
    char conversation[UUID_TEXT_SIZE], user[UUID_TEXT_SIZE];
    asking->core = core;
    asking->passed_on = quietly || typist->by_xmpp;
    uuid_format(&typist->conversation, conversation);
    uuid_format(&typist->user, user);
    const char *values[] = {conversation, user, NULL, NULL};
    archive_query(core->archive, QUERY_GROUP_TYPING, values, audience_ended, asking);
}

static gboolean on_tick(gpointer data)
{
    (void)data;
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, live.typists);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const struct typist *typist = key;
        if (typist->until > clock_monotonic())
            continue;
        typist_end(live.core, typist, false);
        g_hash_table_iter_remove(&iter);
    }
    if (g_hash_table_size(live.typists) > 0)
        return G_SOURCE_CONTINUE;
    live.timer = 0;
    return G_SOURCE_REMOVE;
}

/* Whether that is otherwise than it was. */
static bool typist_note(const struct typist *key, bool active, gint64 silence)
{
    struct typist *known = g_hash_table_lookup(live.typists, key);
    if (!active)
        return g_hash_table_remove(live.typists, key);
    bool is_news = !known && g_hash_table_size(live.typists) < TYPISTS_MAX;
    if (is_news) {
        known = g_memdup2(key, sizeof *key);
        g_hash_table_add(live.typists, known);
        if (live.timer == 0)
            live.timer = g_timeout_add(TICK_MILLISECONDS, on_tick, NULL);
    }
    if (known)
        known->until = clock_monotonic() + silence;
    return is_news;
}

void group_typing_end(struct core *core, const struct uuid *user, const struct uuid *conversation)
{
    GHashTableIter iter;
    gpointer key;
    if (!live.typists || !core->archive)
        return;
    g_hash_table_iter_init(&iter, live.typists);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const struct typist *typist = key;
        if (!uuid_equal(&typist->user, user) ||
            (conversation && !uuid_equal(&typist->conversation, conversation)))
            continue;
        typist_end(core, typist, conversation != NULL);
        g_hash_table_iter_remove(&iter);
    }
}

/* ---- From apps and from rooms ---------------------------------------------------------------- */

void group_typing_report(struct request *request, const struct uuid *conversation, bool active)
{
    struct asking *asking = g_new0(struct asking, 1);
    char id[UUID_TEXT_SIZE];
    asking->core = request->core;
    asking->request = request;
    asking->active = active;
    uuid_format(conversation, id);
    const char *values[] = {id, request->account->id_text, NULL, NULL};
    archive_query(request->core->archive, QUERY_GROUP_TYPING, values, audience_found, asking);
}

static bool has_text(xmpp_stanza_t *stanza)
{
    struct message_stanza message;
    return message_parse(stanza, NULL, &message) && message.body && *message.body;
}

void group_typing_observe(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct delay delay;
    enum chat_state state = chat_state_parse(context->stanza);
    if (state == CHAT_STATE_NONE || context->archive_id || delay_parse(context->stanza, &delay) ||
        has_text(context->stanza)) /* a text ends it by itself */
        return;
    struct asking *asking = g_new0(struct asking, 1);
    *asking =
        (struct asking){.core = core, .active = state == CHAT_STATE_COMPOSING, .passed_on = true};
    bool elsewhere = guest_is_said(context);
    g_autofree char *room = elsewhere ? g_strdup(context->from_bare) : room_of_context(context);
    const char *values[] = {NULL, NULL, room, context->from};
    archive_query(core->archive, QUERY_GROUP_TYPING, values, audience_found, asking);
}

void group_typing_start(struct core *core)
{
    live.core = core;
    live.typists = g_hash_table_new_full(typist_hash, typist_equal, g_free, NULL);
}

void group_typing_stop(void)
{
    if (live.timer > 0)
        g_source_remove(live.timer);
    live.timer = 0;
    g_clear_pointer(&live.typists, g_hash_table_unref);
    live.core = NULL;
}
