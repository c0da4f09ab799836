/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The program is looked for beside our own, where a build has it, then where it is installed. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/base/buffer.h"
#include "bridge/base/image.h"
#include "bridge/base/log.h"
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
    unsigned round; /* how many of the owner's were under way when it came */
    /* while it runs */
    GPid pid;
    struct end {
        int fd; /* -1: closed */
        guint source;
    } input, output;
    size_t written;
    struct buffer made;
    guint reaper, deadline;
    int status;
    bool reaped;
};

static struct {
    GQueue waiting; /* struct job *, in the order in which they may start */
    GQueue running; /* struct job * */
    char *program;
} work;

static void start_next(void *data);

static void close_end(struct end *end)
{
    if (end->source)
        g_source_remove(end->source);
    if (end->fd >= 0)
        close(end->fd);
    *end = (struct end){.fd = -1};
}

static void job_free(gpointer data)
{
    struct job *job = data;
    close_end(&job->input);
    close_end(&job->output);
    if (job->reaper)
        g_source_remove(job->reaper);
    if (job->deadline)
        g_source_remove(job->deadline);
    if (job->pid && !job->reaped) {
        kill(job->pid, SIGKILL);
        waitpid(job->pid, NULL, 0); /* it dies at once */
    }
    buffer_clear(&job->made);
    g_bytes_unref(job->bytes);
    g_free(job->owner);
    g_free(job);
}

/* ---- The answer ------------------------------------------------------------------------------------ */

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

static void finish(struct job *job, enum error_code error)
{
    struct picture picture = {0};
    bool good = error == ERROR_NONE && WIFEXITED(job->status) && WEXITSTATUS(job->status) == 0 &&
                read_made(&job->made, &picture);
    if (error == ERROR_NONE && WIFEXITED(job->status) && WEXITSTATUS(job->status) == 2) {
        log_error(AREA_MAIN, "no-picture-sandbox",
                  "hint=\"trestle-image could not take its rights away: a system call filter must "
                  "allow seccomp and prctl\"");
        error = ERROR_UNAVAILABLE;
    } else if (error == ERROR_NONE && !good) {
        error = ERROR_UNPROCESSABLE;
    }
    g_queue_remove(&work.running, job);
    job->done(good ? &picture : NULL, error, job->data);
    g_clear_pointer(&picture.image, g_bytes_unref);
    g_clear_pointer(&picture.png, g_bytes_unref);
    job_free(job);
    loop_defer(start_next, NULL);
}

static void finish_if_over(struct job *job)
{
    if (job->reaped && job->output.fd < 0)
        finish(job, ERROR_NONE);
}

/* ---- The process ----------------------------------------------------------------------------------- */

/* The two ends of the pipes are GLib's sources: they live shorter than the loop's epoll set. */
static gboolean on_input(gint fd, GIOCondition condition, gpointer data)
{
    struct job *job = data;
    size_t length = 0;
    const char *bytes = g_bytes_get_data(job->bytes, &length);
    (void)condition;
    ssize_t count = write(fd, bytes + job->written, length - job->written);
    if (count > 0)
        job->written += (size_t)count;
    if (job->written == length || (count < 0 && errno != EAGAIN && errno != EINTR)) {
        job->input.source = 0;
        close_end(&job->input);
        return G_SOURCE_REMOVE;
    }
    return G_SOURCE_CONTINUE;
}

static gboolean on_output(gint fd, GIOCondition condition, gpointer data)
{
    struct job *job = data;
    char bytes[65536];
    (void)condition;
    ssize_t count = read(fd, bytes, sizeof bytes);
    if (count > 0 && buffer_append(&job->made, bytes, (size_t)count))
        return G_SOURCE_CONTINUE;
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return G_SOURCE_CONTINUE;
    job->output.source = 0;
    close_end(&job->output);
    finish_if_over(job);
    return G_SOURCE_REMOVE;
}

static void on_reaped(GPid pid, gint status, gpointer data)
{
    struct job *job = data;
    (void)pid;
    job->reaper = 0;
    job->reaped = true;
    job->status = status;
    finish_if_over(job);
}

static gboolean on_deadline(gpointer data)
{
    struct job *job = data;
    job->deadline = 0;
    kill(job->pid, SIGKILL);
    return G_SOURCE_REMOVE;
}

static bool spawn(struct job *job)
{
    char *argv[] = {work.program, NULL};
    char *environment[] = {NULL};
    int input = -1;
    int output = -1;
    g_autoptr(GError) error = NULL;
    /* Our descriptors are all close-on-exec; the flag spares a fork of this process. */
    if (!g_spawn_async_with_pipes(NULL, argv, environment,
                                  G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_LEAVE_DESCRIPTORS_OPEN |
                                      G_SPAWN_CLOEXEC_PIPES | G_SPAWN_STDERR_TO_DEV_NULL,
                                  NULL, NULL, &job->pid, &input, &output, NULL, &error)) {
        log_error(AREA_MAIN, "no-picture-program", "error=%s", error->message);
        return false;
    }
    fcntl(input, F_SETFL, O_NONBLOCK);
    fcntl(output, F_SETFL, O_NONBLOCK);
    job->input = (struct end){input, g_unix_fd_add(input, G_IO_OUT, on_input, job)};
    job->output = (struct end){output, g_unix_fd_add(output, G_IO_IN, on_output, job)};
    job->reaper = g_child_watch_add(job->pid, on_reaped, job);
    job->deadline = g_timeout_add_seconds(SECONDS_MAX, on_deadline, job);
    return true;
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
        finish(job, ERROR_UNPROCESSABLE);
    else if (!spawn(job))
        finish(job, ERROR_UNAVAILABLE);
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

static void refuse(void *data)
{
    g_autofree struct refusal *refusal = data;
    refusal->done(NULL, refusal->error, refusal->data);
}

/* Why a picture of ORIGIN, of whom ROUND are under way, cannot be taken now; ERROR_NONE: it can. */
static enum error_code find_objection(const struct picture_origin *origin, unsigned round)
{
    if (round >= OWNER_MAX)
        return ERROR_CONFLICT;
    bool full = work.waiting.length >= WAITING_MAX ||
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
        loop_defer(refuse, refusal);
        return;
    }
    struct job *job = g_new0(struct job, 1);
    *job = (struct job){.bytes = g_bytes_ref(bytes),
                        .done = done,
                        .data = data,
                        .owner = g_strdup(origin->owner),
                        .foreign = origin->foreign,
                        .round = round,
                        .input = {.fd = -1},
                        .output = {.fd = -1}};
    buffer_init(&job->made, OUTPUT_MAX);
    g_queue_insert_sorted(&work.waiting, job, compare_jobs, NULL);
    loop_defer(start_next, NULL);
}

void pictures_start(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname(self ? self : "/");
    work.program = g_build_filename(folder, "trestle-image", NULL);
    if (g_access(work.program, X_OK) == 0)
        return;
    g_free(work.program);
    work.program = g_strdup(TRESTLE_LIBEXECDIR "/trestle-image");
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
