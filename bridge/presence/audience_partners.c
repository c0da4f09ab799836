/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom a user with sockets may see, and who may see the user: read, and compared with what was known. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/core/account.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/loop/loop.h"
#include "bridge/presence/attendee.h"
#include "bridge/presence/audience.h"
#include "bridge/presence/watch.h"

#define PARTNERS 2000        /* of one user */
#define PARTNERS_MAX 1000000 /* in all */
#define READS_MAX 16         /* under way */

static void partner_free(gpointer data)
{
    struct partner *partner = data;
    g_free(partner->jid);
    g_free(partner);
}

static GHashTable *partners_of(const struct rows *rows, struct attendee *attendee)
{
    GHashTable *partners = g_hash_table_new_full(uuid_hash, uuid_equal, NULL, partner_free);
    attendee->hides_last = false;
    attendee->abroad = rows_count(rows) == PARTNERS; /* there may be more */
    for (int row = 0; row < rows_count(rows); row++) {
        struct partner *partner = g_new0(struct partner, 1);
        rows_uuid(rows, row, 0, &partner->id);
        partner->number = rows_integer(rows, row, 1);
        partner->hosted = rows_boolean(rows, row, 3);
        partner->sees = rows_boolean(rows, row, 4);
        partner->sees_last = rows_boolean(rows, row, 5);
        partner->seen = rows_boolean(rows, row, 6);
        if (!partner->hosted && rows_boolean(rows, row, 9))
            partner->jid = g_strdup(rows_text(rows, row, 2));
        attendee->hides_last = attendee->hides_last || !partner->sees_last;
        attendee->abroad = attendee->abroad || (!partner->hosted && rows_boolean(rows, row, 10));
        g_hash_table_replace(partners, &partner->id, partner);
    }
    return partners;
}

/* PARTNER was OLD (NULL: nobody) to the user of ATTENDEE and is NOW (NULL: nobody). The user is told
 * who is seen or not any more; who sees the user is told in the same way, after a read of their own. */
static void compare(struct audience *audience, struct attendee *attendee,
                    const struct partner *old, const struct partner *now)
{
    struct core *core = audience->core;
    const struct account *own = attendee->account;
    bool hosted = now ? now->hosted : old->hosted;
    const struct uuid *id = now ? &now->id : &old->id;
    bool saw = old && old->sees, sees = now && now->sees;
    bool seen_before = old && old->seen, seen = now && now->seen;
    if (old && old->jid && !(now && now->jid))
        watch_remove(core, &own->id, old->jid);
    if (now && now->jid) {
        struct watch_contact contact = {now->jid, &now->id, now->number};
        watch_add(core, own, &contact);
    }
    if (!hosted || (saw == sees && seen_before == seen))
        return;
    struct status theirs = {0};
    if (now)
        theirs = attendee_sees(audience, attendee, now);
    if (seen_before != seen && (theirs.kind != STATUS_OFFLINE || !seen)) {
        g_autoptr(trestle_event) event =
            attendee_event(id, now ? now->number : old->number, &theirs);
        event_deliver(attendee->account, event);
    }
    audience_reload(core, id);
}

static void replace_partners(struct audience *audience, struct attendee *attendee,
                             GHashTable *partners)
{
    GHashTable *old = attendee->partners;
    GHashTableIter iter;
    gpointer value;
    attendee->partners = partners;
    audience->partners += g_hash_table_size(partners);
    g_hash_table_iter_init(&iter, partners);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct partner *partner = value;
        if (old)
            compare(audience, attendee, g_hash_table_lookup(old, &partner->id), partner);
        else if (partner->jid)
            compare(audience, attendee, NULL, partner);
    }
    if (!old)
        return;
    g_hash_table_iter_init(&iter, old);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct partner *partner = value;
        if (!g_hash_table_contains(partners, &partner->id))
            compare(audience, attendee, partner, NULL);
    }
    audience->partners -= g_hash_table_size(old);
    g_hash_table_unref(old);
}

struct reading {
    struct core *core;
    struct uuid user;
};

static void partners_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct reading *reading = data;
    struct audience *audience = reading->core->audience;
    struct attendee *attendee = audience ? attendee_find(audience, &reading->user) : NULL;
    if (audience)
        audience->reading--;
    if (!attendee)
        return;
    attendee->reading = false;
    if (error != ERROR_NONE) {
        audience_reload(reading->core, &reading->user);
        return;
    }
    if (audience->partners + (guint)rows_count(rows) <= PARTNERS_MAX)
        replace_partners(audience, attendee, partners_of(rows, attendee));
    attendee_refresh(audience, attendee);
    attendee_greet(audience, attendee);
    attendees_read(audience);
}

static void read_one(struct audience *audience, struct attendee *attendee)
{
    struct reading *reading = g_new0(struct reading, 1);
    *reading = (struct reading){audience->core, attendee->account->id};
    attendee->reading = true;
    audience->reading++;
    const char *values[] = {attendee->account->id_text, NULL, G_STRINGIFY(2000)};
    G_STATIC_ASSERT(PARTNERS == 2000);
    archive_query(audience->core->archive, QUERY_PRESENCE_PARTNERS, values, partners_read,
                  reading);
    loop_wake();
}

void attendees_read(struct audience *audience)
{
    gint64 now = clock_monotonic();
    if (!audience->core->archive || !archive_is_up(audience->core->archive))
        return; /* the tick tries again */
    for (guint left = audience->reads.length; left > 0 && audience->reading < READS_MAX; left--) {
        struct attendee *attendee = g_queue_pop_head(&audience->reads);
        if (attendee->reading || attendee->read_at > now) {
            g_queue_push_tail(&audience->reads, attendee);
            continue;
        }
        attendee->queued = false;
        read_one(audience, attendee);
    }
}

void attendee_queue_read(struct audience *audience, struct attendee *attendee, gint64 delay)
{
    if (attendee->queued)
        return;
    attendee->queued = true;
    attendee->read_at = clock_monotonic() + delay;
    g_queue_push_tail(&audience->reads, attendee);
}

void audience_reload(struct core *core, const struct uuid *user)
{
    struct attendee *attendee = core->audience ? attendee_find(core->audience, user) : NULL;
    if (attendee)
        attendee_queue_read(core->audience, attendee, RELOAD_DELAY);
}
