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
#include "xep/roster.h"

#define ANSWER_SECONDS 60
#define ITEMS_MAX 10000

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

static void roster_add(const struct roster_item *item, void *data)
{
    g_autofree char *jid = jid_prepare_bare(item->jid);
    if (jid)
        listed_add(data, json_pack("{s:s, s:s, s:b}", "jid", jid, "subscription",
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
