/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who waits for trestle-image, and who comes next. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "bridge/base/buffer.h"
#include "bridge/base/image.h"
#include "bridge/base/log.h"
#include "bridge/loop/child.h"
#include "bridge/loop/loop.h"
#include "bridge/profile/picture.h"

#define WAITING_MAX 64
#define FOREIGN_WAITING_MAX 32
#define RUNNING_MAX 2
#define FOREIGN_RUNNING_MAX 1
#define OWNER_MAX 4 /* pictures of one owner under way */
#define INPUT_MAX (1024 * 1024)
#define OUTPUT_MAX (2 * 1024 * 1024)
#define SECONDS_MAX 15 /* of the clock; the program itself has two of the processor */

struct job {
    GBytes *bytes;
    picture_done done;
    void *data;
    char *owner;
    bool foreign;
    unsigned round;      /* how many of the owner's were under way when it came */
    struct child *child; /* while it runs */
};

static struct {
    GQueue waiting; /* struct job *, in the order in which they may start */
    GQueue running; /* struct job * */
    char *program;
} work;

static void start_next(void *data);

static void job_free(gpointer data)
{
    struct job *job = data;
    child_kill(job->child);
    g_bytes_unref(job->bytes);
    g_free(job->owner);
    g_free(job);
}

/* ---- The answer ------------------------------------------------------------------------------ */

void picture_hash(GBytes *bytes, char ret_hash[PICTURE_HASH_SIZE])
{
    g_autofree char *hash = g_compute_checksum_for_bytes(G_CHECKSUM_SHA1, bytes);
    g_strlcpy(ret_hash, hash, PICTURE_HASH_SIZE);
}

bool picture_is_hash(const char *text)
{
    return strlen(text) == PICTURE_HASH_SIZE - 1 &&
           strspn(text, "0123456789abcdef") == PICTURE_HASH_SIZE - 1;
}

/* Takes apart what the program wrote; nothing of it is believed. */
static bool read_made(const struct buffer *made, struct picture *ret)
{
    static const enum image_format formats[] = {IMAGE_PNG, IMAGE_JPEG};
    char type[32];
    size_t length;
    size_t png_length;
    const char *end = made->length > 0 ? memchr(made->data, '\n', MIN(made->length, 128)) : NULL;
    if (!end || sscanf(made->data, "trestle-image %31s %zu %zu %d %d\n", type, &length, &png_length,
                       &ret->width, &ret->height) != 5)
        return false;
    size_t head = (size_t)(end + 1 - made->data);
    size_t rest = made->length - head;
    if (length == 0 || length > rest || png_length == 0 || png_length != rest - length)
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++)
        if (strcmp(type, image_media_type(formats[i])) == 0)
            ret->type = image_media_type(formats[i]);
    if (!ret->type)
        return false;
    ret->image = g_bytes_new(made->data + head, length);
    ret->png = g_bytes_new(made->data + head + length, png_length);
    picture_hash(ret->png, ret->hash);
    return true;
}

static void job_finish(struct job *job, const struct picture *picture, enum error_code error)
{
    g_queue_remove(&work.running, job);
    job->done(picture, error, job->data);
    job_free(job);
    loop_defer(start_next, NULL);
}

static void program_ended(const struct buffer *output, int status, void *data)
{
    struct job *job = data;
    struct picture picture = {0};
    enum error_code error = ERROR_UNPROCESSABLE;
    job->child = NULL; /* it frees itself */
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && read_made(output, &picture)) {
        error = ERROR_NONE;
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
        log_error(AREA_MAIN, "no-picture-sandbox",
                  "hint=\"trestle-image could not take its rights away: a system call filter must "
                  "allow seccomp and prctl\"");
        error = ERROR_UNAVAILABLE;
    }
    job_finish(job, error == ERROR_NONE ? &picture : NULL, error);
    g_clear_pointer(&picture.image, g_bytes_unref);
    g_clear_pointer(&picture.png, g_bytes_unref);
}

static bool program_start(struct job *job)
{
    g_autoptr(GError) error = NULL;
    struct child_plan plan = {.program = work.program,
                              .input = job->bytes,
                              .output_max = OUTPUT_MAX,
                              .seconds = SECONDS_MAX,
                              .done = program_ended,
                              .data = job};
    job->child = child_start(&plan, &error);
    if (!job->child)
        log_error(AREA_MAIN, "no-picture-program", "error=%s", error->message);
    return job->child != NULL;
}

