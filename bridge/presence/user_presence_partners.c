/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who the partners of a user are, and who of two may see whom: read, and the difference told to
 * both. What an answer shows counts for two users unless a read that began later has shown it
 * already. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/loop/loop.h"
#include "bridge/presence/user_presence.h"
#include "bridge/presence/user_presence_part.h"
#include "bridge/presence/watch.h"

#define PARTNERS 2000     /* of one user */
#define VIEWS_MAX 1000000 /* in all */
#define READS_MAX 512     /* under way; the archive asks for many at once */

#define WAITING_MAX 100000 /* reads of users without sockets here; more are forgotten */

struct read {
    struct uuid user;
    gint64 due;     /* clock_monotonic */
    guint64 number; /* 0: not begun */
    gint64 again;   /* when it is due again, begun meanwhile as it is; 0: not */
};

/* ---- One view -------------------------------------------------------------------------------- */

/* SIDE of VIEW is told what has changed since OLD. */
static void side_told(struct user_presences *presences, const struct visibility *old,
                      const struct visibility *view, unsigned side)
{
    const struct visibility_side *other = &view->side[!side];
    const struct user_presence *presence = user_presence_find(presences, &view->side[side].user);
    if (!presence || !presence->known)
        return; /* is greeted */
    if (old->side[!side].jid && !other->jid)
        watch_remove(presences->core, &view->side[side].user, old->side[!side].jid);
    if (other->jid) {
        struct watch_contact contact = {other->jid, &other->user, other->number};
        watch_add(presences->core, presence->account, &contact);
    }
    if (!other->hosted || old->side[!side].shows == other->shows)
        return;
    struct status status = user_presence_sees(presences, view, side);
    if (other->shows && status.kind == STATUS_OFFLINE)
        return;
    g_autoptr(trestle_event) event = user_presence_event(&other->user, other->number, &status);
    event_deliver(presence->account, event);
}

/* VIEW is NOW: both sides are told. Takes the strings of NOW. */
static void view_change(struct user_presences *presences, struct visibility *view,
                        struct visibility *now)
{
    struct visibility old = *view;
    for (unsigned i = 0; i < 2; i++) {
        now->side[i].link = view->side[i].link;
        struct user_presence *presence = user_presence_find(presences, &view->side[i].user);
        if (presence && !now->side[i].shows_last)
            presence->hides_last = true;
    }
    *view = *now;
    side_told(presences, &old, view, 0);
    side_told(presences, &old, view, 1);
    g_free(old.side[0].jid);
    g_free(old.side[1].jid);
}

/* Nobody sees anybody any more. */
static void view_end(struct user_presences *presences, struct visibility *view)
{
    struct visibility now = *view;
    for (unsigned i = 0; i < 2; i++) {
        now.side[i].jid = NULL;
        now.side[i].shows = now.side[i].shows_last = false;
    }
    view_change(presences, view, &now);
    visibility_remove(presences->views, view);
}

static bool is_here(const struct user_presences *presences, const struct uuid *a,
                    const struct uuid *b)
{
    return user_presence_find(presences, a) || user_presence_find(presences, b);
}

/* What ROW of an answer about READ's user says. */
static void row_learn(struct user_presences *presences, const struct read *read,
                      const struct rows *rows, int row)
{
    struct uuid id;
    rows_uuid(rows, row, PRESENCE_PARTNERS_ID, &id);
    struct visibility *view = visibility_find(presences->views, &read->user, &id);
    if (!view && is_here(presences, &read->user, &id) &&
        visibilities_count(presences->views) < VIEWS_MAX)
        view = visibility_add(presences->views, &read->user, &id);
    if (!view || view->read > read->number)
        return;
    unsigned side = visibility_side_of(view, &read->user);
    struct visibility now = *view;
    struct visibility_side *own = &now.side[side], *other = &now.side[!side];
    now.read = read->number;
    own->jid = NULL;
    own->number = rows_integer(rows, row, PRESENCE_PARTNERS_OWN_NUMBER);
    own->hosted = true;
    own->shows = rows_boolean(rows, row, PRESENCE_PARTNERS_SEES);
    own->shows_last = rows_boolean(rows, row, PRESENCE_PARTNERS_SEES_LAST);
    other->number = rows_integer(rows, row, PRESENCE_PARTNERS_NUMBER);
    other->hosted = rows_boolean(rows, row, PRESENCE_PARTNERS_HOSTED);
    other->shows = rows_boolean(rows, row, PRESENCE_PARTNERS_SEEN);
    other->shows_last = rows_boolean(rows, row, PRESENCE_PARTNERS_SEEN_LAST);
    bool watched = !other->hosted && rows_boolean(rows, row, PRESENCE_PARTNERS_TO_PEER);
    other->jid = watched ? g_strdup(rows_text(rows, row, PRESENCE_PARTNERS_JID)) : NULL;
    view_change(presences, view, &now);
}

/* The other one is no partner, or one of too many: whose own partners are all read is asked. */
static void absence_learn(struct user_presences *presences, const struct read *read, bool whole,
                          struct visibility *view)
{
    const struct uuid *id = &view->side[!visibility_side_of(view, &read->user)].user;
    const struct user_presence *other = user_presence_find(presences, id);
    if (!whole && other && other->whole)
        partners_want(presences, id, RELOAD_DELAY);
    else
        view_end(presences, view);
}

