/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of messages from XMPP that lie on other servers: got from there, so that they are scanned
 * and shown smaller like those that were uploaded here, and nobody who looks is seen by who hosts
 * them. What cannot be had stays a link. */
#include "config.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/job/job.h"
#include "bridge/loop/disk.h"
#include "bridge/media/adopt.h"
#include "bridge/media/bucket.h"
#include "bridge/media/fetch.h"
#include "bridge/media/media.h"
#include "bridge/media/shelf.h"
#include "bridge/media/type.h"

#define SECONDS_MAX 300
#define ATTEMPT_MAX 3600 /* seconds between attempts, at most */

struct getting {
    struct disk_work work; /* its first member */
    struct job *job;
    struct core *core;
    struct uuid id;
    guint8 key[FILE_KEY_SIZE];
    int fd;
    bool stored; /* its bytes are on the shelf */
    char *type, *aesgcm, *sha256;
};

static void getting_end(struct getting *getting, enum error_code error)
{
    job_conclude(getting->job, error, false);
    if (getting->fd >= 0)
        close(getting->fd);
    OPENSSL_cleanse(getting->key, sizeof getting->key);
    g_free(getting->type);
    g_free(getting->aesgcm);
    g_free(getting->sha256);
    g_free(getting);
}

/* ---- What is known of it now ----------------------------------------------------------------- */

static struct getting *getting_of(struct disk_work *work)
{
    return (struct getting *)(void *)work;
}

static void run_discard(struct disk_work *work)
{
    struct getting *getting = getting_of(work);
    g_autofree char *path = shelf_path(media_folder(), &getting->id, "");
    getting->stored = !shelf_remove(path);
}

static void bytes_discarded(struct disk_work *work)
{
    struct getting *getting = getting_of(work);
    getting_end(getting, getting->stored ? ERROR_UNAVAILABLE : ERROR_NONE);
}

/* Bytes for which there is no room, or of which no row knows, do not stay: no quota has them. */
static void file_noted(const struct change_result *result, void *data)
{
    struct getting *getting = data;
    bool lost = result->error == ERROR_NONE && json_is_false(json_object_get(result->json, "kept"));
    if (!getting->stored || !lost || !media_is_on()) {
        getting_end(getting, result->error);
        return;
    }
    getting->work = (struct disk_work){run_discard, bytes_discarded, bucket_is_set()};
    disk_submit(&getting->work);
}

/* ARGUMENTS is taken. */
static void file_note(struct getting *getting, json_t *arguments)
{
    json_object_set_new(arguments, "id", json_string(job_key(getting->job)));
    if (getting->core->archive) {
        change_submit(getting->core, "file_fetched", NULL, arguments, file_noted, getting);
        return;
    }
    json_decref(arguments);
    getting_end(getting, ERROR_UNAVAILABLE);
}

static void problem_note(struct getting *getting, const char *problem)
{
    file_note(getting, json_pack("{s:s}", "problem", problem));
}

static void file_adopted(const struct adopted *adopted, void *data)
{
    struct getting *getting = data;
    const struct options *options = getting->core->options;
    guint8 wrapped[FILE_KEY_WRAPPED_SIZE];
    if (adopted->error == ERROR_UNPROCESSABLE) {
        problem_note(getting, "it is not what it was said to be");
        return;
    }
    if (adopted->error != ERROR_NONE || !media_is_on() ||
        !vault_wrap(media_vault(), &getting->id, getting->key, wrapped)) {
        getting_end(getting, adopted->error != ERROR_NONE ? adopted->error : ERROR_UNAVAILABLE);
        return;
    }
    getting->stored = true;
    g_autofree char *key = g_base64_encode(wrapped, sizeof wrapped);
    bool rendered = media_type_is_rendered(adopted->type, media_has_films());
    file_note(getting, json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s*, s:I, s:I}", "key", key,
                                 "key_name", vault_newest(media_vault()), "size",
                                 (json_int_t)adopted->size, "sha256", adopted->sha256, "type",
                                 adopted->type, "kind", media_kinds[media_type_kind(adopted->type)],
                                 "state", rendered ? "processing" : "complete", "scan",
                                 media_is_judged(options) ? "pending" : NULL, "quota_user",
                                 (json_int_t)options->media_quota_user, "quota_total",
                                 (json_int_t)options->media_quota_total));
}

