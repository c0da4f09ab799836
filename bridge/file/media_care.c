/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the store needs now and then: keys of files that an old master key has encrypted are
 * encrypted by the newest one, so that the old one can go; files go where they stay; and what they
 * take is measured. */
#include "config.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/statvfs.h>

#include "bridge/archive/archive.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/job/job.h"
#include "bridge/loop/disk.h"
#include "bridge/media/bucket.h"
#include "bridge/media/media.h"
#include "bridge/media/shelf.h"

#define AT_ONCE 200

/* ---- Keys ------------------------------------------------------------------------------------ */

static void keys_stored(const struct rows *rows, enum error_code error, void *data)
{
    bool more = error == ERROR_NONE && rows_integer(rows, 0, FILE_REWRAP_COUNT) >= AT_ONCE;
    job_conclude(data, error, more);
}

/* The file's key in ROW by the newest master key, base64; NULL: its own is not there. */
static char *key_renew(const struct rows *rows, int row)
{
    guint8 key[FILE_KEY_SIZE], fresh[FILE_KEY_WRAPPED_SIZE];
    struct uuid id;
    bool done = rows_uuid(rows, row, FILE_OLD_KEYS_ID, &id) &&
                media_key_open(&id, rows_text(rows, row, FILE_OLD_KEYS_KEY_NAME),
                               rows_text(rows, row, FILE_OLD_KEYS_KEY), key) &&
                vault_wrap(media_vault(), &id, key, fresh);
    OPENSSL_cleanse(key, sizeof key);
    return done ? g_base64_encode(fresh, sizeof fresh) : NULL;
}

static void keys_found(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    struct core *core = job_core(job);
    int count = error == ERROR_NONE ? rows_count(rows) : 0;
    g_autoptr(GString) ids = g_string_new("{");
    g_autoptr(GString) keys = g_string_new("{");
    unsigned lost = 0;
    for (int row = 0; row < count && media_is_on(); row++) {
        g_autofree char *key = key_renew(rows, row);
        lost += key == NULL;
        if (!key)
            continue;
        g_string_append_printf(ids, "%s%s", ids->len > 1 ? "," : "",
                               rows_text(rows, row, FILE_OLD_KEYS_ID));
        g_string_append_printf(keys, "%s\"%s\"", keys->len > 1 ? "," : "", key);
    }
    if (lost > 0)
        log_error(AREA_MAIN, "file-keys-lost",
                  "files=%u hint=\"media.key_file lacks a key that it had\"", lost);
    if (ids->len == 1 || !core->archive) {
        job_conclude(job, error, false);
        return;
    }
    g_string_append_c(ids, '}');
    g_string_append_c(keys, '}');
    const char *values[] = {ids->str, keys->str, vault_newest(media_vault())};
    archive_query(core->archive, QUERY_FILE_REWRAP, values, keys_stored, job);
}

static void keys_renew(struct job *job)
{
    if (media_is_on())
        archive_query(job_core(job)->archive, QUERY_FILE_OLD_KEYS,
                      (const char *[]){vault_newest(media_vault()), G_STRINGIFY(AT_ONCE)},
                      keys_found, job);
    else
        job_conclude(job, ERROR_NONE, false);
}

/* ---- Room ------------------------------------------------------------------------------------ */

static void bytes_counted(const struct rows *rows, enum error_code error, void *data)
{
    if (error == ERROR_NONE)
        metric_set(METRIC_MEDIA_BYTES, rows_integer(rows, 0, FILE_USED_BYTES));
    job_conclude(data, error, false);
}

/* Asking a file system may take as long as it takes. */
struct measuring {
    struct disk_work work;
    struct job *job;
    struct statvfs found;
    bool done;
};

static struct measuring *measuring_of(struct disk_work *work)
{
    return (struct measuring *)(void *)work; /* its first member */
}

static void run_measure(struct disk_work *work)
{
    struct measuring *measuring = measuring_of(work);
    measuring->done = statvfs(media_folder(), &measuring->found) == 0;
}

static void disk_measured(struct disk_work *work)
{
    g_autofree struct measuring *measuring = measuring_of(work);
    struct job *job = measuring->job;
    const struct statvfs *found = &measuring->found;
    const struct core *core = job_core(job);
    metric_set(METRIC_MEDIA_QUOTA, core->options->media_quota_total);
    if (measuring->done) {
        metric_set(METRIC_MEDIA_DISK, (gint64)(found->f_blocks * found->f_frsize));
        metric_set(METRIC_MEDIA_DISK_FREE, (gint64)(found->f_bavail * found->f_frsize));
    }
    if (core->archive)
        archive_query(core->archive, QUERY_FILE_USED, (const char *[]){NULL}, bytes_counted, job);
    else
        job_conclude(job, ERROR_NONE, false);
}

