/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sending what the outbox holds, in order, and clearing what is proven to be read (XEP-0114 has no
 * acknowledgement; streams are processed in order, so the answer to a ping is one) and has been for
 * the time that the server may need to write it down (xmpp.keep). */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/outbox.h"
#include "bridge/core/part.h"
#include "bridge/loop/loop.h"
#include "xep/stanza.h"

#define PAGE 128        /* rows read at once when catching up */
#define UNPROVEN_MAX 64 /* stanzas after which a ping is sent without waiting for the tick */
#define WINDOW                                                                                     \
    256 /* stanzas that may be on the way unproven: a slow server must be able to                  \
         * answer the ping behind them before the link counts as broken */
#define TICK_MILLISECONDS 500
#define KEEP_TICKS_MAX (60 * 1000 / TICK_MILLISECONDS) /* of the longest xmpp.keep */

/* Entries go in the order of position, those of one position in that of n. */
struct place {
    gint64 position;
    int n;
};

struct outbox {
    struct core *core;
    char *kinds;            /* all that is known how to build, for SQL */
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
    unsigned unproven; /* sent since the last ping */
    unsigned pinged;   /* sent before the ping that is out */
    unsigned stream;   /* counts streams: answers to an older one are void */
    guint timer;
    char fence[24];              /* several instances: the epoch as text; empty: none */
    bool telling;                /* the instance that sends is told at the end of this turn */
    void (*drained)(void *data); /* outbox_drain; NULL: not draining */
    void *drained_data;
    guint drain_timer;
};

struct page {
    struct outbox *outbox;
    unsigned stream;
    gint64 newest; /* of the outbox when the page was asked for: the page holds all up to it */
};

static void read_page(struct outbox *outbox);
static void outbox_ping(struct outbox *outbox);
static void outbox_empty(struct outbox *outbox);

static const struct outgoing *outgoing_find(const struct core *core, const char *kind)
{
    for (const struct outgoing *const *table = core->outgoing; table && *table; table++) {
        for (const struct outgoing *row = *table; row->kind; row++) {
            if (g_strcmp0(row->kind, kind) == 0)
                return row;
        }
    }
    return NULL;
}

/* All kinds there are, as an array of SQL. They are plain words. */
static char *outgoing_kinds(const struct core *core)
{
    GString *kinds = g_string_new("{");
    for (const struct outgoing *const *table = core->outgoing; table && *table; table++) {
        for (const struct outgoing *row = *table; row->kind; row++)
            g_string_append_printf(kinds, "%s%s", kinds->len > 1 ? "," : "", row->kind);
    }
    g_string_append_c(kinds, '}');
    return g_string_free(kinds, FALSE);
}

