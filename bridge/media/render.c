/* SPDX-License-Identifier: GPL-3.0-or-later */
/* In three steps: a thread reads the file, the program makes what it makes, a thread stores that.
 */
#include "config.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "bridge/base/buffer.h"
#include "bridge/base/log.h"
#include "bridge/loop/child.h"
#include "bridge/loop/disk.h"
#include "bridge/media/plain.h"
#include "bridge/media/render.h"
#include "bridge/media/vault.h"

#define MADE_MAX (32 * 1024 * 1024) /* bytes of all parts, besides the file itself, twice */
#define SECONDS_MAX 60
#define PARTS_MAX 16

struct rendering {
    struct disk_work work;
    struct render_plan plan;
    guint8 key[FILE_KEY_SIZE];
    GBytes *bytes; /* the file, then what the program has made of it */
    json_t *facts;
    enum error_code error;
    struct child *child;
};

static struct rendering *running; /* its program is at work */
static bool stopped;              /* no program begins any more */

static struct rendering *rendering_of(struct disk_work *work)
{
    return (struct rendering *)(void *)work; /* its first member */
}

static void rendering_end(struct rendering *rendering)
{
    struct rendered rendered = {rendering->error, rendering->facts};
    rendering->plan.done(&rendered, rendering->plan.data);
    OPENSSL_cleanse(rendering->key, sizeof rendering->key);
    g_clear_pointer(&rendering->bytes, g_bytes_unref);
    json_decref(rendering->facts);
    g_free(rendering);
}

/* ---- Storing --------------------------------------------------------------------------------- */

struct cursor {
    const char *at;
    size_t left;
};

/* The next line, without its end; false: there is none. */
static bool line_next(struct cursor *cursor, char *ret_line, size_t size)
{
    const char *end = memchr(cursor->at, '\n', cursor->left);
    size_t length = end ? (size_t)(end - cursor->at) : 0;
    if (!end || length >= size)
        return false;
    memcpy(ret_line, cursor->at, length);
    ret_line[length] = '\0';
    cursor->left -= length + 1;
    cursor->at = end + 1;
    return true;
}

/* What the program says of a part, and where that lies. */
struct told {
    char name[24], type[48];
    const char *bytes;
    size_t length;
    int width, height;
};

/* The next part, if all of it is there. */
static bool part_next(struct cursor *cursor, struct told *ret)
{
    char line[160];
    if (cursor->left == 0 || !line_next(cursor, line, sizeof line) ||
        sscanf(line, "%23[a-z0-9.] %47[a-z/] %zu %d %d", ret->name, ret->type, &ret->length,
               &ret->width, &ret->height) != 5 ||
        ret->length == 0 || ret->length > cursor->left)
        return false;
    ret->bytes = cursor->at;
    cursor->at += ret->length;
    cursor->left -= ret->length;
    return true;
}

static bool is_clean(const struct told *told)
{
    return strcmp(told->name, "clean") == 0;
}

static enum error_code part_store(const struct render_parts_plan *plan, const struct told *told,
                                  json_t *parts)
{
    const char *kept = is_clean(told) ? plan->clean : told->name;
    struct plain_place place = {plan->folder, plan->file, kept, plan->key};
    enum error_code error = plain_store(&place, (const guint8 *)told->bytes, told->length);
    if (error != ERROR_NONE)
        return error;
    g_autofree char *sha256 =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)told->bytes, told->length);
    json_array_append_new(parts, json_pack("{s:s, s:s, s:I, s:i, s:i, s:s}", "name", kept, "type",
                                           told->type, "size", (json_int_t)told->length, "width",
                                           told->width, "height", told->height, "sha256", sha256));
    return ERROR_NONE;
}

