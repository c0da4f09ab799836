/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sounds, videos and pictures that are not what they say, by trestle-media: each is clearly refused
 * or has a sane result, and no program, descriptor or memory stays behind. */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "bridge/loop/disk.h"
#include "bridge/media/film.h"
#include "bridge/media/plain.h"
#include "bridge/media/render.h"
#include "bridge/media/shelf.h"
#include "bridge/media/vault.h"
#include "tests/unit/unit.h"

#define MOST_SECONDS 5
#define KIB_MAX (128 * 1024) /* that a program took which decodes no pixels */

static const guint8 key[FILE_KEY_SIZE] = "0123456789abcdef0123456789abcde";

struct result {
    bool done;
    enum error_code error;
    json_t *facts;
};

static void result_take(const struct rendered *rendered, void *data)
{
    struct result *result = data;
    result->done = true;
    result->error = rendered->error;
    result->facts = json_incref(rendered->facts);
}

static json_int_t fact(const struct result *result, const char *name)
{
    return json_integer_value(json_object_get(result->facts, name));
}

static size_t parts_of(const struct result *result)
{
    return json_array_size(json_object_get(result->facts, "parts"));
}

/* What becomes of BYTES; of them as a picture with `picture`. */
static struct result render(GBytes *bytes, bool picture, bool video)
{
    struct result result = {0};
    size_t size = 0;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    g_autofree char *folder = g_dir_make_tmp("trestle-media-XXXXXX", NULL);
    struct film_plan plan = {.render = {.folder = folder,
                                        .key = key,
                                        .size = size,
                                        .done = result_take,
                                        .data = &result},
                             .video = video,
                             .most_seconds = MOST_SECONDS};
    uuid_generate(&plan.render.file);
    struct plain_place place = {folder, plan.render.file, "", key};
    ck_assert_int_eq(plain_store(&place, data, size), ERROR_NONE);
    if (picture)
        picture_render(&plan.render);
    else
        film_render(&plan);
    while (!result.done)
        g_main_context_iteration(NULL, TRUE);
    g_autofree char *path = shelf_path(folder, &plan.render.file, "");
    g_autofree char *inner = g_path_get_dirname(path);
    ck_assert(shelf_clear(folder, &plan.render.file));
    ck_assert_int_eq(g_rmdir(inner), 0); /* nothing is left in it */
    if (strcmp(inner, folder) != 0)
        g_rmdir(folder);
    return result;
}

/* Beside this program, where it is looked for. */
static char *install_program(void)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname(self);
    char *program = g_build_filename(folder, "trestle-media", NULL);
    ck_assert(symlink("../../trestle-media", program) == 0 || errno == EEXIST);
    return program;
}

static unsigned descriptors(void)
{
    unsigned count = 0;
    g_autoptr(GDir) folder = g_dir_open("/proc/self/fd", 0, NULL);
    while (g_dir_read_name(folder))
        count++;
    return count;
}

/* ---- Sounds and videos ----------------------------------------------------------------------- */

static const struct expectation {
    const char *name;
    enum error_code error;
} expectations[] = {
    {"whole.mp4", ERROR_NONE},
    {"whole.webm", ERROR_NONE},
    {"whole.ogg", ERROR_NONE},
    {"cut-head.mp4", ERROR_UNPROCESSABLE},
    {"no-head.mp4", ERROR_UNPROCESSABLE},
    {"deep.mp4", ERROR_UNPROCESSABLE},
    {"many-sizes.mp4", ERROR_UNPROCESSABLE},
    {"says-hours.mp4", ERROR_TOO_LARGE},
    {"says-a-second.mp4", ERROR_TOO_LARGE}, /* and has eight */
    {"no-channels.wav", ERROR_UNPROCESSABLE},
    {"cut.ogg", ERROR_UNPROCESSABLE},
    {"list.m3u8", ERROR_UNPROCESSABLE},
    {"list.ffconcat", ERROR_UNPROCESSABLE},
    {"list.sdp", ERROR_UNPROCESSABLE},
    {"list.mpd", ERROR_UNPROCESSABLE},
    {"list-behind-a-head.mp4", ERROR_UNPROCESSABLE},
    {"zeros.mpegts", ERROR_UNPROCESSABLE},
};

