/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the archives of bound accounts hold becomes messages, edits, reactions, marks: a page is
 * read, each stanza passes through the table of handlers like one that came, and when all that they
 * have written is committed, the archive's row says how far that was. A page that was cut short is
 * done again: what is there already is known by its uid, or changes nothing. One instance does
 * this. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/bound/fold.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/lease.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/mark.h"
#include "bridge/core/part.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0184_receipts.h"
#include "xep/0308_correction.h"
#include "xep/0333_markers.h"
#include "xep/0424_retraction.h"
#include "xep/0444_reactions.h"
#include "xep/0466_ephemeral.h"
#include "xep/jid.h"
#include "xep/message.h"
#include "xep/stanza_read.h"

#define PAGE "64"
#define PAGE_BYTES "2097152"
#define TICK 5                     /* milliseconds, while there is something to do */
#define IDLE (G_USEC_PER_SEC)      /* between looks when there was nothing */
#define HURRY (50 * 1000)          /* the same for a while after a wake: its row may be late */
#define ALERT (2 * G_USEC_PER_SEC) /* that while */

enum fold_state {
    FOLD_IDLE,     /* until `at` */
    FOLD_READING,  /* a page */
    FOLD_GOING,    /* through the page */
    FOLD_SETTLING, /* until what was written is committed */
    FOLD_NOTING    /* how far that was */
};

struct filed {
    struct stanza_filed known;
    gint64 place;
    char *stanza; /* NULL: there is nothing to fold */
    bool is_outgoing;
    bool is_history; /* somebody else said it before the account was used here */
};

struct fold {
    struct core *core;
    struct lease *lease; /* NULL: this is the only instance */
    guint timer;
    guint interval; /* of the timer, milliseconds */
    enum fold_state state;
    gint64 at, alert_until;
    gint64 owner_id, after; /* the archive of the page; from which one the next is looked for */
    char *owner;
    GPtrArray *page; /* struct filed *, owned */
    guint next;      /* of the page */
    struct archive_progress begun;
    guint64 awaited; /* writes that are to be settled */
    bool followed;   /* those are what followed from the others */
    bool clear;      /* all that was begun is committed */
    bool marked;     /* history of the page is */
};

static const struct part part;

static void fold_tick(struct fold *fold);

static void filed_free(gpointer data)
{
    struct filed *filed = data;
    g_free(filed->stanza);
    g_free(filed);
}

static gboolean on_timer(gpointer data)
{
    fold_tick(data);
    return G_SOURCE_CONTINUE;
}

/* Quick while something is under way. */
static void timer_set(struct fold *fold, guint interval)
{
    if (fold->timer && fold->interval == interval)
        return;
    if (fold->timer)
        g_source_remove(fold->timer);
    fold->interval = interval;
    fold->timer = g_timeout_add(interval, on_timer, fold);
}

static void fold_rest(struct fold *fold, gint64 pause)
{
    gint64 now = clock_monotonic();
    fold->state = FOLD_IDLE;
    fold->at = now + (now < fold->alert_until ? MIN(pause, HURRY) : pause);
    timer_set(fold, 50);
}

/* ---- One stanza ------------------------------------------------------------------------------ */

/* Whether it is about another message, which then has to be there, or says how far somebody has
 * come. */
static bool stanza_refers(xmpp_stanza_t *message)
{
    static const char *const about[] = {NS_REACTIONS, NS_CORRECTION, NS_RETRACT,
                                        NS_FASTEN,    NS_EPHEMERAL,  NULL};
    for (xmpp_stanza_t *child = stanza_first(message); child; child = stanza_next(child)) {
        const char *ns = stanza_ns(child);
        bool asks =
            stanza_is(child, "request", NS_RECEIPTS) || stanza_is(child, "markable", NS_MARKERS);
        if (g_strv_contains(about, ns) ||
            (!asks && (strcmp(ns, NS_RECEIPTS) == 0 || strcmp(ns, NS_MARKERS) == 0)))
            return true;
    }
    return false;
}

/* Whether the server that keeps the archive may say that. It speaks for the archive's owner alone:
 * nobody else hears or says anything by it, and what users of our own say is known here. */
static bool stanza_is_believed(const struct fold *fold, const struct filed *filed,
                               xmpp_stanza_t *stanza)
{
    const char *from = stanza_attr(stanza, "from");
    const char *own = filed->is_outgoing ? from : stanza_attr(stanza, "to");
    g_autofree char *sender = jid_prepare_bare(from);
    const char *at = sender ? strchr(sender, '@') : NULL;
    return jid_same_bare(own, fold->owner) &&
           (!at || strcmp(at + 1, fold->core->options->xmpp_domain) != 0);
}