static void bytes_count(struct job *job)
{
    if (!media_is_on()) {
        job_conclude(job, ERROR_NONE, false);
        return;
    }
    struct measuring *measuring = g_new0(struct measuring, 1);
    measuring->work = (struct disk_work){run_measure, disk_measured, false};
    measuring->job = job;
    disk_submit(&measuring->work);
}

/* ---- Where files lie ------------------------------------------------------------------------- */

/* Files that are complete, on their way to where they stay: a picture as it came goes, when there
 * is what is the picture of it; the rest goes to the bucket, if there is one. */
struct moving {
    struct disk_work work;
    struct job *job;
    GPtrArray *gone, *kept; /* paths */
    GString *ids;           /* "{id,…}" */
    guint count;
    bool failed;
};

#define MOVED_AT_ONCE 20

static struct moving *moving_of(struct disk_work *work)
{
    return (struct moving *)(void *)work; /* its first member */
}

static void moving_end(struct moving *moving, enum error_code error)
{
    media_turn_end();
    bool more = moving->count >= MOVED_AT_ONCE;
    job_conclude(moving->job, error, more);
    g_ptr_array_unref(moving->gone);
    g_ptr_array_unref(moving->kept);
    g_string_free(moving->ids, TRUE);
    g_free(moving);
}

static void moves_noted(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    moving_end(data, error);
}

/* What is in the bucket is nowhere else. */
static void run_move(struct disk_work *work)
{
    struct moving *moving = moving_of(work);
    for (guint i = 0; i < moving->kept->len && !moving->failed; i++)
        moving->failed = !shelf_move(g_ptr_array_index(moving->kept, i));
    for (guint i = 0; i < moving->gone->len && !moving->failed; i++)
        moving->failed = !shelf_remove(g_ptr_array_index(moving->gone, i));
}

static void files_moved(struct disk_work *work)
{
    struct moving *moving = moving_of(work);
    struct core *core = job_core(moving->job);
    const char *values[] = {moving->ids->str};
    if (moving->failed || !core->archive)
        moving_end(moving, ERROR_UNAVAILABLE);
    else
        archive_query(core->archive, QUERY_FILE_MOVED, values, moves_noted, moving);
}

static void add_paths(struct moving *moving, const struct uuid *id, const char *parts_text)
{
    json_t *parts = parts_text ? json_loads(parts_text, 0, NULL) : NULL;
    bool has_clean = false;
    size_t i;
    const json_t *part;
    json_array_foreach(parts, i, part)
    {
        const char *name = json_string_value(json_object_get(part, "name"));
        if (name)
            g_ptr_array_add(moving->kept, shelf_path(media_folder(), id, name));
        has_clean = has_clean || (name && strcmp(name, "clean") == 0);
    }
    g_ptr_array_add(has_clean ? moving->gone : moving->kept, shelf_path(media_folder(), id, ""));
    json_decref(parts);
}

static void unmoved_found(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    guint count = error == ERROR_NONE && media_is_on() ? (guint)rows_count(rows) : 0;
    if (count == 0) {
        media_turn_end();
        job_conclude(job, error, false);
        return;
    }
    struct moving *moving = g_new0(struct moving, 1);
    moving->work = (struct disk_work){run_move, files_moved, bucket_is_set()};
    moving->job = job;
    moving->count = count;
    moving->gone = g_ptr_array_new_with_free_func(g_free);
    moving->kept = g_ptr_array_new_with_free_func(g_free);
    moving->ids = g_string_new("{");
    for (guint row = 0; row < count; row++) {
        struct uuid id;
        if (rows_uuid(rows, (int)row, FILE_UNMOVED_ID, &id))
            add_paths(moving, &id, rows_text(rows, (int)row, FILE_UNMOVED_PARTS));
        g_string_append_printf(moving->ids, "%s%s", row > 0 ? "," : "",
                               rows_text(rows, (int)row, FILE_UNMOVED_ID));
    }
    g_string_append_c(moving->ids, '}');
    disk_submit(&moving->work);
}

static void files_move(struct job *job)
{
    if (media_is_on() && media_turn_begin())
        archive_query(job_core(job)->archive, QUERY_FILE_UNMOVED,
                      (const char *[]){G_STRINGIFY(MOVED_AT_ONCE)}, unmoved_found, job);
    else
        job_conclude(job, ERROR_NONE, false);
}

static const struct job_kind jobs[] = {
    {.name = "media.keys", .interval = 3600, .run = keys_renew},
    {.name = "media.move", .interval = 30, .lock = 3600, .pool = JOB_MEDIA, .run = files_move},
    {.name = "media.bytes", .interval = 60, .run = bytes_count},
    {0},
};

const struct feature feature_media_care = {.name = "media_care", .jobs = jobs};
