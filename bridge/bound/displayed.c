/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Read marks among the clients of an account: what they publish moves the app's, and the app's is
 * published, the newest of each conversation. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/displayed.h"
#include "bridge/bound/inject.h"
#include "bridge/bound/pep.h"
#include "bridge/bound/session.h"
#include "bridge/bound/uid.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/mark.h"
#include "xep/0060_pubsub.h"
#include "xep/0490_displayed_sync.h"
#include "xep/jid.h"

#define ANSWER_SECONDS 60
#define READ_MAX 100 /* conversations of which something waits */
#define ID_MAX 255

/* ---- What others have read ------------------------------------------------------------------- */

struct marking {
    struct core *core;
    char *jid;
};

static void message_found(const struct change_result *result, void *data)
{
    g_autofree struct marking *marking = data;
    g_autofree char *jid = marking->jid;
    struct uuid message;
    const char *id = json_string_value(json_object_get(result->json, "message"));
    if (marking->core->archive && id && uuid_parse(id, &message))
        message_marked(marking->core, jid, &message, true);
}

/* BY, a room, calls the message ID. */
static void mark_of_room(struct bound_session *session, const char *by, const char *id)
{
    g_autofree char *room = jid_prepare_bare(by);
    if (!room || strlen(id) > ID_MAX)
        return;
    struct marking *marking = g_new0(struct marking, 1);
    *marking = (struct marking){session->bound->core, g_strdup(session->jid)};
    change_submit(session->bound->core, "bound_displayed", &session->account->id,
                  json_pack("{s:s, s:s}", "room", room, "wire", id), message_found, marking);
}

static void displayed_take(struct bound_session *session, xmpp_stanza_t *stanza)
{
    bool more;
    struct displayed_sync displayed;
    struct uuid uid;
    g_autoptr(GArray) items = pubsub_items_parse(stanza, &more);
    for (guint i = 0; items && i < items->len; i++) {
        const struct pubsub_item *item = &g_array_index(items, struct pubsub_item, i);
        if (!item->payload || !displayed_sync_parse(item->payload, &displayed))
            continue;
        if (strcmp(displayed.by, session->jid) != 0)
            mark_of_room(session, displayed.by, displayed.id);
        else if (uid_parse(displayed.id, &uid))
            message_marked(session->bound->core, session->jid, &uid, true);
    }
}

static void displayed_opened(struct bound_session *session, xmpp_stanza_t *items, bool there)
{
    session->syncs = there;
    if (items)
        displayed_take(session, items);
}

void bound_displayed_begin(struct bound_session *session)
{
    bound_pep_open(session, NS_DISPLAYED_SYNC, displayed_opened);
}

void bound_displayed_event(struct bound_session *session, xmpp_stanza_t *message)
{
    displayed_take(session, message);
}

/* ---- What the app has read ------------------------------------------------------------------- */

void bound_displayed_read(struct core *core, const struct uuid *conversation,
                          const struct uuid *user, const struct uuid *message)
{
    const struct bound *bound = bound_of(core);
    const struct account *account = bound ? account_find(core->accounts, user) : NULL;
    struct bound_session *session =
        account && account->bound ? bound_session_find(bound, account->jid) : NULL;
    char place[UUID_TEXT_SIZE], id[UUID_TEXT_SIZE];
    if (!session || uuid_is_nil(message))
        return;
    uuid_format(conversation, place);
    uuid_format(message, id);
    if (!session->read)
        session->read = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (g_hash_table_size(session->read) < READ_MAX || g_hash_table_contains(session->read, place))
        g_hash_table_replace(session->read, g_strdup(place), g_strdup(id));
}

static void displayed_published(xmpp_stanza_t *result, void *data)
{
    (void)result;
    (void)data; /* what was not taken is told by the next one */
}

static void displayed_named(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct marking *marking = data;
    g_autofree char *jid = marking->jid;
    const struct bound *bound = bound_of(marking->core);
    struct bound_session *session = bound ? bound_session_find(bound, jid) : NULL;
    if (!session || error != ERROR_NONE || rows_count(rows) != 1)
        return;
    struct uuid uid;
    const char *by = rows_text(rows, 0, BOUND_DISPLAYED_BY);
    const char *id = rows_text(rows, 0, BOUND_DISPLAYED_ID);
    bool own = strcmp(by, session->jid) == 0;
    g_autofree char *decimal =
        own && session->host->decimal && uuid_parse(id, &uid) ? uid_decimal(&uid) : NULL;
    const struct displayed_sync displayed = {.id = decimal ? decimal : id, .by = by};
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("set", NULL, NULL, NULL);
    displayed_sync_add(
        pubsub_publish_add(iq, NS_DISPLAYED_SYNC, rows_text(rows, 0, BOUND_DISPLAYED_JID)),
        &displayed);
    bound_inject_ask(session, iq, ANSWER_SECONDS, displayed_published, NULL);
}

void bound_displayed_tick(struct bound_session *session)
{
    GHashTableIter iter;
    gpointer place, message;
    struct core *core = session->bound->core;
    if (!session->read || !session->syncs || session->state != SESSION_BOUND)
        return;
    g_hash_table_iter_init(&iter, session->read);
    while (g_hash_table_iter_next(&iter, &place, &message)) {
        struct marking *marking = g_new0(struct marking, 1);
        *marking = (struct marking){core, g_strdup(session->jid)};
        const char *values[] = {session->account->id_text, place, message};
        archive_query(core->archive, QUERY_BOUND_DISPLAYED, values, displayed_named, marking);
    }
    g_hash_table_remove_all(session->read);
}