/* NULL: it cannot be read as a message between two. The archive keeps it as it is. */
static xmpp_stanza_t *stanza_of(const struct fold *fold, const struct filed *filed)
{
    char id[UUID_TEXT_SIZE];
    g_autoptr(xmpp_stanza_t) stanza = stanza_from_text(filed->stanza, strlen(filed->stanza));
    const char *type = stanza ? stanza_attr(stanza, "type") : NULL;
    bool usable = stanza && strcmp(stanza_name(stanza), "message") == 0 &&
                  g_strcmp0(type, "error") != 0 && g_strcmp0(type, "groupchat") != 0;
    xmpp_stanza_t *of_room = usable ? stanza_child(stanza, "x", NS_MUC_USER) : NULL;
    if (of_room && !stanza_first(of_room))
        return NULL; /* what was said in private in a room is of the archive alone */
    if (usable && !stanza_attr(stanza, "from"))
        stanza_set(stanza, "from", fold->owner);
    if (usable && !stanza_attr(stanza, "to"))
        stanza_set(stanza, "to", fold->owner);
    if (usable && jid_is_valid(stanza_attr(stanza, "from")) &&
        jid_is_valid(stanza_attr(stanza, "to")) && stanza_is_believed(fold, filed, stanza))
        return g_steal_pointer(&stanza);
    uuid_format(&filed->known.uid, id);
    log_info(AREA_STANZA, "not-folded", "archive=%s id=%s", fold->owner, id);
    return NULL;
}

/* ---- A page ---------------------------------------------------------------------------------- */

static void page_noted(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    struct fold *fold = part_state(data, &part);
    if (!fold)
        return;
    fold->after = fold->owner_id;
    if (error == ERROR_NONE)
        fold->state = FOLD_IDLE; /* and `at` has passed: the next page */
    else
        fold_rest(fold, IDLE);
}

static void page_note(struct fold *fold)
{
    const struct filed *last = g_ptr_array_index(fold->page, fold->page->len - 1);
    char owner[24], place[24];
    g_snprintf(owner, sizeof owner, "%" G_GINT64_FORMAT, fold->owner_id);
    g_snprintf(place, sizeof place, "%" G_GINT64_FORMAT, last->place);
    const char *values[] = {owner, place};
    fold->state = FOLD_NOTING;
    archive_query(fold->core->archive, QUERY_FOLD_DONE, values, page_noted, fold->core);
}

static void settle_begin(struct fold *fold)
{
    struct archive_progress progress;
    archive_get_progress(fold->core->archive, &progress);
    fold->awaited = progress.queued;
    fold->followed = false;
    fold->state = FOLD_SETTLING;
}

/* What was said before the account came here is no news. */
static void history_mark(struct fold *fold)
{
    for (guint i = 0; i < fold->page->len; i++) {
        const struct filed *filed = g_ptr_array_index(fold->page, i);
        if (filed->is_history)
            message_marked(fold->core, fold->owner, &filed->known.uid, true);
    }
}

static void page_settled(struct fold *fold)
{
    fold->clear = true;
    if (fold->next < fold->page->len) {
        fold->state = FOLD_GOING;
    } else if (!fold->marked) {
        fold->marked = true;
        history_mark(fold);
        settle_begin(fold);
    } else {
        page_note(fold);
    }
}

/* Goes on when everything is committed: what was written, and what the end of that has written. */
static void settle_look(struct fold *fold)
{
    struct archive_progress progress;
    archive_get_progress(fold->core->archive, &progress);
    if (progress.lost != fold->begun.lost) { /* perhaps ours: once more, from where it was */
        fold_rest(fold, IDLE);
    } else if (progress.settled >= fold->awaited && fold->followed) {
        page_settled(fold);
    } else if (progress.settled >= fold->awaited) {
        fold->awaited = progress.queued;
        fold->followed = true;
    }
}

static void page_go(struct fold *fold)
{
    bool refers = false;
    while (fold->next < fold->page->len && !refers) {
        const struct filed *filed = g_ptr_array_index(fold->page, fold->next);
        g_autoptr(xmpp_stanza_t) stanza = filed->stanza ? stanza_of(fold, filed) : NULL;
        refers = stanza && stanza_refers(stanza);
        if (refers && !fold->clear)
            break; /* what is before it has to be there first */
        fold->next++;
        if (!stanza)
            continue;
        dispatch_filed(fold->core->dispatch, stanza, &filed->known);
        fold->clear = false;
    }
    settle_begin(fold);
}