/* ---- Getting it ------------------------------------------------------------------------------ */

static void file_fetched(const struct fetched *fetched, void *data)
{
    static const char *const problems[] = {
        [FETCH_FORBIDDEN] = "it lies where nobody goes",
        [FETCH_TOO_LARGE] = "it is too large",
        [FETCH_REFUSED] = "its server does not have it",
    };
    struct getting *getting = data;
    enum fetch_outcome outcome = fetched->outcome;
    if (outcome != FETCH_DONE) {
        const char *problem = outcome < G_N_ELEMENTS(problems) ? problems[outcome] : NULL;
        if (problem)
            problem_note(getting, problem);
        else
            getting_end(getting, ERROR_UNAVAILABLE);
        return;
    }
    if (!media_is_on() || RAND_bytes(getting->key, sizeof getting->key) != 1) {
        getting_end(getting, ERROR_UNAVAILABLE);
        return;
    }
    struct adopt_plan plan = {.folder = media_folder(),
                              .file = getting->id,
                              .key = getting->key,
                              .fd = getting->fd,
                              .type = getting->type,
                              .told = fetched->type,
                              .aesgcm = getting->aesgcm,
                              .sha256 = getting->sha256,
                              .done = file_adopted,
                              .data = getting};
    file_adopt(&plan);
}

/* Where a link leads to: aesgcm: has the key behind the #. Caller frees. */
static char *url_read(struct getting *getting, const char *url)
{
    const char *hash = strchr(url, '#');
    g_autofree char *plain = g_strndup(url, hash ? (size_t)(hash - url) : strlen(url));
    if (!g_str_has_prefix(plain, "aesgcm://"))
        return g_steal_pointer(&plain);
    getting->aesgcm = g_strdup(hash ? hash + 1 : "");
    return g_strconcat("https://", plain + strlen("aesgcm://"), NULL);
}

static void file_get(struct getting *getting, const struct rows *rows)
{
    g_autofree char *url = url_read(getting, rows_text(rows, 0, FILE_REMOTE_URL));
    getting->type = g_strdup(rows_text(rows, 0, FILE_REMOTE_TYPE));
    getting->sha256 = g_strdup(rows_text(rows, 0, FILE_REMOTE_SHA256));
    getting->fd = memfd_create("file", MFD_CLOEXEC);
    if (getting->fd < 0) {
        getting_end(getting, ERROR_UNAVAILABLE);
        return;
    }
    struct fetch_plan plan = {.url = url,
                              .kind = FETCH_FILE,
                              .most = getting->core->options->fetch_file_max,
                              .seconds = SECONDS_MAX,
                              .fd = getting->fd,
                              .done = file_fetched,
                              .data = getting};
    fetch_begin(&plan);
}

static void file_wanted(const struct rows *rows, enum error_code error, void *data)
{
    struct getting *getting = data;
    if (error != ERROR_NONE || rows_count(rows) == 0)
        getting_end(getting, error);
    else if (rows_integer(rows, 0, FILE_REMOTE_SIZE) > getting->core->options->fetch_file_max)
        problem_note(getting, "it is too large");
    else
        file_get(getting, rows);
}

static void file_run(struct job *job)
{
    struct core *core = job_core(job);
    struct uuid id;
    if (strcmp(core->options->fetch_files, "on") != 0 || !media_is_on() ||
        !uuid_parse(job_key(job), &id)) {
        job_end(job, JOB_DONE, NULL, NULL);
        return;
    }
    struct getting *getting = g_new0(struct getting, 1);
    *getting = (struct getting){.job = job, .core = core, .id = id, .fd = -1};
    archive_query(core->archive, QUERY_FILE_REMOTE, (const char *[]){job_key(job)}, file_wanted,
                  getting);
}

static const struct job_kind jobs[] = {
    {.name = "file.fetch",
     .lock = 600,
     .retry = 30,
     .retry_max = ATTEMPT_MAX,
     .pool = JOB_SLOW,
     .run = file_run},
    {0},
};

const struct feature feature_foreign_file = {.name = "foreign_file", .jobs = jobs};