static void result_check(const char *name, const struct result *result)
{
    for (size_t i = 0; i < G_N_ELEMENTS(expectations); i++) {
        if (strcmp(expectations[i].name, name) == 0)
            ck_assert_msg(result->error == expectations[i].error, "%s: %s", name,
                          error_info(result->error)->code);
    }
    ck_assert_msg(result->error == ERROR_NONE || result->error == ERROR_UNPROCESSABLE ||
                      result->error == ERROR_TOO_LARGE,
                  "%s: %s", name, error_info(result->error)->code);
    if (result->error == ERROR_NONE)
        ck_assert_msg(fact(result, "duration") <= (MOST_SECONDS + 1) * 1000 &&
                          fact(result, "width") <= 65535 && fact(result, "height") <= 65535,
                      "%s", name);
}

START_TEST(what_lies_is_refused_or_has_a_sane_result)
{
    g_autofree char *program = install_program();
    g_autofree char *folder = g_build_filename(g_getenv("srcdir") ? g_getenv("srcdir") : ".",
                                               "tests/vectors/films", NULL);
    g_autoptr(GDir) films = g_dir_open(folder, 0, NULL);
    const char *name;
    unsigned count = 0;
    if (g_access("/usr/bin/ffmpeg", X_OK) != 0) {
        printf("sounds and videos: not tried, ffmpeg is not here\n");
        return;
    }
    ck_assert_ptr_nonnull(films);
    disk_start();
    unsigned before = 0; /* behind the first one, which GLib has opened some for */
    while ((name = g_dir_read_name(films))) {
        g_autofree char *path = g_build_filename(folder, name, NULL);
        char *data = NULL;
        size_t size = 0;
        if (!strchr(name, '.'))
            continue; /* what makes them */
        ck_assert(g_file_get_contents(path, &data, &size, NULL));
        g_autoptr(GBytes) bytes = g_bytes_new_take(data, size);
        bool sound = g_str_has_suffix(name, ".ogg") || g_str_has_suffix(name, ".wav") ||
                     g_str_has_suffix(name, ".flac") || g_str_has_suffix(name, ".mp3");
        struct result result = render(bytes, false, !sound);
        result_check(name, &result);
        json_decref(result.facts);
        before = count == 0 ? descriptors() : before;
        ck_assert_msg(descriptors() == before, "%s: descriptors stay open", name);
        ck_assert_msg(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD, "%s: a program", name);
        count++;
    }
    disk_stop();
    ck_assert_uint_gt(count, G_N_ELEMENTS(expectations));
    g_unlink(program);
}
END_TEST

/* ---- Pictures -------------------------------------------------------------------------------- */

static void chunk_add(GByteArray *png, const char *name, const guint8 *data, size_t length)
{
    guint32 size = GUINT32_TO_BE((guint32)length);
    uLong sum = crc32(crc32(0, (const Bytef *)name, 4), data, (uInt)length);
    guint32 sent = GUINT32_TO_BE((guint32)sum);
    g_byte_array_append(png, (const guint8 *)&size, 4);
    g_byte_array_append(png, (const guint8 *)name, 4);
    g_byte_array_append(png, data, (guint)length);
    g_byte_array_append(png, (const guint8 *)&sent, 4);
}

/* A PNG of one colour that really has SIDE × SIDE pixels, of one bit. */
static GBytes *picture_make(guint32 side)
{
    struct {
        guint32 width, height;
        guint8 rest[5]; /* of one bit, grey */
    } head = {GUINT32_TO_BE(side), GUINT32_TO_BE(side), {1}};
    size_t size = (size_t)side * ((side + 7) / 8 + 1);
    g_autofree guint8 *rows = g_malloc0(size);
    uLongf length = compressBound(size);
    g_autofree guint8 *data = g_malloc(length);
    ck_assert_int_eq(compress2(data, &length, rows, size, 9), Z_OK);
    GByteArray *png = g_byte_array_new();
    g_byte_array_append(png, (const guint8 *)"\x89PNG\r\n\x1a\n", 8);
    chunk_add(png, "IHDR", (const guint8 *)&head, 13);
    chunk_add(png, "IDAT", data, length);
    chunk_add(png, "IEND", (const guint8 *)"", 0);
    return g_byte_array_free_to_bytes(png);
}

