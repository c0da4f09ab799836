/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contact list and block list of an account: its server's, shown here as they are. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/bound/bound.h"
#include "bridge/bound/inject.h"
#include "bridge/bound/mirror.h"
#include "bridge/bound/session.h"
#include "bridge/account/account.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "xep/0280_carbons.h"
#include "xep/jid.h"
#include "xep/name.h"
#include "xep/roster.h"

#define ANSWER_SECONDS 60
#define ITEMS_MAX 10000
#define GROUPS_MAX 1000       /* of one contact that are looked at */
#define LISTED_MAX (8 * 1024) /* bytes of what is kept to be written back */

struct asked {
    struct core *core;
    char *jid;
};

/* The session that has asked, as long as it is there. */
static struct bound_session *asked_end(struct asked *asked)
{
    const struct bound *bound = bound_of(asked->core);
    struct bound_session *session = bound ? bound_session_find(bound, asked->jid) : NULL;
    g_free(asked->jid);
    g_free(asked);
    return session && session->account && session->bound->core->archive ? session : NULL;
}

static bool is_result(xmpp_stanza_t *iq)
{
    return iq && g_strcmp0(stanza_attr(iq, "type"), "result") == 0;
}

/* What a list has; of a longer one not everything, and then nothing can be said of the rest. */
struct listed {
    json_t *items; /* array */
    bool cut;
};

static void listed_add(struct listed *listed, json_t *item)
{
    listed->cut |= json_array_size(listed->items) >= ITEMS_MAX;
    if (listed->cut)
        json_decref(item);
    else
        json_array_append_new(listed->items, item);
}

/* ---- Contacts -------------------------------------------------------------------------------- */

static int text_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* TEXTS (char *, owned) in order, each once, at most MOST. */
static json_t *texts_json(GPtrArray *texts, size_t most)
{
    json_t *list = json_array();
    g_ptr_array_sort(texts, text_compare);
    for (guint i = 0; i < texts->len && json_array_size(list) < most; i++) {
        const char *text = g_ptr_array_index(texts, i);
        if (i == 0 || strcmp(text, g_ptr_array_index(texts, i - 1)) != 0)
            json_array_append_new(list, json_string(text));
    }
    return list;
}

/* The groups that GROUPS names, as they are, or as they may be SHOWN. */
static json_t *groups_json(const char *const *groups, bool shown)
{
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; groups[i] && i < GROUPS_MAX; i++) {
        char *text = shown ? name_clean(groups[i], NAME_BYTES_MAX, NAME_LINE) : g_strdup(groups[i]);
        if (text && *text)
            g_ptr_array_add(texts, text);
        else
            g_free(text);
    }
    return texts_json(texts, shown ? ROSTER_GROUPS_MAX : G_MAXSIZE);
}

/* What the list has for ITEM that is shown otherwise, as NAME and GROUPS: what is written to the
 * list later must not lose it. An empty object: it is too much. NULL: nothing. */
static json_t *item_listed(const struct roster_item *item, const char *name, json_t *groups)
{
    json_t *theirs = groups_json(item->groups, false);
    json_t *listed = json_object();
    if (item->name && *item->name && g_strcmp0(item->name, name) != 0)
        json_object_set_new(listed, "name", json_string(item->name));
    if (!json_equal(theirs, groups))
        json_object_set(listed, "groups", theirs);
    size_t count = 0;
    while (count <= GROUPS_MAX && item->groups[count])
        count++;
    char *text = json_dumps(listed, JSON_COMPACT);
    if (count > GROUPS_MAX || (text && strlen(text) > LISTED_MAX))
        json_object_clear(listed);
    else if (json_object_size(listed) == 0)
        g_clear_pointer(&listed, json_decref);
    free(text);
    json_decref(theirs);
    return listed;
}

static void roster_add(const struct roster_item *item, void *data)
{
    static const char *const none[] = {NULL};
    struct roster_item taken = *item;
    g_autofree char *jid = jid_prepare_bare(item->jid);
    if (!jid)
        return;
    if (strcmp(item->subscription, "remove") == 0) {
        taken.name = NULL;
        taken.groups = none;
    }
    g_autofree char *name = taken.name ? name_clean(taken.name, NAME_BYTES_MAX, NAME_LINE) : NULL;
    json_t *groups = groups_json(taken.groups, true);
    json_t *listed = item_listed(&taken, name, groups);
    listed_add(data, json_pack("{s:s, s:s*, s:o, s:o*, s:s, s:b}", "jid", jid, "name", name,
                               "groups", groups, "listed", listed, "subscription",
                               item->subscription, "ask", item->ask));
}

