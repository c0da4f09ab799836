/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two timers: a slow one ends graces, a fast one, running only while there is something to say,
 * paces the announcements. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/core/part.h"
#include "bridge/loop/loop.h"
#include "bridge/presence/announce.h"
#include "bridge/presence/user_presence.h"
#include "bridge/presence/client.h"
#include "bridge/presence/hosted.h"
#include "bridge/presence/online.h"
#include "xep/0153_vcard_avatar.h"
#include "xep/0203_delay.h"
#include "xep/presence.h"

#define PAGE 200             /* contacts read at once */
#define PACE_MILLISECONDS 10 /* between two accounts */
#define TICK_MILLISECONDS 250
#define RECOVERY_PAGE 500 /* accounts of an earlier process, read at once */
#define SETTLING (3 * G_USEC_PER_SEC)
#define LEFT_SETTLING (20 * G_USEC_PER_SEC)

struct announcer {
    struct core *core;
    struct online *online;
    guint tick;
    guint pace; /* 0 while nothing waits */
    bool busy;  /* `notice` is being told */
    struct online_notice notice;
    unsigned related;           /* of its account, when the contacts were asked for */
    char after[UUID_TEXT_SIZE]; /* recovery: the last account read */
    bool recovering;            /* a page is being read */
    bool recovered;             /* all were read */
    gint64 settled;             /* several instances: when something last changed among them */
};

static const struct part part;

static struct announcer *announcer_of(const struct core *core)
{
    return part_state(core, &part);
}

bool announce_is_online(const struct core *core, const struct account *account)
{
    if (account->bound)
        return account->subscribers != NULL;
    return online_is_shown(announcer_of(core)->online, account) ||
           elsewhere_is_online(core, &account->id);
}

/* PHOTO and DELAY may be NULL. */
static bool send_presence(struct core *core, const struct presence_stanza *presence,
                          const char *photo, const struct delay *delay)
{
    g_autoptr(xmpp_stanza_t) stanza = presence_build(presence);
    if (photo)
        vcard_update_add(stanza, photo);
    if (delay)
        delay_add(stanza, delay);
    return stanza_out(core, stanza);
}

void announce_to(struct core *core, const struct account *account, const char *to, gint64 last_seen)
{
    struct presence_stanza presence = {
        .from = account->full_jid, .to = to, .caps = *client_caps(core, account)};
    struct delay delay = {.stamp_us = last_seen, .from = account->jid};
    if (announce_is_online(core, account)) {
        user_presence_dress(core, account, &presence);
        send_presence(core, &presence, account->photo, NULL);
        return;
    }
    presence =
        (struct presence_stanza){.from = account->jid, .to = to, .type = PRESENCE_UNAVAILABLE};
    send_presence(core, &presence, NULL, last_seen > 0 ? &delay : NULL);
}

void announce_unavailable_to(struct core *core, const struct account *account, const char *to)
{
    struct presence_stanza presence = {
        .from = account->full_jid, .to = to, .type = PRESENCE_UNAVAILABLE};
    send_presence(core, &presence, NULL, NULL);
}

/* ---- One account ----------------------------------------------------------------------------- */

static void contacts_read(const struct rows *rows, enum error_code error, void *data);

static void read_contacts(struct announcer *announcer, const char *after)
{
    const struct online_notice *notice = &announcer->notice;
    gint64 away = notice->available ? 0 : (clock_monotonic() - notice->left) / G_USEC_PER_SEC;
    char seconds[16];
    g_snprintf(seconds, sizeof seconds, "%d", (int)CLAMP(away, 0, 86400));
    announcer->related = notice->account->related;
    const char *values[] = {notice->account->id_text, notice->available ? "true" : "false", seconds,
                            after, G_STRINGIFY(200)};
    G_STATIC_ASSERT(PAGE == 200);
    archive_query(announcer->core->archive, QUERY_CONTACT_ANNOUNCE, values, contacts_read,
                  announcer);
    loop_wake();
}

static void give_back(struct announcer *announcer)
{
    announcer->busy = false;
    online_return(announcer->online, &announcer->notice);
}

static void notice_finish(struct announcer *announcer)
{
    announcer->busy = false;
    g_clear_pointer(&announcer->notice.account, account_unref);
}

