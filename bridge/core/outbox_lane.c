/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending what the outbox holds for one link, in order, and clearing what is proven to be read
 * (XEP-0114 has no acknowledgement; streams are processed in order, so the answer to a ping is one)
 * and has been for the time that the server may need to write it down (xmpp.keep). */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/outbox.h"
#include "bridge/core/outbox_lane.h"
#include "bridge/core/part.h"
#include "bridge/loop/loop.h"
#include "xep/stanza.h"

#define PAGE 128        /* rows read at once when catching up */
#define UNPROVEN_MAX 64 /* stanzas after which a ping is sent without waiting for the tick */
#define WINDOW                                                                                     \
    256 /* stanzas that may be on the way unproven: a slow server must be able to                  \
         * answer the ping behind them before the link counts as broken */
#define KEEP_TICKS_MAX (60 * 1000 / OUTBOX_LANE_TICK) /* of the longest xmpp.keep */

/* Entries go in the order of position, those of one position in that of n. */
struct place {
    gint64 position;
    int n;
};

struct outbox_lane {
    struct core *core;
    enum service service;   /* whose link it sends by */
    char *kinds;            /* of this service, as an array of SQL */
    char *foreign;          /* those of other services */
    struct place sent;      /* of the last entry sent on this stream */
    struct place ever_sent; /* of the last one sent on any stream: beyond it nothing is a resend */
    gint64 newest;          /* highest position known to be committed */
    struct place read;      /* up to which the server has read */
    struct place settled;   /* up to which that is long enough ago: rows are (being) deleted */
    struct place kept[KEEP_TICKS_MAX]; /* `read` at the last ticks, a ring */
    unsigned keep_ticks, oldest;
    unsigned clearing; /* deletions under way */
    bool uncleared;    /* a deletion failed: the tick repeats it */
    bool behind;       /* entries after `sent` are to be read from the database */
    bool reading;
    bool pinging;
    struct place ping_covers;
    unsigned unproven;           /* sent since the last ping */
    unsigned pinged;             /* sent before the ping that is out */
    unsigned stream;             /* counts streams: answers to an older one are void */
    char fence[24];              /* several instances: the epoch as text; empty: none */
    bool telling;                /* the instance that sends is told at the end of this turn */
    xmpp_stanza_t *stanza;       /* of `first`, while a page is sent; NULL: none */
    struct outbox_entry first;   /* borrows from the page */
    void (*drained)(void *data); /* outbox_lane_drain(); NULL: not draining */
    void *drained_data;
    guint drain_timer;
};

struct page {
    struct outbox_lane *lane;
    unsigned stream;
    gint64 newest; /* of the lane when the page was asked for: the page holds all up to it */
};

static void read_page(struct outbox_lane *lane);
static void lane_ping(struct outbox_lane *lane);
static void lane_empty(struct outbox_lane *lane);

/* The kinds that are of SERVICE, or those that are not, as an array of SQL. They are plain words.
 */
static char *outgoing_kinds(const struct core *core, enum service service, bool own)
{
    GString *kinds = g_string_new("{");
    for (const struct outgoing *const *table = core->outgoing; table && *table; table++) {
        for (const struct outgoing *row = *table; row->kind; row++) {
            if ((row->service == service) == own)
                g_string_append_printf(kinds, "%s%s", kinds->len > 1 ? "," : "", row->kind);
        }
    }
    g_string_append_c(kinds, '}');
    return g_string_free(kinds, FALSE);
}

static struct place place_of(const struct outbox_entry *entry)
{
    return (struct place){entry->position, entry->n};
}

static int place_compare(struct place a, struct place b)
{
    if (a.position != b.position)
        return a.position < b.position ? -1 : 1;
    return (a.n > b.n) - (a.n < b.n);
}

static struct place place_later(struct place a, struct place b)
{
    return place_compare(a, b) < 0 ? b : a;
}