static void roster_take(struct bound_session *session, xmpp_stanza_t *iq, bool whole)
{
    struct listed listed = {.items = json_array()};
    if (roster_parse(iq, roster_add, &listed))
        change_submit(session->bound->core, "bound_roster", &session->account->id,
                      json_pack("{s:O, s:b}", "items", listed.items, "whole", whole && !listed.cut),
                      NULL, NULL);
    json_decref(listed.items);
}

static void roster_answered(xmpp_stanza_t *result, void *data)
{
    struct bound_session *session = asked_end(data);
    if (session && is_result(result))
        roster_take(session, result, true);
}

/* ---- Blocks ---------------------------------------------------------------------------------- */

static void block_add(const char *item, void *data)
{
    g_autofree char *jid = jid_prepare_bare(item);
    if (jid)
        listed_add(data, json_string(jid));
}

static void blocks_take(struct bound_session *session, xmpp_stanza_t *iq)
{
    static const char *const names[] = {[BLOCKS_LIST] = "list",
                                        [BLOCKS_ADDED] = "added",
                                        [BLOCKS_REMOVED] = "removed",
                                        [BLOCKS_CLEARED] = "cleared"};
    struct listed listed = {.items = json_array()};
    enum blocks_change change = blocks_parse(iq, block_add, &listed);
    if (change == BLOCKS_LIST && listed.cut)
        change = BLOCKS_ADDED;
    if (change != BLOCKS_NONE)
        change_submit(session->bound->core, "bound_blocks", &session->account->id,
                      json_pack("{s:s, s:O}", "change", names[change], "items", listed.items), NULL,
                      NULL);
    json_decref(listed.items);
}

static void blocks_answered(xmpp_stanza_t *result, void *data)
{
    struct bound_session *session = asked_end(data);
    if (session && is_result(result))
        blocks_take(session, result);
}

static void carbons_answered(xmpp_stanza_t *result, void *data)
{
    (void)result;
    asked_end(data);
}

/* ---- Beginning, and what comes later --------------------------------------------------------- */

static void session_ask(struct bound_session *session, xmpp_stanza_t *iq, stanza_answer answer)
{
    g_autoptr(xmpp_stanza_t) owned = iq;
    struct asked *asked = g_new0(struct asked, 1);
    asked->core = session->bound->core;
    asked->jid = g_strdup(session->jid);
    if (!bound_inject_ask(session, owned, ANSWER_SECONDS, answer, asked))
        answer(NULL, asked);
}

void bound_mirror_begin(struct bound_session *session)
{
    session_ask(session, roster_build_get(), roster_answered);
    session_ask(session, carbons_build_enable(), carbons_answered);
    session_ask(session, blocks_build_get(), blocks_answered);
}

void bound_mirror_refused(struct bound_session *session, xmpp_stanza_t *error)
{
    const char *id = stanza_attr(error, "id");
    if (id && g_str_has_prefix(id, ROSTER_KIND) &&
        strcmp(stanza_attr(error, "from"), session->jid) == 0)
        session_ask(session, roster_build_get(), roster_answered);
}

bool bound_mirror_push(struct bound_session *session, xmpp_stanza_t *iq)
{
    const char *from = stanza_attr(iq, "from");
    xmpp_stanza_t *payload = stanza_first(iq);
    bool roster = strcmp(stanza_ns(payload), NS_ROSTER) == 0;
    bool blocks = strcmp(stanza_ns(payload), NS_BLOCKING) == 0;
    if (strcmp(stanza_attr(iq, "type"), "set") != 0 || (!roster && !blocks) ||
        strcmp(from, session->jid) != 0) /* RFC 6121, 2.1.6 */
        return false;
    if (roster)
        roster_take(session, iq, false);
    else
        blocks_take(session, iq);
    g_autoptr(xmpp_stanza_t) reply = stanza_reply_result(iq);
    if (reply)
        bound_inject_once(session, reply);
    return true;
}