char *outbox_entry_id(const struct outbox_entry *entry)
{
    if (entry->n > 0)
        return g_strdup_printf("%s-%" G_GINT64_FORMAT "-%d", entry->kind, entry->position,
                               entry->n);
    return g_strdup_printf("%s-%" G_GINT64_FORMAT, entry->kind, entry->position);
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
static void give_up_entry(struct outbox *outbox, const struct outgoing *row,
                          const struct outbox_entry *entry)
{
    log_error(AREA_CORE, "outbox-entry-illegal", "position=%" G_GINT64_FORMAT " kind=%s",
              entry->position, entry->kind);
    if (row->refused)
        row->refused(outbox->core, entry);
}

/* False: the link takes no more now. */
static bool hand_over(struct outbox *outbox, const struct outgoing *row,
                      const struct outbox_entry *entry)
{
    const struct stanza_sink *sink = &outbox->core->sinks[SERVICE_USERS];
    g_autoptr(xmpp_stanza_t) stanza = row->build(entry);
    enum sink_result result = stanza ? sink->send(sink->link, stanza) : SINK_NEVER;
    if (result == SINK_LATER)
        return false;
    if (result == SINK_NEVER)
        give_up_entry(outbox, row, entry);
    else if (row->sent)
        row->sent(outbox->core, entry);
    metric_add(METRIC_OUTBOX_RESENT, place_compare(place_of(entry), outbox->ever_sent) <= 0);
    outbox->unproven++;
    return true;
}

static bool send_entry(struct outbox *outbox, const struct outbox_entry *entry)
{
    if (outbox->unproven + outbox->pinged >= WINDOW)
        return false;
    const struct outgoing *row = outgoing_find(outbox->core, entry->kind);
    if (!row)
        pass_over(entry);
    else if (!hand_over(outbox, row, entry))
        return false;
    outbox->sent = place_of(entry);
    outbox->ever_sent = place_later(outbox->ever_sent, outbox->sent);
    return true;
}

static bool sink_ready(const struct outbox *outbox)
{
    const struct stanza_sink *sink = &outbox->core->sinks[SERVICE_USERS];
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
static bool send_rows(struct outbox *outbox, const struct rows *rows)
{
    for (int row = 0; row < rows_count(rows); row++) {
        struct outbox_entry entry;
        entry_of_row(rows, row, &entry);
        if (!send_entry(outbox, &entry))
            return false;
    }
    return true;
}

static void page_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct page *page = data;
    struct outbox *outbox = page->outbox;
    outbox->reading = false;
    if (error != ERROR_NONE || !sink_ready(outbox))
        return; /* the tick tries again */
    if (page->stream != outbox->stream) {
        read_page(outbox);
        return;
    }
    bool sent = send_rows(outbox, rows);
    outbox->newest = MAX(outbox->newest, outbox->sent.position);
    if (sent && rows_count(rows) < PAGE)
        outbox->behind = outbox->newest > MAX(page->newest, outbox->sent.position);
    if (outbox->unproven > 0)
        outbox_ping(outbox);
    if (sent && outbox->behind)
        read_page(outbox);
}

static void read_page(struct outbox *outbox)
{
    if (outbox->reading || !sink_ready(outbox))
        return;
    struct page *page = g_new0(struct page, 1);
    page->outbox = outbox;
    page->stream = outbox->stream;
    page->newest = outbox->newest;
    char position[24], n[16];
    place_format(outbox->sent, position, n);
    const char *values[] = {position, n, G_STRINGIFY(128)};
    G_STATIC_ASSERT(PAGE == 128);
    outbox->reading = true;
    archive_query(outbox->core->archive, QUERY_OUTBOX_PAGE, values, page_read, page);
}

static void outbox_drained(struct outbox *outbox)
{
    void (*done)(void *data) = outbox->drained;
    outbox->drained = NULL;
    if (outbox->drain_timer > 0)
        g_source_remove(outbox->drain_timer);
    outbox->drain_timer = 0;
    if (done)
        done(outbox->drained_data);
}

static void rows_cleared(const struct rows *rows, enum error_code error, void *data)
{
    struct outbox *outbox = data;
    bool other_log = error == ERROR_NONE && rows_count(rows) == 1 &&
                     !rows_boolean(rows, 0, OUTBOX_DELIVERED_CLEARED);
    if (error != ERROR_NONE || other_log) {
        log_info(AREA_CORE, "outbox-not-cleared", "code=%s",
                 other_log ? "other-log" : error_info(error)->code);
        outbox->uncleared = outbox->settled.position > 0;
    }
    if (--outbox->clearing == 0 && !outbox->pinging)
        outbox_drained(outbox);
}

static void clear_settled(struct outbox *outbox)
{
    char position[24], n[16];
    place_format(outbox->settled, position, n);
    const char *values[] = {position, n, *outbox->fence ? outbox->fence : NULL, outbox->core->epoch,
                            outbox->kinds};
    outbox->uncleared = false;
    outbox->clearing++;
    archive_query(outbox->core->archive, QUERY_OUTBOX_DELIVERED, values, rows_cleared, outbox);
}

static void outbox_settle(struct outbox *outbox, struct place place)
{
    if (place_compare(place, outbox->settled) <= 0)
        return;
    outbox->settled = place;
    clear_settled(outbox);
}

/* What was read `keep_ticks` ago is settled now. */
static void keep_tick(struct outbox *outbox)
{
    if (outbox->keep_ticks == 0)
        return;
    struct place place = outbox->kept[outbox->oldest];
    outbox->kept[outbox->oldest] = outbox->read;
    outbox->oldest = (outbox->oldest + 1) % outbox->keep_ticks;
    outbox_settle(outbox, place);
}

/* The server may have lost what it had read. */
static void keep_nothing_read(struct outbox *outbox)
{
    outbox->read = outbox->settled;
    for (unsigned i = 0; i < KEEP_TICKS_MAX; i++)
        outbox->kept[i] = outbox->settled;
}

static void ping_done(bool delivered, void *data)
{
    struct outbox *outbox = data;
    outbox->pinging = false;
    outbox->pinged = 0;
    if (!delivered)
        return;
    outbox->read = place_later(outbox->read, outbox->ping_covers);
    if (outbox->keep_ticks == 0)
        outbox_settle(outbox, outbox->read);
    if (outbox->drained)
        outbox_empty(outbox);
    else if (outbox->behind)
        read_page(outbox);
}

static void outbox_ping(struct outbox *outbox)
{
    const struct stanza_sink *sink = &outbox->core->sinks[SERVICE_USERS];
    if (outbox->pinging || !sink_ready(outbox))
        return;
    outbox->ping_covers = outbox->sent;
    outbox->pinged = outbox->unproven;
    outbox->unproven = 0;
    outbox->pinging = true;
    if (!sink->barrier(sink->link, ping_done, outbox)) {
        outbox->pinging = false;
        outbox->pinged = 0;
    }
}

static gboolean on_tick(gpointer data)
{
    struct outbox *outbox = data;
    metric_set(METRIC_OUTBOX_PENDING, outbox->unproven);
    if (outbox->unproven > 0)
        outbox_ping(outbox);
    if (outbox->behind)
        read_page(outbox);
    keep_tick(outbox);
    if (outbox->uncleared && archive_is_up(outbox->core->archive))
        clear_settled(outbox);
    return G_SOURCE_CONTINUE;
}

/* ---- Several instances ----------------------------------------------------------------------------- */

void outbox_wake(struct outbox *outbox, gint64 position)
{
    if (position <= outbox->newest)
        return;
    outbox->newest = position;
    outbox->behind = true;
    read_page(outbox);
}

void outbox_fence(struct outbox *outbox, gint64 epoch)
{
    g_snprintf(outbox->fence, sizeof outbox->fence, "%" G_GINT64_FORMAT, epoch);
}

static void failures_tell(void *data)
{
    struct outbox *outbox = data;
    outbox->telling = false;
    PARTS_TELL(outbox->core, outbox_grew, outbox->core, outbox->newest);
}

/* What others have committed before may not be known here: only the database has all in order. */
static void committed_among_others(struct outbox *outbox)
{
    outbox->behind = true;
    read_page(outbox);
    if (sink_ready(outbox) || outbox->telling)
        return;
    outbox->telling = true;
    loop_defer(failures_tell, outbox);
}

struct outbox *outbox_new(struct core *core)
{
    struct outbox *outbox = g_new0(struct outbox, 1);
    outbox->core = core;
    outbox->kinds = outgoing_kinds(core);
    outbox->behind = true;
    outbox->keep_ticks = (unsigned)core->options->xmpp_keep * 1000 / TICK_MILLISECONDS;
    outbox->timer = g_timeout_add(TICK_MILLISECONDS, on_tick, outbox);
    return outbox;
}

void outbox_free(struct outbox *outbox)
{
    if (!outbox)
        return;
    g_source_remove(outbox->timer);
    if (outbox->drain_timer > 0)
        g_source_remove(outbox->drain_timer);
    if (outbox->telling)
        loop_cancel(failures_tell, outbox);
    g_free(outbox->kinds);
    g_free(outbox);
}

void outbox_link_up(struct outbox *outbox)
{
    outbox->stream++;
    outbox->sent = outbox->read;
    outbox->unproven = outbox->pinged = 0;
    outbox->behind = true;
    read_page(outbox);
}

void outbox_link_down(struct outbox *outbox, bool in_order)
{
    outbox->stream++;
    outbox->behind = true;
    if (!in_order)
        keep_nothing_read(outbox);
    if (outbox->drained)
        outbox_drained(outbox);
}

/* Asks for what the server has not been asked about, then settles all that it has read. */
static void outbox_empty(struct outbox *outbox)
{
    if (outbox->unproven > 0)
        outbox_ping(outbox);
    if (outbox->pinging)
        return; /* its answer comes here again */
    outbox_settle(outbox, outbox->read);
    if (outbox->clearing == 0)
        outbox_drained(outbox);
}

static gboolean drain_timed_out(gpointer data)
{
    struct outbox *outbox = data;
    outbox->drain_timer = 0;
    outbox_drained(outbox);
    return G_SOURCE_REMOVE;
}

void outbox_drain(struct outbox *outbox, guint milliseconds, void (*done)(void *data), void *data)
{
    outbox->drained = done;
    outbox->drained_data = data;
    outbox->drain_timer = g_timeout_add(milliseconds, drain_timed_out, outbox);
    outbox_empty(outbox);
}

/* Commits are reported in the order of positions: what was not is beyond `sent`. Nothing that this
 * stream has carried needs to be sent again. */
void outbox_archive_up(struct outbox *outbox)
{
    outbox->behind = true;
    read_page(outbox);
}

void outbox_other_log(struct outbox *outbox)
{
    static const struct place beginning;
    outbox->sent = outbox->ever_sent = outbox->ping_covers = outbox->settled = beginning;
    outbox->newest = 0;
    keep_nothing_read(outbox);
    outbox->stream++;
    outbox->uncleared = false;
}

void outbox_committed(struct outbox *outbox, const struct outbox_entry *entry)
{
    outbox->newest = MAX(outbox->newest, entry->position);
    if (entry->position <= outbox->sent.position)
        return; /* a page that was read meanwhile had it */
    if (outbox->core->router) {
        committed_among_others(outbox);
        return;
    }
    if (outbox->behind || outbox->reading || !entry->from || !sink_ready(outbox) ||
        !send_entry(outbox, entry)) {
        outbox->behind = true;
        return;
    }
    if (outbox->unproven >= UNPROVEN_MAX)
        outbox_ping(outbox);
}