/* ---- One answer ------------------------------------------------------------------------------ */

static void user_presence_learn(struct user_presences *presences, struct user_presence *presence,
                                const struct rows *rows)
{
    bool first = !presence->known;
    presence->known = true;
    presence->whole = rows_count(rows) < PARTNERS;
    presence->abroad = !presence->whole; /* there may be more */
    presence->hides_last = false;
    for (int row = 0; row < rows_count(rows); row++) {
        presence->hides_last =
            presence->hides_last || !rows_boolean(rows, row, PRESENCE_PARTNERS_SEES_LAST);
        presence->abroad =
            presence->abroad || (!rows_boolean(rows, row, PRESENCE_PARTNERS_HOSTED) &&
                                 rows_boolean(rows, row, PRESENCE_PARTNERS_FROM_PEER));
    }
    const struct uuid *own = &presence->account->id;
    for (const GList *node = first ? visibility_list(presences->views, own) : NULL; node;
         node = node->next) {
        const struct visibility *view = node->data;
        const struct visibility_side *other = &view->side[!visibility_side_of(view, own)];
        struct watch_contact contact = {other->jid, &other->user, other->number};
        if (other->jid)
            watch_add(presences->core, presence->account, &contact);
    }
    user_presence_refresh(presences, presence);
    user_presence_greet(presences, presence);
}

static void answer_learn(struct user_presences *presences, const struct read *read,
                         const struct rows *rows)
{
    struct user_presence *presence = user_presence_find(presences, &read->user);
    bool whole = rows_count(rows) < PARTNERS;
    for (int row = 0; row < rows_count(rows); row++)
        row_learn(presences, read, rows, row);
    for (GList *node = visibility_list(presences->views, &read->user), *next; node; node = next) {
        struct visibility *view = node->data;
        next = node->next;
        const struct visibility_side *own = &view->side[visibility_side_of(view, &read->user)];
        if (view->read < read->number && own->hosted) /* one on XMPP has no partners to be read */
            absence_learn(presences, read, whole, view);
    }
    if (presence)
        user_presence_learn(presences, presence, rows);
}

/* ---- Reads ----------------------------------------------------------------------------------- */

struct answer {
    struct core *core;
    struct uuid user;
};

static void partners_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct answer *answer = data;
    struct user_presences *presences = user_presences_of(answer->core);
    struct read *read = presences ? g_hash_table_lookup(presences->reads, &answer->user) : NULL;
    if (!read)
        return; /* stopping */
    if (error == ERROR_NONE)
        answer_learn(presences, read, rows);
    else if (!read->again)
        read->again = clock_monotonic() + RELOAD_DELAY;
    if (read->again) {
        *read = (struct read){.user = read->user, .due = read->again};
        g_queue_push_tail(&presences->waiting, read);
    } else {
        g_hash_table_remove(presences->reads, &answer->user);
    }
    partners_advance(presences);
}

static void read_begin(struct user_presences *presences, struct read *read)
{
    struct answer *answer = g_new0(struct answer, 1);
    *answer = (struct answer){presences->core, read->user};
    read->number = ++presences->begun;
    char id[UUID_TEXT_SIZE];
    uuid_format(&read->user, id);
    const char *values[] = {id, NULL, G_STRINGIFY(2000)};
    G_STATIC_ASSERT(PARTNERS == 2000);
    archive_gather(presences->core->archive, GATHER_PARTNERS, values, partners_read, answer);
}

void partners_advance(struct user_presences *presences)
{
    gint64 now = clock_monotonic();
    if (!presences->core->archive || !archive_is_up(presences->core->archive))
        return; /* the tick tries again */
    for (guint left = presences->waiting.length; left > 0; left--) {
        if (g_hash_table_size(presences->reads) - presences->waiting.length >= READS_MAX)
            return;
        struct read *read = g_queue_pop_head(&presences->waiting);
        if (read->due > now)
            g_queue_push_tail(&presences->waiting, read);
        else
            read_begin(presences, read);
    }
}

void partners_want(struct user_presences *presences, const struct uuid *user, gint64 delay)
{
    struct read *read = g_hash_table_lookup(presences->reads, user);
    gint64 due = clock_monotonic() + delay;
    if (read && read->number) {
        read->again = read->again ? MIN(read->again, due) : due;
    } else if (read) {
        read->due = MIN(read->due, due);
    } else if (presences->waiting.length < WAITING_MAX || user_presence_find(presences, user)) {
        read = g_new0(struct read, 1);
        *read = (struct read){.user = *user, .due = due};
        g_hash_table_insert(presences->reads, &read->user, read);
        g_queue_push_tail(&presences->waiting, read);
    }
}

void partners_leave(struct user_presences *presences, const struct user_presence *presence)
{
    const struct uuid *own = &presence->account->id;
    for (GList *node = visibility_list(presences->views, own), *next; node; node = next) {
        struct visibility *view = node->data;
        next = node->next;
        if (!user_presence_find(presences, &view->side[!visibility_side_of(view, own)].user))
            visibility_remove(presences->views, view);
    }
}

void partners_start(struct user_presences *presences)
{
    presences->views = visibilities_new();
    presences->reads = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, g_free);
    g_queue_init(&presences->waiting);
}

void partners_stop(struct user_presences *presences)
{
    g_queue_clear(&presences->waiting);
    g_hash_table_unref(presences->reads);
    visibilities_free(presences->views);
}
