/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The accounts of other hosts: state, clock, and what comes to it from elsewhere in the process. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/revocation.h"
#include "bridge/account/session.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/bound/admit.h"
#include "bridge/bound/arrival.h"
#include "bridge/bound/bookmark.h"
#include "bridge/bound/displayed.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/holder.h"
#include "bridge/bound/host.h"
#include "bridge/bound/inject.h"
#include "bridge/bound/mirror.h"
#include "bridge/bound/publish.h"
#include "bridge/bound/session.h"
#include "bridge/bound/waiting.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "xep/roster.h"

#define TICK_MILLISECONDS 200
#define RECOVERY_PAGE 500
#define STATE_MAX 4096

static const struct part part;

struct bound *bound_of(const struct core *core)
{
    return part_state(core, &part);
}

/* ---- What accounts are told ------------------------------------------------------------------ */

bool bound_may_enter(const struct core *core, const char *jid)
{
    const struct bound *bound = bound_of(core);
    g_auto(GStrv) allowed = g_strsplit(core->options->bound_allowed, " ", -1);
    if (!bound || !strchr(jid, '@') || !bound_host_of(bound, jid))
        return false;
    return !*core->options->bound_allowed || g_strv_contains((const char *const *)allowed, jid);
}

struct host_look {
    enum host_state state; /* HOST_ABSENT also when there is no such host */
    unsigned has;
    bool archives;
};

/* The host of ACCOUNT, as this instance sees it, or the one that has the link. */
static struct host_look look_of(const struct bound *bound, const struct account *account)
{
    const struct bound_host *host = bound ? bound_host_of(bound, account->jid) : NULL;
    if (!host)
        return (struct host_look){.state = HOST_ABSENT};
    if (bound_holder_is_elsewhere(bound))
        return (struct host_look){host->afar.state, host->afar.has, host->afar.archives};
    return (struct host_look){host->state, host->has, host->archives};
}

enum bound_state bound_state_of(const struct core *core, const struct account *account)
{
    const struct bound *bound = bound_of(core);
    struct host_look look = look_of(bound, account);
    if (look.state == HOST_ABSENT)
        return BOUND_STATE_LACKING;
    if (look.state != HOST_UP)
        return BOUND_STATE_AWAY;
    return look.archives ? BOUND_STATE_FULL : BOUND_STATE_LIMITED;
}

void bound_state_members(struct json_writer *json, const struct core *core,
                         const struct account *account)
{
    static const struct {
        enum bound_has has;
        const char *name;
    } abilities[] = {{BOUND_HAS_BIND, "bind"},
                     {BOUND_HAS_UID, "uid"},
                     {BOUND_HAS_OFFLINE_COPY, "offline_copy"},
                     {BOUND_HAS_PASSWORD_CHANGED, "password_changed"}};
    const struct bound *bound = bound_of(core);
    struct host_look look = look_of(bound, account);
    enum bound_state state = bound_state_of(core, account);
    bool served = state != BOUND_STATE_LACKING;
    json_member_boolean(json, "host_up", state >= BOUND_STATE_LIMITED);
    json_key(json, "features");
    json_begin_array(json);
    json_put_string(json, served && look.archives ? "full" : "limited");
    for (size_t i = 0; served && i < G_N_ELEMENTS(abilities); i++) {
        if (look.has & abilities[i].has)
            json_put_string(json, abilities[i].name);
    }
    json_end_array(json);
}

void bound_state_write(struct buffer *buf, const struct core *core, const struct account *account)
{
    struct json_writer json;
    json_writer_init(&json, buf);
    json_begin_object(&json);
    bound_state_members(&json, core, account);
    json_end_object(&json);
}

static bool account_lacks(const struct core *core, const struct account *account)
{
    return bound_state_of(core, account) == BOUND_STATE_LACKING;
}

static bool account_is_here(const struct core *core, const char *jid)
{
    const struct bound *bound = bound_of(core);
    const struct bound_session *session = bound ? bound_session_find(bound, jid) : NULL;
    return session && session->state == SESSION_BOUND;
}

static void account_tell(struct core *core, struct account *account)
{
    if (!account->subscribers)
        return;
    g_auto(buffer) payload = BUFFER_INIT(STATE_MAX);
    bound_state_write(&payload, core, account);
    g_autoptr(trestle_event) event = event_new(EVENT_ACCOUNT_STATE, 0, clock_wall(), &payload);
    event_deliver(account, event);
}

