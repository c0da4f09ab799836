/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The file lies decrypted in a descriptor without a name (memfd), which no disk has, while programs
 * look at it one after another. What one of them cannot do is left out. */
#include "config.h"

#include <math.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/base/buffer.h"
#include "bridge/base/log.h"
#include "bridge/loop/child.h"
#include "bridge/loop/disk.h"
#include "bridge/media/film.h"
#include "bridge/media/plain.h"
#include "bridge/media/probe.h"
#include "bridge/media/vault.h"
#include "bridge/media/wave.h"

#define SAMPLES_A_SECOND 4000
#define PROBE_MAX (256 * 1024)
#define SOUND_MAX (64 * 1024 * 1024)
#define POSTER_MAX (8 * 1024 * 1024)
#define SECONDS_MAX 60
#define PROGRESS_MAX (256 * 1024)
#define FILM_SECONDS_MAX 1800 /* of the clock; the program has less of the processor */

struct filming {
    struct disk_work work;
    struct film_plan plan;
    guint8 key[FILE_KEY_SIZE];
    int fds[2]; /* the file, and what is made of it */
    json_t *facts, *parts;
    enum error_code error;
    struct child *child;
    bool copies; /* it is what clients can show already */
    bool opus;
    double seconds; /* as it says */
    int width, height;
    unsigned stream;  /* how many of ladder[] were begun */
    json_t *segments; /* of the one that is made: [[milliseconds, offset, bytes], …] */
    GBytes *made;
    const char *made_type;
};

static struct filming *running; /* a program of its is at work */
static bool stopped;            /* none begins any more */

static struct filming *filming_of(struct disk_work *work)
{
    return (struct filming *)(void *)work; /* its first member */
}

static void filming_end(struct filming *filming)
{
    struct rendered rendered = {filming->error, filming->facts};
    filming->plan.render.done(&rendered, filming->plan.render.data);
    for (size_t i = 0; i < G_N_ELEMENTS(filming->fds); i++) {
        if (filming->fds[i] >= 0)
            close(filming->fds[i]);
    }
    OPENSSL_cleanse(filming->key, sizeof filming->key);
    g_clear_pointer(&filming->made, g_bytes_unref);
    json_decref(filming->facts);
    json_decref(filming->segments);
    g_free(filming);
}

/* ---- How long it is -------------------------------------------------------------------------- */

/* Whether it may last SECONDS, as it says or as was seen. */
static bool length_is_fine(struct filming *filming, double seconds)
{
    if (seconds > 0 && seconds < PROBE_DURATION_MAX)
        json_object_set_new(filming->facts, "duration", json_integer((json_int_t)(seconds * 1000)));
    if (filming->plan.most_seconds <= 0 || seconds <= (double)filming->plan.most_seconds + 1)
        return true;
    filming->error = ERROR_TOO_LARGE;
    return false;
}

/* ---- Programs -------------------------------------------------------------------------------- */

struct step {
    const char *argument; /* of trestle-media, see bridge/image/tool.h; NULL: a picture */
    size_t output_max;
    unsigned seconds;
    /* The program has ended, well or not. */
    void (*done)(struct filming *filming, const struct buffer *output, bool well);
};

static const struct step *current; /* of `running` */