json_t *render_parts_store(const struct render_parts_plan *plan, GBytes *output, json_t *parts,
                           enum error_code *ret_error)
{
    struct cursor cursor = {0};
    char line[64];
    int width, height;
    unsigned count = 0, cleans = 0;
    struct told told;
    cursor.at = g_bytes_get_data(output, &cursor.left);
    if (cursor.left == 0 || !line_next(&cursor, line, sizeof line) ||
        sscanf(line, "trestle-media %d %d", &width, &height) != 2)
        return NULL;
    for (struct cursor ahead = cursor; count < PARTS_MAX && part_next(&ahead, &told); count++)
        cleans += is_clean(&told);
    /* Of the picture itself the last one counts. */
    while (count-- > 0 && *ret_error == ERROR_NONE && part_next(&cursor, &told)) {
        if (!is_clean(&told) || --cleans == 0)
            *ret_error = part_store(plan, &told, parts);
    }
    return json_pack("{s:i, s:i}", "width", width, "height", height);
}

static void run_store(struct disk_work *work)
{
    struct rendering *rendering = rendering_of(work);
    struct render_parts_plan plan = {rendering->plan.folder, rendering->plan.file, rendering->key,
                                     "clean"};
    json_t *parts = json_array();
    rendering->facts = render_parts_store(&plan, rendering->bytes, parts, &rendering->error);
    if (rendering->facts)
        json_object_set(rendering->facts, "parts", parts);
    else
        rendering->error = ERROR_UNPROCESSABLE;
    json_decref(parts);
}

static void store_done(struct disk_work *work)
{
    rendering_end(rendering_of(work));
}

/* ---- The program ----------------------------------------------------------------------------- */

/* A program that died in the middle has made what it has made. */
static void program_ended(const struct buffer *output, int status, void *data)
{
    struct rendering *rendering = data;
    rendering->child = NULL;
    running = NULL;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        log_error(AREA_MAIN, "no-media-sandbox",
                  "hint=\"trestle-media could not take its rights away: a system call filter must "
                  "allow seccomp and prctl\"");
    if (output->length == 0) {
        rendering->error = ERROR_UNPROCESSABLE;
        rendering_end(rendering);
        return;
    }
    g_clear_pointer(&rendering->bytes, g_bytes_unref);
    rendering->bytes = g_bytes_new(output->data, output->length);
    rendering->work = (struct disk_work){run_store, store_done, false};
    disk_submit(&rendering->work);
}

static void run_read(struct disk_work *work)
{
    struct rendering *rendering = rendering_of(work);
    struct plain_place place = {rendering->plan.folder, rendering->plan.file, "", rendering->key};
    rendering->bytes = plain_read(&place, rendering->plan.size);
}

static void read_done(struct disk_work *work)
{
    struct rendering *rendering = rendering_of(work);
    g_autoptr(GError) error = NULL;
    g_autofree char *program = child_program("trestle-media");
    if (!rendering->bytes || stopped) {
        rendering->error = stopped ? ERROR_UNAVAILABLE : ERROR_GONE;
        rendering_end(rendering);
        return;
    }
    struct child_plan plan = {.program = program,
                              .input = rendering->bytes,
                              .output_max = 2 * (size_t)rendering->plan.size + MADE_MAX,
                              .seconds = SECONDS_MAX,
                              .done = program_ended,
                              .data = rendering};
    rendering->child = child_start(&plan, &error);
    running = rendering;
    if (rendering->child)
        return;
    log_error(AREA_MAIN, "no-media-program", "error=%s", error->message);
    running = NULL;
    rendering->error = ERROR_UNAVAILABLE;
    rendering_end(rendering);
}

void render_start(void)
{
    stopped = false;
}

void picture_render(const struct render_plan *plan)
{
    struct rendering *rendering = g_new0(struct rendering, 1);
    rendering->work = (struct disk_work){run_read, read_done, false};
    rendering->plan = *plan;
    memcpy(rendering->key, plan->key, sizeof rendering->key);
    disk_submit(&rendering->work);
}

void render_stop(void)
{
    struct rendering *rendering = g_steal_pointer(&running);
    stopped = true;
    if (!rendering)
        return;
    child_kill(rendering->child);
    rendering->error = ERROR_UNAVAILABLE;
    rendering_end(rendering);
}