static void filed_add(struct fold *fold, const struct rows *rows, int row)
{
    struct filed *filed = g_new0(struct filed, 1);
    filed->place = rows_integer(rows, row, FOLD_PAGE_PLACE);
    filed->known.stamp = rows_integer(rows, row, FOLD_PAGE_STAMP);
    if (!rows_boolean(rows, row, FOLD_PAGE_KNOWN) &&
        rows_uuid(rows, row, FOLD_PAGE_UID, &filed->known.uid)) {
        filed->stanza = g_strdup(rows_text(rows, row, FOLD_PAGE_STANZA));
        filed->is_outgoing = rows_boolean(rows, row, FOLD_PAGE_OUTGOING);
        filed->is_history = rows_boolean(rows, row, FOLD_PAGE_HISTORY) && !filed->is_outgoing;
    }
    g_ptr_array_add(fold->page, filed);
}

static void page_read(const struct rows *rows, enum error_code error, void *data)
{
    struct fold *fold = part_state(data, &part);
    if (!fold)
        return;
    int count = error == ERROR_NONE ? rows_count(rows) : 0;
    if (count == 0) {
        bool again = error == ERROR_NONE && fold->after > 0;
        fold->after = 0;
        fold_rest(fold, again ? 0 : IDLE);
        return;
    }
    g_ptr_array_set_size(fold->page, 0);
    fold->next = 0;
    fold->clear = true;
    fold->marked = false;
    fold->owner_id = rows_integer(rows, 0, FOLD_PAGE_OWNER_ID);
    g_free(fold->owner);
    fold->owner = g_strdup(rows_text(rows, 0, FOLD_PAGE_OWNER));
    for (int row = 0; row < count; row++)
        filed_add(fold, rows, row);
    archive_get_progress(fold->core->archive, &fold->begun);
    fold->state = FOLD_GOING;
    timer_set(fold, TICK);
    fold_tick(fold);
}

static void page_ask(struct fold *fold)
{
    char after[24];
    g_snprintf(after, sizeof after, "%" G_GINT64_FORMAT, fold->after);
    const char *values[] = {after, fold->core->options->xmpp_domain, PAGE, PAGE_BYTES};
    fold->state = FOLD_READING;
    archive_query(fold->core->archive, QUERY_FOLD_PAGE, values, page_read, fold->core);
}

/* ---- The clock ------------------------------------------------------------------------------- */

static void fold_tick(struct fold *fold)
{
    if (!fold->core->archive || (fold->lease && !lease_is_held(fold->lease)))
        return;
    if (fold->state == FOLD_SETTLING)
        settle_look(fold);
    if (fold->state == FOLD_GOING)
        page_go(fold);
    if (fold->state == FOLD_IDLE && clock_monotonic() >= fold->at &&
        archive_is_up(fold->core->archive))
        page_ask(fold);
}

void fold_wake(struct core *core)
{
    struct fold *fold = part_state(core, &part);
    if (!fold)
        return;
    gint64 now = clock_monotonic();
    fold->alert_until = now + ALERT;
    fold->at = MIN(fold->at, now + 2 * 1000);
    if (fold->state == FOLD_IDLE)
        timer_set(fold, TICK);
}

static void lease_changed(void *data)
{
    struct fold *fold = data;
    if (fold->state == FOLD_GOING || fold->state == FOLD_SETTLING)
        fold_rest(fold, 0);
}

/* ---- Start and stop -------------------------------------------------------------------------- */

static void fold_start(struct core *core)
{
    static const struct lease_callbacks callbacks = {lease_changed, lease_changed};
    if (!*core->options->bound_hosts)
        return;
    struct fold *fold = g_new0(struct fold, 1);
    fold->core = core;
    fold->page = g_ptr_array_new_with_free_func(filed_free);
    if (bus_instance(core))
        fold->lease = lease_new(core, "fold", &callbacks, fold);
    fold_rest(fold, 0);
    part_add(core, &part, fold);
}

static void fold_leave(struct core *core)
{
    struct fold *fold = part_state(core, &part);
    if (fold && fold->timer) {
        g_source_remove(fold->timer);
        fold->timer = 0;
    }
}

static void fold_stop(struct core *core)
{
    struct fold *fold = part_state(core, &part);
    if (!fold)
        return;
    fold_leave(core);
    part_remove(core, &part);
    lease_free(fold->lease);
    g_ptr_array_unref(fold->page);
    g_free(fold->owner);
    g_free(fold);
}

static const struct part part = {.name = "fold", .drain = fold_leave};

const struct feature feature_fold = {
    .name = "fold", .part = &part, .start = fold_start, .stop = fold_stop};
