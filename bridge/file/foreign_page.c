/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of the page, or else: the page, what it says, its picture, and that is known then.
 * That there is nothing is known as well, for a shorter time. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/file/foreign_picture.h"
#include "bridge/file/foreign_page.h"
#include "bridge/loop/loop.h"
#include "bridge/media/fetch.h"
#include "bridge/view/rows.h"

#define PAGE_MAX                                                                                   \
    (512 * 1024) /* bytes of a page; what it says of itself stands at its beginning                \
                  */
#define SECONDS_MAX 10
#define NOTHING_SECONDS 600
#define LOOKING_MAX 256
#define WAITING_MAX 64 /* for one page */

struct waiter {
    preview_done done;
    void *data;
};

struct looking {
    struct core *core;
    char *url, *owner;
    GArray *waiters; /* struct waiter */
    json_t *facts;   /* of link_store() in SQL */
    bool untried;    /* what the page has was not asked: nothing is known of it */
};

static GHashTable *lookings; /* url → struct looking */

static void looking_end(struct looking *looking, const struct preview_view *view)
{
    g_hash_table_steal(lookings, looking->url);
    for (guint i = 0; i < looking->waiters->len; i++) {
        const struct waiter *waiter = &g_array_index(looking->waiters, struct waiter, i);
        waiter->done(view, waiter->data);
    }
    g_array_unref(looking->waiters);
    json_decref(looking->facts);
    g_free(looking->url);
    g_free(looking->owner);
    g_free(looking);
}

static void looking_stored(const struct rows *rows, enum error_code error, void *data)
{
    g_auto(view_memory) memory = {0};
    bool found =
        error == ERROR_NONE && rows_count(rows) == 1 && !rows_is_null(rows, 0, LINK_STORE_PREVIEW);
    looking_end(data,
                found ? view_from_row(&view_of_preview_view, rows, 0, LINK_STORE_PREVIEW, &memory)
                      : NULL);
}

/* What was found, or that nothing was. */
static void looking_store(struct looking *looking)
{
    char seconds[24];
    char *facts = looking->facts ? json_dumps(looking->facts, JSON_COMPACT) : NULL;
    gint64 keep = looking->core->options->fetch_keep;
    g_snprintf(seconds, sizeof seconds, "%" G_GINT64_FORMAT,
               facts ? keep : MIN(keep, NOTHING_SECONDS));
    const char *values[] = {looking->url, facts, seconds};
    bool tried = facts || !looking->untried;
    if (looking->core->archive && tried)
        archive_query_binary(looking->core->archive, QUERY_LINK_STORE, values, looking_stored,
                             looking);
    else
        looking_end(looking, NULL);
    free(facts);
}

static void picture_got(const char *hash, void *data)
{
    struct looking *looking = data;
    if (hash)
        json_object_set_new(looking->facts, "image_hash", json_string(hash));
    looking_store(looking);
}

/* Takes apart "NAME TEXT". */
static void line_read(json_t *facts, char *line)
{
    char *text = strchr(line, ' ');
    if (!text)
        return;
    *text++ = '\0';
    json_object_set_new(facts, line, json_string(text));
}

static void facts_found(const char *lines, void *data)
{
    struct looking *looking = data;
    g_auto(GStrv) each = g_strsplit(lines ? lines : "", "\n", 8);
    json_t *facts = json_object();
    for (guint i = 0; each[i]; i++)
        line_read(facts, each[i]);
    const char *image = json_string_value(json_object_get(facts, "image"));
    looking->untried = !lines && !fetches_are_on();
    if (!json_object_get(facts, "title")) {
        json_decref(facts);
        looking_store(looking);
        return;
    }
    looking->facts = facts;
    if (image)
        foreign_picture_get(looking->core, image, looking->owner, picture_got, looking);
    else
        looking_store(looking);
}

static void page_fetched(const struct fetched *fetched, void *data)
{
    struct looking *looking = data;
    looking->untried = fetched->outcome == FETCH_UNTRIED;
    if (fetched->outcome == FETCH_DONE)
        fetch_facts(fetched->bytes, fetched->type, fetched->url, facts_found, looking);
    else
        looking_store(looking);
}

static void link_found(const struct rows *rows, enum error_code error, void *data)
{
    struct looking *looking = data;
    g_auto(view_memory) memory = {0};
    if (error != ERROR_NONE || rows_count(rows) > 0) {
        bool known = error == ERROR_NONE && rows_boolean(rows, 0, LINK_FIND_FOUND);
        looking_end(looking, known ? view_from_row(&view_of_preview_view, rows, 0,
                                                   LINK_FIND_PREVIEW, &memory)
                                   : NULL);
        return;
    }
    struct fetch_plan plan = {.url = looking->url,
                              .kind = FETCH_PAGE,
                              .most = PAGE_MAX,
                              .seconds = SECONDS_MAX,
                              .fd = -1,
                              .done = page_fetched,
                              .data = looking};
    fetch_begin(&plan);
}

static void looking_refuse(void *data)
{
    g_autofree struct waiter *waiter = data;
    waiter->done(NULL, waiter->data);
}

void preview_get(struct core *core, const char *url, const char *owner, preview_done done,
                 void *data)
{
    struct waiter waiter = {done, data};
    struct looking *looking = lookings ? g_hash_table_lookup(lookings, url) : NULL;
    bool full = looking ? looking->waiters->len >= WAITING_MAX
                        : !lookings || g_hash_table_size(lookings) >= LOOKING_MAX;
    if (full || !core->archive) {
        loop_defer(looking_refuse, g_memdup2(&waiter, sizeof waiter));
        return;
    }
    if (!looking) {
        looking = g_new0(struct looking, 1);
        looking->core = core;
        looking->url = g_strdup(url);
        looking->owner = g_strdup(owner);
        looking->waiters = g_array_new(FALSE, FALSE, sizeof waiter);
        g_hash_table_insert(lookings, looking->url, looking);
        archive_query_binary(core->archive, QUERY_LINK_FIND, (const char *[]){looking->url},
                             link_found, looking);
    }
    g_array_append_val(looking->waiters, waiter);
}

void previews_start(void)
{
    lookings = g_hash_table_new(g_str_hash, g_str_equal);
}

void previews_stop(void)
{
    g_clear_pointer(&lookings, g_hash_table_unref);
}