START_TEST(a_hundred_million_pixels_are_not_decoded)
{
    g_autofree char *program = install_program();
    g_autoptr(GBytes) large = picture_make(10000);
    g_autoptr(GBytes) small = picture_make(700);
    struct rusage used;
    ck_assert_uint_lt(g_bytes_get_size(large), 16 * 1024);
    disk_start();
    struct result result = render(large, true, false);
    ck_assert_int_eq(result.error, ERROR_NONE);
    ck_assert_int_eq(fact(&result, "width"), 10000);
    ck_assert_int_eq(fact(&result, "height"), 10000);
    ck_assert_uint_eq(parts_of(&result), 1); /* itself */
    json_decref(result.facts);
    ck_assert_int_eq(getrusage(RUSAGE_CHILDREN, &used), 0);
    ck_assert_int_lt(used.ru_maxrss, KIB_MAX);
    /* As a video it is nothing, and the next one is made smaller. */
    result = render(large, false, true);
    ck_assert_int_eq(result.error, ERROR_UNPROCESSABLE);
    json_decref(result.facts);
    result = render(small, true, false);
    ck_assert_int_eq(result.error, ERROR_NONE);
    ck_assert_uint_gt(parts_of(&result), 6);
    json_decref(result.facts);
    disk_stop();
    g_unlink(program);
}
END_TEST

/* What a program that says SAYS and is killed then has made of a picture. */
static struct result render_killed(const char *says)
{
    g_autofree char *script = g_strdup_printf("#!/bin/sh\nprintf '%s'\nkill -9 $$\n", says);
    g_autofree char *program = install_program();
    g_autoptr(GBytes) picture = picture_make(8);
    g_unlink(program);
    signal(SIGPIPE, SIG_IGN); /* as the daemon does: this one does not read */
    ck_assert(
        g_file_set_contents_full(program, script, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0755, NULL));
    disk_start();
    struct result result = render(picture, true, false);
    disk_stop();
    g_unlink(program);
    return result;
}

/* The name and length of part AT. */
static char *part_say(const struct result *result, size_t at)
{
    const json_t *part = json_array_get(json_object_get(result->facts, "parts"), at);
    return g_strdup_printf("%s %lld", json_string_value(json_object_get(part, "name")),
                           json_integer_value(json_object_get(part, "size")));
}

#define PLAIN "trestle-media 4 4\\nclean image/jpeg 5 4 4\\nplain150.jpeg image/jpeg 3 2 2\\nsma"

START_TEST(a_picture_that_was_to_become_better_is_never_lost)
{
    static const struct {
        const char *says;
        size_t count;
        const char *parts[2];
    } cases[] = {
        {PLAIN, 2, {"clean 5", "150.jpeg 3"}},
        {PLAIN "clean image/jpeg 6 4 4\\nfin", 2, {"clean 5", "150.jpeg 3"}},
        {PLAIN "clean image/jpeg 6 4 4\\nfiner!", 2, {"150.jpeg 3", "clean 6"}},
        {"trestle-media 4 4\\nclean image/jpeg 5 4 4\\npla", 0, {0}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        struct result result = render_killed(cases[i].says);
        ck_assert_int_eq(result.error, ERROR_NONE);
        ck_assert_int_eq(fact(&result, "width"), 4);
        ck_assert_uint_eq(parts_of(&result), cases[i].count);
        for (size_t part = 0; part < cases[i].count; part++) {
            g_autofree char *said = part_say(&result, part);
            ck_assert_str_eq(said, cases[i].parts[part]);
        }
        json_decref(result.facts);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_film");
    TCase *tcase = tcase_create("media_film");
    tcase_set_timeout(tcase, 300); /* a hundred programs */
    tcase_add_test(tcase, what_lies_is_refused_or_has_a_sane_result);
    tcase_add_test(tcase, a_hundred_million_pixels_are_not_decoded);
    tcase_add_test(tcase, a_picture_that_was_to_become_better_is_never_lost);
    suite_add_tcase(suite, tcase);
    return unit_run(suite);
}