static void step_ended(const struct buffer *output, int status, void *data)
{
    struct filming *filming = data;
    const struct step *step = current;
    filming->child = NULL;
    running = NULL;
    step->done(filming, output, WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* INPUT may be NULL. */
static void step_begin(struct filming *filming, const struct step *step, GBytes *input)
{
    static const struct buffer nothing = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *program = child_program("trestle-media");
    struct child_plan plan = {.program = program,
                              .argument = step->argument,
                              .input = input,
                              .fds = filming->fds,
                              .output_max = step->output_max,
                              .seconds = step->seconds,
                              .done = step_ended,
                              .data = filming};
    if (stopped) {
        filming->error = ERROR_UNAVAILABLE;
        filming_end(filming);
        return;
    }
    lseek(filming->fds[0], 0, SEEK_SET);
    filming->child = child_start(&plan, &error);
    if (filming->child) {
        current = step;
        running = filming;
        return;
    }
    log_error(AREA_MAIN, "no-media-program", "error=%s", error->message);
    step->done(filming, &nothing, false);
}

/* ---- What is made is stored ------------------------------------------------------------------ */

static json_t *part_json(const char *name, const char *type, const guint8 *data, size_t length)
{
    g_autofree char *sha256 = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, length);
    return json_pack("{s:s, s:s, s:I, s:s}", "name", name, "type", type, "size", (json_int_t)length,
                     "sha256", sha256);
}

static void part_store(struct filming *filming, const char *name, const char *type,
                       const guint8 *data, size_t length)
{
    struct plain_place place = {filming->plan.render.folder, filming->plan.render.file, name,
                                filming->key};
    if (length == 0)
        return;
    filming->error = plain_store(&place, data, length);
    if (filming->error != ERROR_NONE)
        return;
    json_t *part = part_json(name, type, data, length);
    if (filming->width > 0) {
        json_object_set_new(part, "width", json_integer(filming->width));
        json_object_set_new(part, "height", json_integer(filming->height));
    }
    json_array_append_new(filming->parts, part);
}

static void run_store_film(struct disk_work *work)
{
    struct filming *filming = filming_of(work);
    struct stat state;
    if (filming->made) {
        size_t length = 0;
        const guint8 *data = g_bytes_get_data(filming->made, &length);
        part_store(filming, "clean", filming->made_type, data, length);
        return;
    }
    if (fstat(filming->fds[1], &state) != 0 || state.st_size <= 0)
        return;
    void *data = mmap(NULL, (size_t)state.st_size, PROT_READ, MAP_SHARED, filming->fds[1], 0);
    if (data == MAP_FAILED) {
        filming->error = ERROR_UNAVAILABLE;
        return;
    }
    part_store(filming, "clean", filming->made_type, data, (size_t)state.st_size);
    munmap(data, (size_t)state.st_size);
}

static void stream_next(struct filming *filming);

static void film_stored(struct disk_work *work)
{
    struct filming *filming = filming_of(work);
    bool streams = filming->plan.video && filming->plan.streams;
    if (streams && filming->error == ERROR_NONE)
        stream_next(filming);
    else
        filming_end(filming);
}

static void film_store(struct filming *filming, const char *type)
{
    filming->made_type = type;
    filming->work = (struct disk_work){run_store_film, film_stored, false};
    disk_submit(&filming->work);
}

/* ---- Streams --------------------------------------------------------------------------------- */

#define PLAYLIST_MAX (512 * 1024)

static const struct {
    const char *part;
    int side; /* the shorter one of its picture, at most */
} ladder[] = {{"720.ts", 720}, {"360.ts", 360}};

/* It has the segments by which it is played. */
static void run_store_stream(struct disk_work *work)
{
    struct filming *filming = filming_of(work);
    struct stat state;
    const char *name = ladder[filming->stream - 1].part;
    int side = ladder[filming->stream - 1].side;
    size_t before = json_array_size(filming->parts);
    if (fstat(filming->fds[1], &state) != 0 || state.st_size <= 0)
        return;
    void *data = mmap(NULL, (size_t)state.st_size, PROT_READ, MAP_SHARED, filming->fds[1], 0);
    if (data == MAP_FAILED)
        return;
    part_store(filming, name, "video/mp2t", data, (size_t)state.st_size);
    munmap(data, (size_t)state.st_size);
    if (json_array_size(filming->parts) == before)
        return;
    json_t *part = json_array_get(filming->parts, before);
    int shorter = MIN(filming->width, filming->height);
    if (shorter > side) {
        json_object_set_new(part, "width", json_integer(filming->width * side / shorter));
        json_object_set_new(part, "height", json_integer(filming->height * side / shorter));
    }
    json_object_set(part, "segments", filming->segments);
}

static void stream_stored(struct disk_work *work)
{
    struct filming *filming = filming_of(work);
    g_clear_pointer(&filming->segments, json_decref);
    if (filming->error != ERROR_NONE)
        filming_end(filming);
    else
        stream_next(filming);
}

/* One that cannot be made is left out: there is the MP4. */
static void stream_made(struct filming *filming, const struct buffer *output, bool well)
{
    filming->segments = well ? probe_segments(output->data, output->length) : NULL;
    if (!filming->segments) {
        stream_next(filming);
        return;
    }
    filming->work = (struct disk_work){run_store_stream, stream_stored, false};
    disk_submit(&filming->work);
}

/* Of what was made, which takes the place of the file. */
static void stream_next(struct filming *filming)
{
    static const struct step steps[] = {
        {"stream", PLAYLIST_MAX, FILM_SECONDS_MAX, stream_made},
        {"low", PLAYLIST_MAX, FILM_SECONDS_MAX, stream_made},
    };
    unsigned next = filming->stream++;
    bool wanted = next == 0 || (next < G_N_ELEMENTS(steps) &&
                                MIN(filming->width, filming->height) > ladder[next].side);
    if (next == 0) {
        close(filming->fds[0]);
        filming->fds[0] = filming->fds[1];
    } else {
        close(filming->fds[1]);
    }
    filming->fds[1] = memfd_create("made", MFD_CLOEXEC);
    if (!wanted || filming->fds[1] < 0)
        filming_end(filming);
    else
        step_begin(filming, &steps[next], NULL);
}

/* ---- Videos ---------------------------------------------------------------------------------- */

static void film_made(struct filming *filming, const struct buffer *output, bool well)
{
    double seconds = well ? probe_progress(output->data, output->length) : 0;
    bool lied = fabs(seconds - filming->seconds) > 1;
    if (!well || (lied && !length_is_fine(filming, seconds)))
        filming_end(filming);
    else
        film_store(filming, "video/mp4");
}

static void film_begin(struct filming *filming)
{
    static const struct step copy = {"copy", PROGRESS_MAX, FILM_SECONDS_MAX, film_made};
    static const struct step mp4 = {"mp4", PROGRESS_MAX, FILM_SECONDS_MAX, film_made};
    step_begin(filming, filming->copies ? &copy : &mp4, NULL);
}

static void run_store_poster(struct disk_work *work)
{
    struct filming *filming = filming_of(work);
    struct render_parts_plan plan = {.folder = filming->plan.render.folder,
                                     .file = filming->plan.render.file,
                                     .key = filming->key,
                                     .clean = "poster.jpeg"};
    json_decref(render_parts_store(&plan, filming->made, filming->parts, &filming->error));
}

static void poster_stored(struct disk_work *work)
{
    struct filming *filming = filming_of(work);
    g_clear_pointer(&filming->made, g_bytes_unref);
    if (filming->error != ERROR_NONE)
        filming_end(filming);
    else
        film_begin(filming);
}

static void poster_rendered(struct filming *filming, const struct buffer *output, bool well)
{
    (void)well;
    filming->made = g_bytes_new(output->data, output->length);
    filming->work = (struct disk_work){run_store_poster, poster_stored, false};
    disk_submit(&filming->work);
}

static void poster_made(struct filming *filming, const struct buffer *output, bool well)
{
    static const struct step picture = {NULL, 2 * POSTER_MAX, SECONDS_MAX, poster_rendered};
    if (!well || output->length == 0) {
        film_begin(filming);
        return;
    }
    g_autoptr(GBytes) poster = g_bytes_new(output->data, output->length);
    step_begin(filming, &picture, poster);
}

/* ---- Sounds ---------------------------------------------------------------------------------- */

static void ogg_made(struct filming *filming, const struct buffer *output, bool well)
{
    if (!well || output->length == 0) {
        filming_end(filming);
        return;
    }
    filming->made = g_bytes_new(output->data, output->length);
    film_store(filming, "audio/ogg");
}

static void wave_made(struct filming *filming, const struct buffer *output, bool well)
{
    static const struct step ogg = {"ogg", SOUND_MAX, SECONDS_MAX, ogg_made};
    size_t count = output->length / sizeof(gint16);
    g_autofree char *drawn = NULL;
    if (!length_is_fine(filming, (double)count / SAMPLES_A_SECOND)) { /* whatever it said before */
        filming_end(filming);
        return;
    }
    if (well && count > 0) {
        g_autofree gint16 *samples = g_memdup2(output->data, count * sizeof(gint16));
        drawn = wave_draw(samples, count);
    }
    if (drawn)
        json_object_set_new(filming->facts, "waveform", json_string(drawn));
    if (filming->opus) /* in WebM, which few players of XMPP clients open */
        step_begin(filming, &ogg, NULL);
    else
        filming_end(filming);
}

/* ---- What it is ------------------------------------------------------------------------------ */

static void probe_done(struct filming *filming, const struct buffer *output, bool well)
{
    static const struct step wave = {"wave", SOUND_MAX, SECONDS_MAX, wave_made};
    static const struct step poster = {"poster", POSTER_MAX, SECONDS_MAX, poster_made};
    struct probe probe = {0};
    bool goes_on = well && probe_read(output->data, output->length, &probe) &&
                   (!filming->plan.video || probe.width > 0);
    if (!goes_on)
        filming->error = ERROR_UNPROCESSABLE;
    if (!goes_on || !length_is_fine(filming, probe.seconds)) {
        filming_end(filming);
        return;
    }
    filming->seconds = probe.seconds;
    filming->width = probe.width;
    filming->height = probe.height;
    filming->copies = probe.copies;
    filming->opus = probe.opus;
    if (filming->plan.video) {
        json_object_set_new(filming->facts, "width", json_integer(filming->width));
        json_object_set_new(filming->facts, "height", json_integer(filming->height));
    }
    step_begin(filming, filming->plan.video ? &poster : &wave, NULL);
}

/* ---- The file -------------------------------------------------------------------------------- */

static void run_open(struct disk_work *work)
{
    struct filming *filming = filming_of(work);
    const struct render_plan *render = &filming->plan.render;
    struct plain_place place = {render->folder, render->file, "", filming->key};
    filming->fds[0] = memfd_create("file", MFD_CLOEXEC);
    filming->fds[1] = memfd_create("made", MFD_CLOEXEC);
    if (filming->fds[0] < 0 || filming->fds[1] < 0)
        filming->error = ERROR_UNAVAILABLE;
    else if (!plain_copy(&place, render->size, filming->fds[0]))
        filming->error = ERROR_GONE;
}

static void open_done(struct disk_work *work)
{
    static const struct step probe = {"probe", PROBE_MAX, SECONDS_MAX, probe_done};
    struct filming *filming = filming_of(work);
    if (filming->error != ERROR_NONE)
        filming_end(filming);
    else
        step_begin(filming, &probe, NULL);
}

void film_render(const struct film_plan *plan)
{
    struct filming *filming = g_new0(struct filming, 1);
    filming->plan = *plan;
    memcpy(filming->key, plan->render.key, sizeof filming->key);
    filming->fds[0] = filming->fds[1] = -1;
    filming->parts = json_array();
    filming->facts = json_pack("{s:o}", "parts", filming->parts);
    filming->work = (struct disk_work){run_open, open_done, false};
    disk_submit(&filming->work);
}

/* ---- Whether files are kept from it ---------------------------------------------------------- */

static struct child *checking;

static void wall_checked(const struct buffer *output, int status, void *data)
{
    (void)output;
    (void)data;
    checking = NULL;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        log_warning(
            AREA_MAIN, "no-landlock",
            "hint=\"this kernel has no Landlock, or a system call filter forbids it: a broken "
            "ffmpeg could read what this user can\"");
}

void film_start(void)
{
    stopped = false;
    g_autofree char *program = child_program("trestle-media");
    struct child_plan plan = {.program = program,
                              .argument = "wall",
                              .output_max = 64,
                              .seconds = SECONDS_MAX,
                              .done = wall_checked};
    checking = child_start(&plan, NULL);
}

void film_stop(void)
{
    child_kill(g_steal_pointer(&checking));
    struct filming *filming = g_steal_pointer(&running);
    stopped = true;
    if (!filming)
        return;
    child_kill(filming->child);
    filming->error = ERROR_UNAVAILABLE;
    filming_end(filming);
}
