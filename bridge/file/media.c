/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is made of files, and what is found in them. One file at a time, whoever it is of: people
 * who chat come first. Until it is known what is in a file nobody gets it, and messages wait that
 * have it (core/message.c). */
#include "config.h"

#include <openssl/crypto.h>
#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/job/job.h"
#include "bridge/loop/disk.h"
#include "bridge/media/film.h"
#include "bridge/media/media.h"
#include "bridge/media/render.h"
#include "bridge/media/scan.h"
#include "bridge/media/shelf.h"
#include "bridge/media/type.h"

/* The file that is looked at. */
struct looking {
    struct disk_work work;
    struct job *job;
    struct core *core;
    struct uuid id;
    guint8 key[FILE_KEY_SIZE];
    guint64 size;
    bool renders, voice, pending; /* nobody has judged it yet */
    enum media_kind kind;
    json_t *found; /* what change_file_processed() is told */
};

static GQueue waiting; /* struct job */
static struct looking *current;

static void next_begin(void);

static void looking_end(enum job_result result, const char *code)
{
    struct looking *looking = g_steal_pointer(&current);
    struct job *job = looking->job;
    json_decref(looking->found);
    OPENSSL_cleanse(looking->key, sizeof looking->key);
    g_free(looking);
    job_end(job, result, NULL, code);
    next_begin();
}

static void run_clear(struct disk_work *work)
{
    shelf_clear(media_folder(), &((struct looking *)(void *)work)->id);
}

static void parts_cleared(struct disk_work *work)
{
    (void)work;
    looking_end(JOB_DONE, NULL);
}

static void file_told(const struct change_result *result, void *data)
{
    (void)data;
    if (result->error == ERROR_NONE && result->outcome == OUTCOME_NOT_FOUND && media_is_on()) {
        /* It has gone meanwhile, and whoever removed it did not know of what was made since. */
        current->work = (struct disk_work){run_clear, parts_cleared, false};
        disk_submit(&current->work);
    } else if (result->error == ERROR_NONE)
        looking_end(JOB_DONE, NULL);
    else
        looking_end(JOB_FAILED, error_info(result->error)->code);
}

/* What nobody objects to, the classifier sees now, as it will be handed out. */
static void found_to_classifier(void)
{
    json_t *found = current->found;
    const char *state = json_string_value(json_object_get(found, "state"));
    const char *scan = json_string_value(json_object_get(found, "scan"));
    if (!current->pending || g_strcmp0(state, "complete") != 0 || g_strcmp0(scan, "clean") != 0 ||
        !media_has_classifier(current->core->options))
        return;
    json_object_del(found, "scan");
    json_object_set_new(found, "classify", json_true());
}

static void found_tell(void)
{
    found_to_classifier();
    if (current->core->archive)
        change_submit(current->core, "file_processed", NULL, json_incref(current->found), file_told,
                      NULL);
    else
        looking_end(JOB_FAILED, error_info(ERROR_UNAVAILABLE)->code);
}

static const char *problem_of(enum error_code error)
{
    return error == ERROR_TOO_LARGE ? "it is too long" : "it cannot be read";
}

static void file_rendered(const struct rendered *rendered, void *data)
{
    (void)data;
    if (rendered->error == ERROR_NONE) {
        json_object_update(current->found, rendered->facts);
        json_object_set_new(current->found, "state", json_string("complete"));
        found_tell();
    } else if (rendered->error == ERROR_UNPROCESSABLE || rendered->error == ERROR_GONE ||
               rendered->error == ERROR_TOO_LARGE) {
        json_object_set_new(current->found, "state", json_string("error"));
        json_object_set_new(current->found, "problem", json_string(problem_of(rendered->error)));
        found_tell();
    } else {
        looking_end(JOB_FAILED, error_info(rendered->error)->code);
    }
}

static void render_begin(void)
{
    struct render_plan plan = {.folder = media_folder(),
                               .file = current->id,
                               .key = current->key,
                               .size = current->size,
                               .done = file_rendered};
    const struct options *options = current->core->options;
    struct film_plan film = {.render = plan,
                             .streams = strcmp(options->media_streams, "on") == 0,
                             .video = current->kind == MEDIA_VIDEO,
                             .most_seconds = current->kind == MEDIA_VIDEO
                                                 ? options->media_video_seconds
                                             : current->voice ? options->media_voice_seconds
                                                              : 0};
    if (current->kind == MEDIA_IMAGE)
        picture_render(&plan);
    else
        film_render(&film);
}

