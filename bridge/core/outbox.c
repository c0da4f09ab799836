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
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/core/part.h"
#include "bridge/loop/loop.h"
#include "xep/0172_nick.h"
#include "xep/0203_delay.h"
#include "xep/message.h"
#include "xep/presence.h"
#include "xep/stanza_text.h"

#define PAGE 128        /* rows read at once when catching up */
#define UNPROVEN_MAX 64 /* stanzas after which a ping is sent without waiting for the tick */
#define WINDOW                                                                                     \
    256 /* stanzas that may be on the way unproven: a slow server must be able to                  \
         * answer the ping behind them before the link counts as broken */
#define TICK_MILLISECONDS 500
#define LATE (10 * G_USEC_PER_SEC)                     /* a message sent that long ago says so */
#define KEEP_TICKS_MAX (60 * 1000 / TICK_MILLISECONDS) /* of the longest xmpp.keep */

struct outbox {
    struct core *core;
    gint64 sent;      /* position of the last entry sent on this stream */
    gint64 ever_sent; /* highest position sent on any stream: beyond it nothing is a resend */
    gint64 newest;    /* highest position known to be committed */
    gint64 read;      /* position up to which the server has read */
    gint64 settled;   /* position up to which that is long enough ago: rows are (being) deleted */
    gint64 kept[KEEP_TICKS_MAX]; /* `read` at the last ticks, a ring */
    unsigned keep_ticks, oldest;
    unsigned clearing; /* deletions under way */
    bool uncleared;    /* a deletion failed: the tick repeats it */
    bool behind;       /* entries after `sent` are to be read from the database */
    bool reading;
    bool pinging;
    gint64 ping_covers;
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
static void ping(struct outbox *outbox);
static void drain(struct outbox *outbox);

static xmpp_stanza_t *subscription_stanza(const struct outbox_entry *entry)
{
    static const enum presence_type types[] = {[OUTBOX_SUBSCRIBE] = PRESENCE_SUBSCRIBE,
                                               [OUTBOX_SUBSCRIBED] = PRESENCE_SUBSCRIBED,
                                               [OUTBOX_UNSUBSCRIBE] = PRESENCE_UNSUBSCRIBE,
                                               [OUTBOX_UNSUBSCRIBED] = PRESENCE_UNSUBSCRIBED};
    /* Bare addresses on both sides (RFC 6121 section 3.1.1). */
    struct presence_stanza presence = {
        .from = entry->from, .to = entry->to, .type = types[entry->kind]};
    xmpp_stanza_t *stanza = presence_build(&presence);
    if (entry->kind == OUTBOX_SUBSCRIBE && entry->body && *entry->body)
        nick_add(stanza, entry->body);
    return stanza;
}

/* A message that had to wait, for a link that was down, shows when it was sent (XEP-0203). */
static xmpp_stanza_t *message_stanza(const struct outbox_entry *entry,
                                     const struct message_out *message)
{
    xmpp_stanza_t *stanza = message_build_chat(message);
    const char *domain = strchr(entry->from, '@');
    struct delay delay = {.stamp_us = entry->created, .from = domain ? domain + 1 : NULL};
    if (entry->created > 0 && clock_wall() - entry->created > LATE)
        delay_add(stanza, &delay);
    return stanza;
}

static xmpp_stanza_t *entry_stanza(const struct outbox_entry *entry)
{
    if (entry->kind >= OUTBOX_SUBSCRIBE)
        return subscription_stanza(entry);
    g_autofree char *from = g_strconcat(entry->from, "/rest", NULL);
    g_autofree char *id = NULL;
    struct message_out message = {
        .from = from, .to = entry->to, .id = entry->id, .body = entry->body};
    if (entry->kind == OUTBOX_MESSAGE)
        return message_stanza(entry, &message);
    /* A resend of a receipt must carry the same id as well: make it from the position. */
    id =
        g_strdup_printf("%s-%" G_GINT64_FORMAT,
                        entry->kind == OUTBOX_RECEIVED ? "received" : "displayed", entry->position);
    message.id = id;
    if (entry->kind == OUTBOX_RECEIVED)
        return message_build_received(&message, entry->reference);
    return message_build_displayed(&message, entry->reference);
}

/* The link will never take this one: a message counts as bounced, a receipt is dropped. */
static void give_up_entry(struct outbox *outbox, const struct outbox_entry *entry)
{
    struct uuid id;
    log_error(AREA_CORE, "outbox-entry-illegal", "position=%" G_GINT64_FORMAT " kind=%d",
              entry->position, (int)entry->kind);
    if (entry->kind == OUTBOX_MESSAGE && uuid_parse(entry->id, &id))
        message_failed(outbox->core, entry->to, &id, "policy-violation");
}

static bool send_entry(struct outbox *outbox, const struct outbox_entry *entry)
{
    const struct stanza_sink *sink = &outbox->core->sinks[SERVICE_USERS];
    if (outbox->unproven + outbox->pinged >= WINDOW)
        return false;
    g_autoptr(xmpp_stanza_t) stanza = entry_stanza(entry);
    enum sink_result result = sink->send(sink->link, stanza);
    if (result == SINK_LATER)
        return false;
    if (result == SINK_NEVER)
        give_up_entry(outbox, entry); /* it must not hold up everything behind it */
    metric_add(METRIC_OUTBOX_RESENT, entry->position <= outbox->ever_sent);
    outbox->sent = entry->position;
    outbox->ever_sent = MAX(outbox->ever_sent, entry->position);
    outbox->unproven++;
    if (entry->kind == OUTBOX_SUBSCRIBED)
        PARTS_TELL(outbox->core, subscribed, outbox->core, entry->from, entry->to);
    return true;
}

static bool sink_ready(const struct outbox *outbox)
{
    const struct stanza_sink *sink = &outbox->core->sinks[SERVICE_USERS];
    if (sink->durable)
        return sink->durable(sink->link);
    return sink->ready && sink->ready(sink->link);
}

static enum outbox_kind kind_of(const char *name)
{
    static const char *const names[] = {
        [OUTBOX_MESSAGE] = "message",          [OUTBOX_RECEIVED] = "received",
        [OUTBOX_DISPLAYED] = "displayed",      [OUTBOX_SUBSCRIBE] = "subscribe",
        [OUTBOX_SUBSCRIBED] = "subscribed",    [OUTBOX_UNSUBSCRIBE] = "unsubscribe",
        [OUTBOX_UNSUBSCRIBED] = "unsubscribed"};
    enum outbox_kind kind = OUTBOX_MESSAGE;
    while (kind < OUTBOX_UNSUBSCRIBED && strcmp(names[kind], name) != 0)
        kind++;
    return kind;
}

static void entry_of_row(const struct rows *rows, int row, struct outbox_entry *ret_entry)
{
    const char *id = rows_text(rows, row, OUTBOX_PAGE_MESSAGE_ID);
    *ret_entry = (struct outbox_entry){.position = rows_integer(rows, row, OUTBOX_PAGE_POSITION),
                                       .kind = kind_of(rows_text(rows, row, OUTBOX_PAGE_KIND)),
                                       .from = rows_text(rows, row, OUTBOX_PAGE_FROM_JID),
                                       .to = rows_text(rows, row, OUTBOX_PAGE_TO_ADDRESS),
                                       .reference = rows_text(rows, row, OUTBOX_PAGE_REFERENCE),
                                       .body = rows_text(rows, row, OUTBOX_PAGE_BODY),
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
    outbox->newest = MAX(outbox->newest, outbox->sent);
    if (sent && rows_count(rows) < PAGE)
        outbox->behind = outbox->newest > MAX(page->newest, outbox->sent);
    if (outbox->unproven > 0)
        ping(outbox);
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
    g_autofree char *after = g_strdup_printf("%" G_GINT64_FORMAT, outbox->sent);
    const char *values[] = {after, G_STRINGIFY(128)};
    G_STATIC_ASSERT(PAGE == 128);
    outbox->reading = true;
    archive_query(outbox->core->archive, QUERY_OUTBOX_PAGE, values, page_read, page);
}

static void drained(struct outbox *outbox)
{
    void (*done)(void *data) = outbox->drained;
    outbox->drained = NULL;
    if (outbox->drain_timer > 0)
        g_source_remove(outbox->drain_timer);
    outbox->drain_timer = 0;
    if (done)
        done(outbox->drained_data);
}

static void cleared(const struct rows *rows, enum error_code error, void *data)
{
    struct outbox *outbox = data;
    bool other_log = error == ERROR_NONE && rows_count(rows) == 1 &&
                     !rows_boolean(rows, 0, OUTBOX_DELIVERED_CLEARED);
    if (error != ERROR_NONE || other_log) {
        log_info(AREA_CORE, "outbox-not-cleared", "code=%s",
                 other_log ? "other-log" : error_info(error)->code);
        outbox->uncleared = outbox->settled > 0;
    }
    if (--outbox->clearing == 0 && !outbox->pinging)
        drained(outbox);
}

static void clear_settled(struct outbox *outbox)
{
    g_autofree char *position = g_strdup_printf("%" G_GINT64_FORMAT, outbox->settled);
    const char *values[] = {position, *outbox->fence ? outbox->fence : NULL, outbox->core->epoch};
    outbox->uncleared = false;
    outbox->clearing++;
    archive_query(outbox->core->archive, QUERY_OUTBOX_DELIVERED, values, cleared, outbox);
}

static void settle(struct outbox *outbox, gint64 position)
{
    if (position <= outbox->settled)
        return;
    outbox->settled = position;
    clear_settled(outbox);
}

/* What was read `keep_ticks` ago is settled now. */
static void keep_tick(struct outbox *outbox)
{
    if (outbox->keep_ticks == 0)
        return;
    gint64 position = outbox->kept[outbox->oldest];
    outbox->kept[outbox->oldest] = outbox->read;
    outbox->oldest = (outbox->oldest + 1) % outbox->keep_ticks;
    settle(outbox, position);
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
    outbox->read = MAX(outbox->read, outbox->ping_covers);
    if (outbox->keep_ticks == 0)
        settle(outbox, outbox->read);
    if (outbox->drained)
        drain(outbox);
    else if (outbox->behind)
        read_page(outbox);
}

static void ping(struct outbox *outbox)
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

static gboolean tick(gpointer data)
{
    struct outbox *outbox = data;
    metric_set(METRIC_OUTBOX_PENDING, outbox->unproven);
    if (outbox->unproven > 0)
        ping(outbox);
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

static void tell(void *data)
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
    loop_defer(tell, outbox);
}

struct outbox *outbox_new(struct core *core)
{
    struct outbox *outbox = g_new0(struct outbox, 1);
    outbox->core = core;
    outbox->behind = true;
    outbox->keep_ticks = (unsigned)core->options->xmpp_keep * 1000 / TICK_MILLISECONDS;
    outbox->timer = g_timeout_add(TICK_MILLISECONDS, tick, outbox);
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
        loop_cancel(tell, outbox);
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
        drained(outbox);
}

/* Asks for what the server has not been asked about, then settles all that it has read. */
static void drain(struct outbox *outbox)
{
    if (outbox->unproven > 0)
        ping(outbox);
    if (outbox->pinging)
        return; /* its answer comes here again */
    settle(outbox, outbox->read);
    if (outbox->clearing == 0)
        drained(outbox);
}

static gboolean drain_timed_out(gpointer data)
{
    struct outbox *outbox = data;
    outbox->drain_timer = 0;
    drained(outbox);
    return G_SOURCE_REMOVE;
}

void outbox_drain(struct outbox *outbox, guint milliseconds, void (*done)(void *data), void *data)
{
    outbox->drained = done;
    outbox->drained_data = data;
    outbox->drain_timer = g_timeout_add(milliseconds, drain_timed_out, outbox);
    drain(outbox);
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
    outbox->sent = outbox->ever_sent = outbox->newest = outbox->ping_covers = 0;
    outbox->settled = 0;
    keep_nothing_read(outbox);
    outbox->stream++;
    outbox->uncleared = false;
}

void outbox_committed(struct outbox *outbox, const struct outbox_entry *entry)
{
    outbox->newest = MAX(outbox->newest, entry->position);
    if (entry->position <= outbox->sent)
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
        ping(outbox);
}
