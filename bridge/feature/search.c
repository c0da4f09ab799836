/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Search in messages. Their words are put into an index behind the log, a batch at a time and with
 * a bounded share of a core, so that sending never waits for it; what is not in the index yet is
 * looked through by the search itself. What an earlier version has indexed with another folding is
 * made anew in the same way. sql/function/search.sql says how. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/feature/search_pace.h"

#define BATCH_MAX "4096" /* positions at once: some eighty milliseconds */
#define BATCH 1024       /* positions that are worth a batch while more come */
#define BLOCK 64         /* fewer wait for more, and the search looks through them itself */
#define RENEWAL 1024
#define IDLE_MILLISECONDS 500              /* between two looks for new messages */
#define RENEWAL_NEWS (30 * G_USEC_PER_SEC) /* between two lines of the log about a renewal */
#define QUERY_LENGTH_MAX 256

/* ---- Index ----------------------------------------------------------------------------------- */

static struct {
    guint timer;
    gint64 started; /* clock_monotonic, of the batch at work */
    struct search_pace pace;
    struct {
        bool done;   /* until the next start: functions come with the program */
        gint64 told; /* clock_monotonic, when the log was last told; 0: not yet */
        struct search_pace pace;
    } renewal;
} indexer;

static gboolean index_batch(gpointer data);

static void index_after(struct core *core, gint64 milliseconds)
{
    indexer.timer = g_timeout_add((guint)milliseconds, index_batch, core);
}

/* After a batch of COUNT, not before GATHER microseconds have passed. */
static void index_after_rest(struct core *core, struct search_pace *pace, gint64 count,
                             gint64 gather)
{
    gint64 spent = clock_monotonic() - indexer.started;
    gint64 rest = search_pace_rest(pace, spent, count, core->options->search_index_share);
    index_after(core, MAX(rest, gather) / 1000);
}

/* ---- Renewal: what another folding has left, made anew while nothing else is to be done ------ */

static void renewal_tell(gint64 left, gint64 all)
{
    gint64 now = clock_monotonic();
    metric_set(METRIC_SEARCH_RENEW, left);
    if (left > 0 ? indexer.renewal.told && now - indexer.renewal.told < RENEWAL_NEWS
                 : !indexer.renewal.told)
        return;
    if (all > 0) /* else it is new */
        log_info(AREA_ARCHIVE, left > 0 ? "search-renewal" : "search-renewed",
                 "positions_left=%" G_GINT64_FORMAT " of=%" G_GINT64_FORMAT, left, all);
    indexer.renewal.told = now;
}

static void batch_renewed(const struct rows *rows, enum error_code error, void *data)
{
    struct core *core = data;
    if (!core->archive)
        return; /* stopping */
    if (error != ERROR_NONE || rows_count(rows) != 1) {
        index_after(core, IDLE_MILLISECONDS); /* or another instance is at it */
        return;
    }
    gint64 left = rows_integer(rows, 0, SEARCH_RENEW_LEFT);
    renewal_tell(left, rows_integer(rows, 0, SEARCH_RENEW_ALL));
    indexer.renewal.done = left == 0;
    index_after_rest(core, &indexer.renewal.pace, RENEWAL, 0);
}

/* ---- New messages ---------------------------------------------------------------------------- */

static void batch_indexed(const struct rows *rows, enum error_code error, void *data)
{
    struct core *core = data;
    if (!core->archive)
        return; /* stopping */
    bool done =
        error == ERROR_NONE && rows_count(rows) == 1 && rows_text(rows, 0, SEARCH_INDEX_BEHIND);
    gint64 behind = done ? rows_integer(rows, 0, SEARCH_INDEX_BEHIND) : 0;
    gint64 indexed = done ? rows_integer(rows, 0, SEARCH_INDEX_INDEXED) : 0;
    gint64 gather = 0;
    if (done) {
        metric_set(METRIC_SEARCH_BEHIND, behind);
        gather = search_pace_gather(&indexer.pace, rows_integer(rows, 0, SEARCH_INDEX_HEAD),
                                    indexer.started, BATCH - behind);
    }
    if (behind >= BLOCK || (indexed > 0 && indexer.renewal.done)) {
        index_after_rest(core, &indexer.pace, indexed, gather);
    } else if (!done || indexer.renewal.done) {
        index_after(core, IDLE_MILLISECONDS);
    } else {
        const char *values[] = {G_STRINGIFY(RENEWAL)};
        indexer.started = clock_monotonic();
        archive_query(core->archive, QUERY_SEARCH_RENEW, values, batch_renewed, core);
    }
}

static gboolean index_batch(gpointer data)
{
    struct core *core = data;
    indexer.timer = 0;
    if (!archive_is_up(core->archive)) {
        index_after(core, IDLE_MILLISECONDS);
        return G_SOURCE_REMOVE;
    }
    indexer.started = clock_monotonic();
    const char *values[] = {BATCH_MAX};
    archive_query(core->archive, QUERY_SEARCH_INDEX, values, batch_indexed, core);
    return G_SOURCE_REMOVE;
}

static void search_start(struct core *core)
{
    if (core->options->search_index_share > 0)
        index_after(core, IDLE_MILLISECONDS);
}

static void search_stop(struct core *core)
{
    (void)core;
    if (indexer.timer)
        g_source_remove(indexer.timer);
    indexer.timer = 0;
}

/* ---- Search ---------------------------------------------------------------------------------- */

static const struct field search_fields[] = {
    {.name = "q",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = QUERY_LENGTH_MAX},
    {.name = "conversation_id", .type = FIELD_UUID, .flags = FIELD_IN_QUERY},
    FIELD_PAGE_LIMIT(100),
    {.name = "before",
     .type = FIELD_INTEGER,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = G_MAXINT64},
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/messages/search",
     .fields = search_fields,
     .read = QUERY_MESSAGE_SEARCH,
     .toggle = TOGGLE_SEARCH,
     .limit = LIMIT_SEARCH,
     .reply = "MessagePage",
     .flags = OPERATION_LISTS,
     .summary = "The user's messages that hold all words of a query, newest first"},
    {0},
};

const struct feature feature_search = {
    .name = "search", .operations = operations, .start = search_start, .stop = search_stop};