void bound_host_tell(struct bound_host *host)
{
    GHashTableIter iter;
    gpointer value;
    g_autoptr(GPtrArray) told = g_ptr_array_new_with_free_func((GDestroyNotify)account_unref);
    g_hash_table_iter_init(&iter, host->bound->sessions);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct bound_session *session = value;
        if (session->host == host && session->account)
            g_ptr_array_add(told, account_ref(session->account));
    }
    bound_holder_hosts(host->bound);
    for (guint i = 0; i < told->len; i++)
        account_tell(host->bound->core, g_ptr_array_index(told, i));
}

/* ---- Accounts come and go -------------------------------------------------------------------- */

void bound_account_here(struct core *core, struct account *account)
{
    struct bound *bound = bound_of(core);
    struct bound_session *session =
        bound && account->bound ? bound_session_get(bound, account->jid) : NULL;
    if (!session)
        return;
    bound_session_want(session);
    bound_holder_tell(bound, session->jid, HOLDER_HERE);
}

void bound_account_watch(struct core *core, struct account *account, bool watched)
{
    struct bound *bound = bound_of(core);
    struct bound_session *session = bound ? bound_session_get(bound, account->jid) : NULL;
    if (!session)
        return;
    bound_session_watch(session, watched);
    bound_holder_tell(bound, session->jid, watched ? HOLDER_WATCH : HOLDER_UNWATCH);
}

static void watch_ended(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    (void)error;
    (void)data;
}

static void account_unwatch(struct core *core, const struct account *account)
{
    const char *values[] = {account->id_text, "false"};
    if (core->archive)
        archive_query(core->archive, QUERY_BOUND_WATCH, values, watch_ended, NULL);
}

void bound_account_left(struct core *core, struct account *account, bool everywhere)
{
    struct bound *bound = bound_of(core);
    struct bound_session *session = bound ? bound_session_find(bound, account->jid) : NULL;
    if (everywhere)
        account_unwatch(core, account);
    if (bound)
        bound_holder_tell(bound, account->jid, everywhere ? HOLDER_OUT : HOLDER_LEFT);
    if (session)
        bound_session_signed_out(session, everywhere);
}

static void ended_revoked(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    struct core *core = data;
    if (error == ERROR_NONE && core->archive)
        revocations_added(core->sessions, NULL, NULL);
    else
        log_warning(AREA_AUTH, "bound-not-signed-out", "code=%s", error_info(error)->code);
}

void bound_account_ended(struct core *core, struct account *account)
{
    if (!account || !core->archive)
        return;
    const char *values[] = {account->id_text, NULL, NULL};
    archive_query(core->archive, QUERY_SESSION_CLOSE_ALL, values, ended_revoked, core);
    account_unwatch(core, account);
}

static void online_changed(struct core *core, struct account *account, bool online)
{
    struct bound *bound = bound_of(core);
    struct bound_session *session =
        bound && account->bound ? bound_session_get(bound, account->jid) : NULL;
    if (!session)
        return;
    session->online = online;
    if (online)
        session->bookmarks_at = 0;
    session->left = clock_monotonic();
    if (online)
        bound_holder_tell(bound, session->jid, HOLDER_HERE);
}

/* ---- The link and the clock ------------------------------------------------------------------ */

static void link_up(struct core *core)
{
    struct bound *bound = bound_of(core);
    if (!bound)
        return;
    bound_hosts_lost(bound);
    bound_hosts_tick(bound, clock_monotonic());
    bound_holder_link_up(bound);
}

static void link_down(struct core *core)
{
    struct bound *bound = bound_of(core);
    if (!bound)
        return;
    bound_inject_lost(bound);
    bound_sessions_lost(bound, NULL);
    bound_hosts_lost(bound);
}

/* Accounts that are to be bound whether somebody is there or not. */
static void recovery_read(const struct rows *rows, enum error_code error, void *data)
{
    struct core *core = data;
    struct bound *bound = bound_of(core);
    if (!bound)
        return;
    bound->recovering = false;
    if (error != ERROR_NONE)
        return; /* the tick asks again */
    int count = rows_count(rows);
    for (int row = 0; row < count; row++)
        bound_session_get(bound, rows_text(rows, row, BOUND_WANTED_JID));
    if (count > 0)
        g_strlcpy(bound->recover_after, rows_text(rows, count - 1, BOUND_WANTED_ID),
                  sizeof bound->recover_after);
    bound->recovered = count < RECOVERY_PAGE;
}

static void accounts_recover(struct bound *bound)
{
    const char *values[] = {*bound->recover_after ? bound->recover_after : NULL, G_STRINGIFY(500)};
    G_STATIC_ASSERT(RECOVERY_PAGE == 500);
    bound->recovering = true;
    archive_query(bound->core->archive, QUERY_BOUND_WANTED, values, recovery_read, bound->core);
}

