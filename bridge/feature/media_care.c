/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the store needs now and then: keys of files that an old master key has encrypted are
 * encrypted by the newest one, so that the old one can go; and what files take is measured. */
#include "config.h"

#include <openssl/crypto.h>

#include "bridge/archive/archive.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/job/job.h"
#include "bridge/media/media.h"

#define AT_ONCE 200

/* ---- Keys ------------------------------------------------------------------------------------ */

static void job_finish(struct job *job, enum job_result result, enum error_code error)
{
    job_end(job, result, NULL, error != ERROR_NONE ? error_info(error)->code : NULL);
}

static void keys_stored(const struct rows *rows, enum error_code error, void *data)
{
    bool more = error == ERROR_NONE && rows_integer(rows, 0, FILE_REWRAP_COUNT) >= AT_ONCE;
    job_finish(data, error != ERROR_NONE ? JOB_FAILED : more ? JOB_MORE : JOB_DONE, error);
}

/* The file's key in ROW by the newest master key, base64; NULL: its own is not there. */
static char *key_renew(const struct rows *rows, int row)
{
    guint8 key[FILE_KEY_SIZE], fresh[FILE_KEY_WRAPPED_SIZE];
    struct uuid id;
    gsize length = 0;
    g_autofree guchar *wrapped = g_base64_decode(rows_text(rows, row, FILE_OLD_KEYS_KEY), &length);
    bool done = rows_uuid(rows, row, FILE_OLD_KEYS_ID, &id) && length == FILE_KEY_WRAPPED_SIZE &&
                vault_unwrap(media_vault(), rows_text(rows, row, FILE_OLD_KEYS_KEY_NAME), &id,
                             wrapped, key) &&
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
        job_finish(job, error != ERROR_NONE ? JOB_FAILED : JOB_DONE, error);
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
        job_finish(job, JOB_DONE, ERROR_NONE);
}

/* ---- Room ------------------------------------------------------------------------------------ */

static void bytes_counted(const struct rows *rows, enum error_code error, void *data)
{
    if (error == ERROR_NONE)
        metric_set(METRIC_MEDIA_BYTES, rows_integer(rows, 0, FILE_USED_BYTES));
    job_finish(data, error != ERROR_NONE ? JOB_FAILED : JOB_DONE, error);
}

static void bytes_count(struct job *job)
{
    archive_query(job_core(job)->archive, QUERY_FILE_USED, (const char *[]){NULL}, bytes_counted,
                  job);
}

static const struct job_kind jobs[] = {
    {.name = "media.keys", .interval = 3600, .run = keys_renew},
    {.name = "media.bytes", .interval = 60, .run = bytes_count},
    {0},
};

const struct feature feature_media_care = {.name = "media_care", .jobs = jobs};