static void file_scanned(enum scan_verdict verdict, const char *name, void *data)
{
    static const char *const verdicts[] = {"clean", "infected", "held"};
    (void)data;
    if (verdict == SCAN_FAILED) {
        log_warning(AREA_MAIN, "no-scanner", "hint=\"clamd did not answer: files wait for it\"");
        looking_end(JOB_FAILED, error_info(ERROR_UNAVAILABLE)->code);
        return;
    }
    if (verdict != SCAN_CLEAN)
        log_warning(AREA_MAIN, "file-kept-back", "verdict=%s name=\"%s\"", verdicts[verdict],
                    name ? name : "");
    json_object_set_new(current->found, "scan", json_string(verdicts[verdict]));
    if (verdict == SCAN_CLEAN && current->renders) {
        render_begin();
        return;
    }
    json_object_set_new(current->found, "state", json_string("complete"));
    found_tell();
}

static void scan_begin(void)
{
    struct scan_plan plan = {.socket = current->core->options->media_scanner,
                             .folder = media_folder(),
                             .file = current->id,
                             .key = current->key,
                             .size = current->size,
                             .done = file_scanned};
    file_scan(&plan);
}

static bool looking_read(const struct rows *rows)
{
    rows_uuid(rows, 0, FILE_PROCESS_ID, &current->id);
    current->size = (guint64)rows_integer(rows, 0, FILE_PROCESS_SIZE);
    current->kind = media_type_kind(rows_text(rows, 0, FILE_PROCESS_TYPE));
    current->voice = strcmp(rows_text(rows, 0, FILE_PROCESS_PURPOSE), "voice") == 0;
    current->renders = strcmp(rows_text(rows, 0, FILE_PROCESS_STATE), "processing") == 0;
    current->pending = g_strcmp0(rows_text(rows, 0, FILE_PROCESS_SCAN), "pending") == 0;
    current->found = json_pack("{s:s}", "id", rows_text(rows, 0, FILE_PROCESS_ID));
    return media_key_open(&current->id, rows_text(rows, 0, FILE_PROCESS_KEY_NAME),
                          rows_text(rows, 0, FILE_PROCESS_KEY), current->key);
}

static void file_read(const struct rows *rows, enum error_code error, void *data)
{
    (void)data;
    if (error != ERROR_NONE || !media_is_on()) {
        looking_end(JOB_FAILED,
                    error_info(error != ERROR_NONE ? error : ERROR_NOT_AVAILABLE)->code);
        return;
    }
    if (rows_count(rows) == 0) {
        looking_end(JOB_DONE, NULL);
        return;
    }
    if (!looking_read(rows)) {
        looking_end(JOB_FAILED, "no_key");
        return;
    }
    if (current->pending && current->core->options->media_scanner)
        scan_begin();
    else if (current->pending) /* there is no scanner, or none any more */
        file_scanned(SCAN_CLEAN, NULL, NULL);
    else
        render_begin();
}

static void next_begin(void)
{
    struct job *job = current ? NULL : g_queue_pop_head(&waiting);
    if (!job)
        return;
    current = g_new0(struct looking, 1);
    current->job = job;
    current->core = job_core(job);
    const char *values[] = {job_key(job)};
    if (current->core->archive)
        archive_query(current->core->archive, QUERY_FILE_PROCESS, values, file_read, NULL);
    else
        looking_end(JOB_FAILED, error_info(ERROR_UNAVAILABLE)->code);
}

static void process_run(struct job *job)
{
    g_queue_push_tail(&waiting, job);
    next_begin();
}

/* What waits is begun again after the next start. */
static void media_drain(struct core *core)
{
    struct job *job;
    (void)core;
    while ((job = g_queue_pop_head(&waiting)))
        job_conclude(job, ERROR_UNAVAILABLE, false);
    render_stop();
    film_stop();
}

static const struct part part = {.name = "media", .drain = media_drain};

static const struct job_kind jobs[] = {
    {.name = "media.process",
     .lock = 3600,
     .retry = 2,
     .retry_max = 300,
     .pool = JOB_MEDIA,
     .run = process_run},
    {0},
};

const struct feature feature_media = {.name = "media", .part = &part, .jobs = jobs};