static bool notice_tell(struct announcer *announcer, const char *peer)
{
    const struct online_notice *notice = &announcer->notice;
    struct presence_stanza presence = {.from = notice->account->full_jid, .to = peer};
    if (notice->available)
        presence.caps = *client_caps(announcer->core, notice->account);
    else
        presence.type = PRESENCE_UNAVAILABLE;
    user_presence_dress(announcer->core, notice->account, &presence);
    return send_presence(announcer->core, &presence,
                         notice->available ? notice->account->photo : NULL, NULL);
}

static void contacts_read(const struct rows *rows, enum error_code error, void *data)
{
    struct announcer *announcer = data;
    /* Who may see the user may have changed while it was read, and been told of that already. */
    if (error != ERROR_NONE || announcer->related != announcer->notice.account->related) {
        give_back(announcer);
        return;
    }
    int count = rows_count(rows);
    for (int row = 0; row < count; row++) {
        if (!notice_tell(announcer, rows_text(rows, row, CONTACT_ANNOUNCE_PEER))) {
            give_back(announcer); /* from the start, later: hearing it twice does no harm */
            return;
        }
    }
    /* When it has become untrue meanwhile, the opposite already waits for everybody. */
    bool true_still = announcer->notice.available ==
                      online_is_shown(announcer->online, announcer->notice.account);
    if (count == PAGE && true_still)
        read_contacts(announcer, rows_text(rows, count - 1, CONTACT_ANNOUNCE_PEER));
    else
        notice_finish(announcer);
}

/* Another instance says it, or what is to be said is not true there. */
static bool is_for_others(const struct announcer *announcer)
{
    const struct online_notice *notice = &announcer->notice;
    const struct uuid *user = &notice->account->id;
    return notice->available ? !elsewhere_is_ours(announcer->core, user)
                             : elsewhere_is_online(announcer->core, user);
}

static gboolean on_pace(gpointer data)
{
    struct announcer *announcer = data;
    const struct core *core = announcer->core;
    if (announcer->busy)
        return G_SOURCE_CONTINUE;
    if (!core->sinks[SERVICE_USERS].ready(core->sinks[SERVICE_USERS].link) ||
        !archive_is_up(core->archive) || !online_next(announcer->online, &announcer->notice)) {
        announcer->pace = 0; /* the tick starts it again */
        return G_SOURCE_REMOVE;
    }
    if (is_for_others(announcer)) {
        notice_finish(announcer);
        return G_SOURCE_CONTINUE;
    }
    announcer->busy = true;
    read_contacts(announcer, NULL);
    return G_SOURCE_CONTINUE;
}

static void start_pace(struct announcer *announcer)
{
    if (announcer->pace == 0 && online_waiting(announcer->online) > 0)
        announcer->pace = g_timeout_add(PACE_MILLISECONDS, on_pace, announcer);
}

/* ---- What an earlier process had shown ------------------------------------------------------- */

static void stale_read(const struct rows *rows, enum error_code error, void *data)
{
    struct announcer *announcer = data;
    announcer->recovering = false;
    if (error != ERROR_NONE)
        return; /* the tick asks again */
    int count = rows_count(rows);
    for (int row = 0; row < count; row++) {
        struct account_row user = {.jid = rows_text(rows, row, CONTACT_SHOWN_ONLINE_JID),
                                   .name = rows_text(rows, row, CONTACT_SHOWN_ONLINE_NAME),
                                   .facts = rows_text(rows, row, CONTACT_SHOWN_ONLINE_FACTS),
                                   .number = rows_integer(rows, row, CONTACT_SHOWN_ONLINE_NUMBER),
                                   .hosted = true};
        if (rows_uuid(rows, row, CONTACT_SHOWN_ONLINE_ID, &user.id) &&
            !elsewhere_is_online(announcer->core, &user.id))
            online_recovered(announcer->online, account_learn(announcer->core->accounts, &user),
                             clock_monotonic());
    }
    if (count > 0)
        g_strlcpy(announcer->after, rows_text(rows, count - 1, CONTACT_SHOWN_ONLINE_ID),
                  sizeof announcer->after);
    announcer->recovered = count < RECOVERY_PAGE;
}