static void place_format(struct place place, char ret_position[24], char ret_n[16])
{
    g_snprintf(ret_position, 24, "%" G_GINT64_FORMAT, place.position);
    g_snprintf(ret_n, 16, "%d", place.n);
}

static void pass_over(const struct outbox_entry *entry)
{
    log_warning(AREA_CORE, "outbox-kind-unknown", "position=%" G_GINT64_FORMAT " kind=\"%s\"",
                entry->position, entry->kind);
    metric_add(METRIC_OUTBOX_UNKNOWN, 1);
}

/* The link will never take this one; it must not hold up everything behind it. */
static void give_up_entry(struct outbox_lane *lane, const struct outgoing *row,
                          const struct outbox_entry *entry)
{
    log_error(AREA_CORE, "outbox-entry-illegal", "position=%" G_GINT64_FORMAT " kind=%s",
              entry->position, entry->kind);
    if (row->refused)
        row->refused(lane->core, entry);
}

/* ---- Copies ---------------------------------------------------------------------------------- */

static void copies_end(struct outbox_lane *lane)
{
    if (lane->stanza)
        xmpp_stanza_release(lane->stanza);
    lane->stanza = NULL;
}

/* Whether ENTRY says what `first` says, perhaps to somebody else. */
static bool is_copy(const struct outbox_lane *lane, const struct outbox_entry *entry)
{
    const struct outbox_entry *first = &lane->first;
    return lane->stanza && first->position == entry->position &&
           g_strcmp0(first->kind, entry->kind) == 0 && g_strcmp0(first->from, entry->from) == 0 &&
           strcmp(first->id, entry->id) == 0 &&
           g_strcmp0(first->reference, entry->reference) == 0 &&
           ((!entry->payload && *entry->id) || g_strcmp0(first->payload, entry->payload) == 0);
}

/* The stanza of ENTRY, which is in a page; the caller owns it. */
static xmpp_stanza_t *entry_build(struct outbox_lane *lane, const struct outgoing *row,
                                  const struct outbox_entry *entry)
{
    if (!row->copies)
        return row->build(entry);
    if (is_copy(lane, entry)) {
        xmpp_stanza_set_to(lane->stanza, entry->to);
        return xmpp_stanza_clone(lane->stanza);
    }
    copies_end(lane);
    lane->stanza = row->build(entry);
    lane->first = *entry;
    return lane->stanza ? xmpp_stanza_clone(lane->stanza) : NULL;
}

static bool entry_is_message(const struct outbox_entry *entry)
{
    return strcmp(entry->kind, "message") == 0 || strcmp(entry->kind, "content") == 0 ||
           strcmp(entry->kind, "room_message") == 0;
}

/* Microseconds since its message came here; read from the log, by the clocks of the database and of
 * this machine. */
static gint64 entry_age(const struct outbox_entry *entry)
{
    if (entry->accepted > 0)
        return clock_monotonic() - entry->accepted;
    return entry->created > 0 ? MAX(clock_wall() - entry->created, 0) : 0;
}

/* False: the link takes no more now. */
static bool hand_over(struct outbox_lane *lane, const struct outgoing *row,
                      const struct outbox_entry *entry)
{
    g_autoptr(xmpp_stanza_t) stanza = entry_build(lane, row, entry);
    const struct stanza_sink *sink = stanza && lane->core->bound.send
                                         ? stanza_sink_of(lane->core, stanza)
                                         : &lane->core->sinks[lane->service];
    if (stanza && lane->core->bound_mark)
        lane->core->bound_mark(lane->core, stanza);
    enum sink_result (*send)(void *link, xmpp_stanza_t *stanza) =
        row->copies && sink->copy ? sink->copy : sink->send;
    enum sink_result result = stanza ? send(sink->link, stanza) : SINK_NEVER;
    if (result == SINK_LATER)
        return false;
    if (result == SINK_NEVER)
        give_up_entry(lane, row, entry);
    else if (row->sent)
        row->sent(lane->core, entry);
    bool again = place_compare(place_of(entry), lane->ever_sent) <= 0;
    metric_add(METRIC_OUTBOX_RESENT, again);
    if (!again && result == SINK_SENT && entry_is_message(entry))
        metric_observe_of(METRIC_DELIVERY, "xmpp", entry_age(entry));
    lane->unproven++;
    return true;
}