static gboolean on_tick(gpointer data)
{
    struct bound *bound = data;
    gint64 now = clock_monotonic();
    if (!bound->core->archive)
        return G_SOURCE_CONTINUE;
    if (!bound->recovered && !bound->recovering && archive_is_up(bound->core->archive))
        accounts_recover(bound);
    bound_hosts_tick(bound, now);
    bound_sessions_tick(bound, now);
    bound_inject_tick(bound, now);
    return G_SOURCE_CONTINUE;
}

static void clock_stop(struct core *core)
{
    struct bound *bound = bound_of(core);
    if (bound && bound->tick) {
        g_source_remove(bound->tick);
        bound->tick = 0;
    }
    if (bound)
        bound_admit_drain(bound);
}

/* ---- Outgoing -------------------------------------------------------------------------------- */

static xmpp_stanza_t *block_build(const struct outbox_entry *entry, bool block)
{
    g_autofree char *id = outbox_entry_id(entry);
    xmpp_stanza_t *iq = blocks_build_set(block, entry->to);
    stanza_set(iq, "id", id);
    stanza_set(iq, "from", entry->from);
    return iq;
}

static xmpp_stanza_t *build_block(const struct outbox_entry *entry)
{
    return block_build(entry, true);
}

static xmpp_stanza_t *build_unblock(const struct outbox_entry *entry)
{
    return block_build(entry, false);
}

static xmpp_stanza_t *contact_build(const struct outbox_entry *entry, bool removed)
{
    g_autofree char *id = outbox_entry_id(entry);
    json_t *facts = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    g_autofree const char **groups = field_texts(json_object_get(facts, "groups"));
    const struct roster_item item = {.jid = entry->to,
                                     .name = json_string_value(json_object_get(facts, "name")),
                                     .groups = groups,
                                     .subscription = removed ? "remove" : NULL};
    xmpp_stanza_t *iq = roster_build_set(&item);
    stanza_set(iq, "id", id);
    stanza_set(iq, "from", entry->from);
    json_decref(facts);
    return iq;
}

static xmpp_stanza_t *build_contact(const struct outbox_entry *entry)
{
    return contact_build(entry, false);
}

static xmpp_stanza_t *build_contact_removed(const struct outbox_entry *entry)
{
    return contact_build(entry, true);
}

static const struct outgoing outgoing[] = {
    {.kind = ROSTER_KIND "item", .build = build_contact},
    {.kind = ROSTER_KIND "remove", .build = build_contact_removed},
    {.kind = "block", .build = build_block},
    {.kind = "unblock", .build = build_unblock},
    {.kind = "bookmark", .build = bound_bookmark_build},
    {.kind = "own.nick", .build = bound_publish_nick},
    {.kind = "own.picture", .build = bound_publish_picture},
    {.kind = "own.avatar", .build = bound_publish_avatar},
    {0},
};

/* ---- Start and stop -------------------------------------------------------------------------- */

static void bound_start(struct core *core)
{
    if (!*core->options->bound_hosts)
        return;
    struct bound *bound = g_new0(struct bound, 1);
    bound->core = core;
    bound->hosts = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, bound_host_free);
    bound->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, bound_session_free);
    g_queue_init(&bound->queue);
    bound_hosts_open(bound);
    bound_inject_open(bound);
    bound_admit_open(bound);
    core->sessions->admit = bound_admit;
    core->sessions->admit_data = core;
    core->bound_lacks = account_lacks;
    core->bound_is_here = account_is_here;
    bound->tick = g_timeout_add(TICK_MILLISECONDS, on_tick, bound);
    part_add(core, &part, bound);
    bound_holder_start(bound);
}

static void bound_stop(struct core *core)
{
    struct bound *bound = bound_of(core);
    if (!bound)
        return;
    clock_stop(core);
    if (bound->pace)
        g_source_remove(bound->pace);
    bound_inject_close(bound);
    bound_admit_close(bound);
    part_remove(core, &part);
    g_queue_clear(&bound->queue);
    g_hash_table_unref(bound->sessions);
    g_hash_table_unref(bound->hosts);
    g_free(bound);
}

static const struct part part = {.name = "bound",
                                 .app_read = bound_displayed_read,
                                 .online_changed = online_changed,
                                 .link_up = link_up,
                                 .link_down = link_down,
                                 .drain = clock_stop};

const struct feature feature_bound = {.name = "bound",
                                      .part = &part,
                                      .stanzas = bound_stanzas,
                                      .outgoing = outgoing,
                                      .jobs = bound_jobs,
                                      .start = bound_start,
                                      .stop = bound_stop};