/* Of several instances, the one that sends the outbox does it, and only once the others had the
 * time to say who is there. */
static bool may_recover(const struct announcer *announcer)
{
    const struct core *core = announcer->core;
    return !bus_instance(core) ||
           (core->sinks[SERVICE_USERS].durable(core->sinks[SERVICE_USERS].link) &&
            clock_monotonic() - announcer->settled > SETTLING);
}

/* Somebody may have left another instance without its saying so. */
static void recover_again(struct announcer *announcer)
{
    *announcer->after = '\0';
    announcer->recovered = false;
    announcer->settled = clock_monotonic();
}

static void instance_changed(struct core *core, const char *instance, bool here, void *data)
{
    (void)core;
    (void)instance;
    (void)here;
    recover_again(data);
}

/* Whoever loses the last sockets at two instances in one moment is announced by neither. */
static void left_elsewhere(struct core *core, const struct uuid *user, bool online, void *data)
{
    struct announcer *announcer = data;
    const struct account *account = account_find(core->accounts, user);
    if (online || !announcer->recovered || (account && account->subscribers))
        return;
    recover_again(announcer);
    announcer->settled += LEFT_SETTLING; /* seldom: all who are shown are looked through */
}

static void stale_recover(struct announcer *announcer)
{
    const char *values[] = {*announcer->after ? announcer->after : NULL, G_STRINGIFY(500)};
    G_STATIC_ASSERT(RECOVERY_PAGE == 500);
    announcer->recovering = true;
    archive_query(announcer->core->archive, QUERY_CONTACT_SHOWN_ONLINE, values, stale_read,
                  announcer);
    loop_wake();
}

/* ---- Start and stop -------------------------------------------------------------------------- */

static gboolean on_tick(gpointer data)
{
    struct announcer *announcer = data;
    const struct core *core = announcer->core;
    online_expire(announcer->online, clock_monotonic());
    if (!core->sinks[SERVICE_USERS].ready(core->sinks[SERVICE_USERS].link) ||
        !archive_is_up(core->archive))
        return G_SOURCE_CONTINUE;
    if (!announcer->recovered && !announcer->recovering && may_recover(announcer))
        stale_recover(announcer);
    start_pace(announcer);
    return G_SOURCE_CONTINUE;
}

static void online_changed(struct core *core, struct account *account, bool online)
{
    struct announcer *announcer = announcer_of(core);
    if (account->bound) { /* its own server tells its contacts */
        user_presence_changed(core, account);
        return;
    }
    if (online)
        online_connected(announcer->online, account);
    else
        online_disconnected(announcer->online, account, clock_monotonic());
    user_presence_changed(core, account);
    start_pace(announcer);
}

static void on_gone(struct account *account, void *data)
{
    const struct announcer *announcer = data;
    user_presence_changed(announcer->core, account);
}

void announce_again(struct core *core, struct account *account)
{
    online_renew(announcer_of(core)->online, account);
    start_pace(announcer_of(core));
}

/* After the link was down nobody knows any more; after a switch capabilities are others. */
static void online_show_again(struct core *core)
{
    online_repeat(announcer_of(core)->online);
    start_pace(announcer_of(core));
}

static const struct part part = {.name = "announcer",
                                 .online_changed = online_changed,
                                 .link_up = online_show_again,
                                 .toggled = online_show_again};

void announce_start(struct core *core)
{
    struct announcer *announcer = g_new0(struct announcer, 1);
    announcer->core = core;
    announcer->online = online_new(core->options->xmpp_presence_grace * G_USEC_PER_SEC);
    online_watch(announcer->online, on_gone, announcer);
    announcer->tick = g_timeout_add(TICK_MILLISECONDS, on_tick, announcer);
    announcer->settled = clock_monotonic();
    bus_watch_instances(core, instance_changed, announcer);
    elsewhere_watch(core, left_elsewhere, announcer);
    part_add(core, &part, announcer);
}

void announce_stop(struct core *core)
{
    struct announcer *announcer = part_remove(core, &part);
    if (!announcer)
        return;
    g_source_remove(announcer->tick);
    if (announcer->pace)
        g_source_remove(announcer->pace);
    account_unref(announcer->notice.account);
    online_free(announcer->online);
    g_free(announcer);
}