static bool send_entry(struct outbox_lane *lane, const struct outbox_entry *entry)
{
    if (lane->unproven + lane->pinged >= WINDOW)
        return false;
    const struct outgoing *row = outbox_find_kind(lane->core, entry->kind);
    if (!row)
        pass_over(entry);
    else if (!hand_over(lane, row, entry))
        return false;
    lane->sent = place_of(entry);
    lane->ever_sent = place_later(lane->ever_sent, lane->sent);
    return true;
}

static bool sink_ready(const struct outbox_lane *lane)
{
    const struct stanza_sink *sink = &lane->core->sinks[lane->service];
    if (sink->durable)
        return sink->durable(sink->link);
    return sink->ready && sink->ready(sink->link);
}

static void entry_of_row(const struct rows *rows, int row, struct outbox_entry *ret_entry)
{
    const char *id = rows_text(rows, row, OUTBOX_PAGE_MESSAGE_ID);
    *ret_entry = (struct outbox_entry){.position = rows_integer(rows, row, OUTBOX_PAGE_POSITION),
                                       .n = (int)rows_integer(rows, row, OUTBOX_PAGE_N),
                                       .kind = rows_text(rows, row, OUTBOX_PAGE_KIND),
                                       .from = rows_text(rows, row, OUTBOX_PAGE_FROM_JID),
                                       .to = rows_text(rows, row, OUTBOX_PAGE_TO_ADDRESS),
                                       .reference = rows_text(rows, row, OUTBOX_PAGE_REFERENCE),
                                       .payload = rows_text(rows, row, OUTBOX_PAGE_PAYLOAD),
                                       .created = rows_integer(rows, row, OUTBOX_PAGE_CREATED)};
    g_strlcpy(ret_entry->id, id ? id : "", sizeof ret_entry->id);
}

/* Sends the rows of a page; false when the link took no more. */
static bool send_rows(struct outbox_lane *lane, const struct rows *rows)
{
    bool taken = true;
    for (int row = 0; row < rows_count(rows) && taken; row++) {
        struct outbox_entry entry;
        entry_of_row(rows, row, &entry);
        taken = send_entry(lane, &entry);
    }
    copies_end(lane);
    return taken;
}

static void page_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct page *page = data;
    struct outbox_lane *lane = page->lane;
    lane->reading = false;
    if (error != ERROR_NONE || !sink_ready(lane))
        return; /* the tick tries again */
    if (page->stream != lane->stream) {
        read_page(lane);
        return;
    }
    bool sent = send_rows(lane, rows);
    lane->newest = MAX(lane->newest, lane->sent.position);
    if (sent && rows_count(rows) < PAGE)
        lane->behind = lane->newest > MAX(page->newest, lane->sent.position);
    if (lane->unproven > 0)
        lane_ping(lane);
    if (sent && lane->behind)
        read_page(lane);
}

static void read_page(struct outbox_lane *lane)
{
    if (lane->reading || !sink_ready(lane))
        return;
    struct page *page = g_new0(struct page, 1);
    page->lane = lane;
    page->stream = lane->stream;
    page->newest = lane->newest;
    char position[24], n[16];
    place_format(lane->sent, position, n);
    /* What is of no service is passed over by the users' lane, once. */
    const char *only = lane->service == SERVICE_USERS ? NULL : lane->kinds;
    const char *values[] = {position, n, G_STRINGIFY(128), only, lane->foreign};
    G_STATIC_ASSERT(PAGE == 128);
    lane->reading = true;
    archive_query(lane->core->archive, QUERY_OUTBOX_PAGE, values, page_read, page);
}