static unsigned count_owner(const GQueue *jobs, const char *owner)
{
    unsigned count = 0;
    for (const GList *link = jobs->head; link; link = link->next)
        count += strcmp(((const struct job *)link->data)->owner, owner) == 0;
    return count;
}

static unsigned count_foreign(const GQueue *jobs)
{
    unsigned count = 0;
    for (const GList *link = jobs->head; link; link = link->next)
        count += ((const struct job *)link->data)->foreign;
    return count;
}

static bool may_start(const struct job *job)
{
    return count_owner(&work.running, job->owner) == 0 &&
           !(job->foreign && count_foreign(&work.running) >= FOREIGN_RUNNING_MAX);
}

static void job_start(struct job *job)
{
    struct image_head head;
    size_t length = 0;
    const void *bytes = g_bytes_get_data(job->bytes, &length);
    g_queue_push_tail(&work.running, job);
    if (length > INPUT_MAX || !image_read_head(bytes, length, &head) || !image_is_bearable(&head))
        job_finish(job, NULL, ERROR_UNPROCESSABLE);
    else if (!program_start(job))
        job_finish(job, NULL, ERROR_UNAVAILABLE);
}

/* One at a time: whoever is told may come with another. A start that leaves room calls it again. */
static void start_next(void *data)
{
    (void)data;
    if (work.running.length >= RUNNING_MAX)
        return;
    for (GList *link = work.waiting.head; link; link = link->next) {
        struct job *job = link->data;
        if (!may_start(job))
            continue;
        g_queue_delete_link(&work.waiting, link);
        job_start(job);
        loop_defer(start_next, NULL);
        return;
    }
}

struct refusal {
    picture_done done;
    void *data;
    enum error_code error;
};

static void job_refuse(void *data)
{
    g_autofree struct refusal *refusal = data;
    refusal->done(NULL, refusal->error, refusal->data);
}

/* Why a picture of ORIGIN, of whom ROUND are under way, cannot be taken now; ERROR_NONE: it can. */
static enum error_code find_objection(const struct picture_origin *origin, unsigned round)
{
    if (round >= OWNER_MAX)
        return ERROR_CONFLICT;
    bool full = !work.program || work.waiting.length >= WAITING_MAX ||
                (origin->foreign && count_foreign(&work.waiting) >= FOREIGN_WAITING_MAX);
    return full ? ERROR_UNAVAILABLE : ERROR_NONE;
}

/* Own ones first, then by round; whoever comes later goes behind his equals. */
static int compare_jobs(gconstpointer there, gconstpointer new, gpointer data)
{
    const struct job *a = there;
    const struct job *b = new;
    (void)data;
    if (a->foreign != b->foreign)
        return a->foreign ? 1 : -1;
    return a->round > b->round ? 1 : -1;
}

void picture_make(GBytes *bytes, const struct picture_origin *origin, picture_done done, void *data)
{
    unsigned round =
        count_owner(&work.waiting, origin->owner) + count_owner(&work.running, origin->owner);
    enum error_code objection = find_objection(origin, round);
    if (objection != ERROR_NONE) {
        struct refusal *refusal = g_new(struct refusal, 1);
        *refusal = (struct refusal){done, data, objection};
        loop_defer(job_refuse, refusal);
        return;
    }
    struct job *job = g_new0(struct job, 1);
    *job = (struct job){.bytes = g_bytes_ref(bytes),
                        .done = done,
                        .data = data,
                        .owner = g_strdup(origin->owner),
                        .foreign = origin->foreign,
                        .round = round};
    g_queue_insert_sorted(&work.waiting, job, compare_jobs, NULL);
    loop_defer(start_next, NULL);
}

void pictures_start(void)
{
    work.program = child_program("trestle-image");
}

static void give_up(gpointer data)
{
    struct job *job = data;
    job->done(NULL, ERROR_UNAVAILABLE, job->data);
    job_free(job);
}

void pictures_stop(void)
{
    g_queue_clear_full(&work.running, give_up);
    g_queue_clear_full(&work.waiting, give_up);
    g_clear_pointer(&work.program, g_free);
}