static void lane_drained(struct outbox_lane *lane)
{
    void (*done)(void *data) = lane->drained;
    lane->drained = NULL;
    if (lane->drain_timer > 0)
        g_source_remove(lane->drain_timer);
    lane->drain_timer = 0;
    if (done)
        done(lane->drained_data);
}

static void rows_cleared(const struct rows *rows, enum error_code error, void *data)
{
    struct outbox_lane *lane = data;
    bool other_log = error == ERROR_NONE && rows_count(rows) == 1 &&
                     !rows_boolean(rows, 0, OUTBOX_DELIVERED_CLEARED);
    if (error != ERROR_NONE || other_log) {
        log_info(AREA_CORE, "outbox-not-cleared", "code=%s",
                 other_log ? "other-log" : error_info(error)->code);
        lane->uncleared = lane->settled.position > 0;
    }
    if (--lane->clearing == 0 && !lane->pinging)
        lane_drained(lane);
}

static void clear_settled(struct outbox_lane *lane)
{
    char position[24], n[16];
    place_format(lane->settled, position, n);
    const char *values[] = {position, n, *lane->fence ? lane->fence : NULL, lane->core->epoch,
                            lane->kinds};
    lane->uncleared = false;
    lane->clearing++;
    archive_query(lane->core->archive, QUERY_OUTBOX_DELIVERED, values, rows_cleared, lane);
}

static void lane_settle(struct outbox_lane *lane, struct place place)
{
    if (place_compare(place, lane->settled) <= 0)
        return;
    lane->settled = place;
    clear_settled(lane);
}

/* What was read `keep_ticks` ago is settled now. */
static void keep_tick(struct outbox_lane *lane)
{
    if (lane->keep_ticks == 0)
        return;
    struct place place = lane->kept[lane->oldest];
    lane->kept[lane->oldest] = lane->read;
    lane->oldest = (lane->oldest + 1) % lane->keep_ticks;
    lane_settle(lane, place);
}

/* The server may have lost what it had read. */
static void keep_nothing_read(struct outbox_lane *lane)
{
    lane->read = lane->settled;
    for (unsigned i = 0; i < KEEP_TICKS_MAX; i++)
        lane->kept[i] = lane->settled;
}

static void ping_done(bool delivered, void *data)
{
    struct outbox_lane *lane = data;
    lane->pinging = false;
    lane->pinged = 0;
    if (!delivered)
        return;
    lane->read = place_later(lane->read, lane->ping_covers);
    if (lane->keep_ticks == 0)
        lane_settle(lane, lane->read);
    if (lane->drained)
        lane_empty(lane);
    else if (lane->behind)
        read_page(lane);
}

static void lane_ping(struct outbox_lane *lane)
{
    const struct stanza_sink *sink = &lane->core->sinks[lane->service];
    if (lane->pinging || !sink_ready(lane))
        return;
    lane->ping_covers = lane->sent;
    lane->pinged = lane->unproven;
    lane->unproven = 0;
    lane->pinging = true;
    if (!sink->barrier(sink->link, ping_done, lane)) {
        lane->pinging = false;
        lane->pinged = 0;
    }
}

void outbox_lane_tick(struct outbox_lane *lane)
{
    if (lane->unproven > 0)
        lane_ping(lane);
    if (lane->behind)
        read_page(lane);
    keep_tick(lane);
    if (lane->uncleared && archive_is_up(lane->core->archive))
        clear_settled(lane);
}

unsigned outbox_lane_pending(const struct outbox_lane *lane)
{
    return lane->unproven;
}

/* ---- Several instances ----------------------------------------------------------------------- */

void outbox_lane_wake(struct outbox_lane *lane, gint64 position)
{
    if (position <= lane->newest)
        return;
    lane->newest = position;
    lane->behind = true;
    read_page(lane);
}

void outbox_lane_fence(struct outbox_lane *lane, gint64 epoch)
{
    g_snprintf(lane->fence, sizeof lane->fence, "%" G_GINT64_FORMAT, epoch);
}

static void lane_tell(void *data)
{
    struct outbox_lane *lane = data;
    lane->telling = false;
    PARTS_TELL(lane->core, outbox_grew, lane->core, lane->newest);
}

/* What others have committed before may not be known here: only the database has all in order. */
static void committed_among_others(struct outbox_lane *lane)
{
    lane->behind = true;
    read_page(lane);
    if (sink_ready(lane) || lane->telling)
        return;
    lane->telling = true;
    loop_defer(lane_tell, lane);
}

struct outbox_lane *outbox_lane_new(struct core *core, enum service service)
{
    struct outbox_lane *lane = g_new0(struct outbox_lane, 1);
    lane->core = core;
    lane->service = service;
    lane->kinds = outgoing_kinds(core, service, true);
    lane->foreign = outgoing_kinds(core, service, false);
    lane->behind = true;
    lane->keep_ticks = (unsigned)core->options->xmpp_keep * 1000 / OUTBOX_LANE_TICK;
    return lane;
}

void outbox_lane_free(struct outbox_lane *lane)
{
    if (!lane)
        return;
    if (lane->drain_timer > 0)
        g_source_remove(lane->drain_timer);
    if (lane->telling)
        loop_cancel(lane_tell, lane);
    g_free(lane->kinds);
    g_free(lane->foreign);
    g_free(lane);
}

void outbox_lane_link_up(struct outbox_lane *lane)
{
    lane->stream++;
    lane->sent = lane->read;
    lane->unproven = lane->pinged = 0;
    lane->behind = true;
    read_page(lane);
}

void outbox_lane_link_down(struct outbox_lane *lane, bool in_order)
{
    lane->stream++;
    lane->behind = true;
    if (!in_order)
        keep_nothing_read(lane);
    if (lane->drained)
        lane_drained(lane);
}

/* Asks for what the server has not been asked about, then settles all that it has read. */
static void lane_empty(struct outbox_lane *lane)
{
    if (lane->unproven > 0)
        lane_ping(lane);
    if (lane->pinging)
        return; /* its answer comes here again */
    lane_settle(lane, lane->read);
    if (lane->clearing == 0)
        lane_drained(lane);
}

static gboolean drain_timed_out(gpointer data)
{
    struct outbox_lane *lane = data;
    lane->drain_timer = 0;
    lane_drained(lane);
    return G_SOURCE_REMOVE;
}

void outbox_lane_drain(struct outbox_lane *lane, guint milliseconds, void (*done)(void *data),
                       void *data)
{
    lane->drained = done;
    lane->drained_data = data;
    lane->drain_timer = g_timeout_add(milliseconds, drain_timed_out, lane);
    lane_empty(lane);
}

/* Commits are reported in the order of positions: what was not is beyond `sent`. Nothing that this
 * stream has carried needs to be sent again. */
void outbox_lane_archive_up(struct outbox_lane *lane)
{
    lane->behind = true;
    read_page(lane);
}

void outbox_lane_other_log(struct outbox_lane *lane)
{
    static const struct place beginning;
    lane->sent = lane->ever_sent = lane->ping_covers = lane->settled = beginning;
    lane->newest = 0;
    keep_nothing_read(lane);
    lane->stream++;
    lane->uncleared = false;
}

void outbox_lane_committed(struct outbox_lane *lane, const struct outbox_entry *entry)
{
    lane->newest = MAX(lane->newest, entry->position);
    if (entry->position <= lane->sent.position)
        return; /* a page that was read meanwhile had it */
    if (lane->core->router) {
        committed_among_others(lane);
        return;
    }
    if (!entry->from) { /* it is to be read */
        lane->behind = true;
        read_page(lane);
        return;
    }
    if (lane->behind || lane->reading || !sink_ready(lane) || !send_entry(lane, entry)) {
        lane->behind = true;
        return;
    }
    copies_end(lane);
    if (lane->unproven >= UNPROVEN_MAX)
        lane_ping(lane);
}
