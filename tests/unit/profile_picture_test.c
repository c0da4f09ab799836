/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queue of pictures: who goes before whom, who has too many, and that whoever is in work or
 * waits when the bridge ends is answered, once. */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

#include "bridge/loop/loop.h"
#include "bridge/profile/picture.h"
#include "tests/unit/unit.h"

#define PICTURES 3

static const guint8 head_of_png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0,
                                     13,   'I', 'H', 'D', 'R',  0,    0,    0,    1, 0, 0,
                                     0,    1,   8,   2,   0,    0,    0,    0,    0, 0, 0};
static unsigned answers[PICTURES];

static void on_made(const struct picture *picture, enum error_code error, void *data)
{
    unsigned *count = data;
    ck_assert_ptr_null(picture);
    ck_assert_int_eq(error, ERROR_UNAVAILABLE);
    (*count)++;
}

static void make_all(void)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(head_of_png, sizeof head_of_png);
    struct picture_origin origin = {.owner = "alice"};
    for (size_t i = 0; i < PICTURES; i++)
        picture_make(bytes, &origin, on_made, &answers[i]);
}

static void check_answered(void)
{
    for (size_t i = 0; i < PICTURES; i++)
        ck_assert_uint_eq(answers[i], 1);
}

START_TEST(waiting_ones_are_answered_at_the_end)
{
    loop_start();
    pictures_start();
    make_all();
    pictures_stop();
    check_answered();
    loop_stop();
    check_answered();
}
END_TEST

/* A program beside ours, where it is looked for. */
static char *install_program(const char *script)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname(self);
    char *program = g_build_filename(folder, "trestle-image", NULL);
    ck_assert(
        g_file_set_contents_full(program, script, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0755, NULL));
    return program;
}

/* One that says who it is and never finishes. */
static char *install_sleeper(const char *pid_file)
{
    g_autofree char *script = g_strdup_printf("#!/bin/sh\necho $$ >%s\nexec sleep 600\n", pid_file);
    return install_program(script);
}

START_TEST(one_at_work_is_ended_and_answered)
{
    g_autofree char *folder = g_dir_make_tmp("trestle-XXXXXX", NULL);
    g_autofree char *pid_file = g_build_filename(folder, "pid", NULL);
    g_autofree char *program = install_sleeper(pid_file);
    g_autofree char *pid = NULL;
    loop_start();
    pictures_start();
    make_all();
    while (!g_file_get_contents(pid_file, &pid, NULL, NULL) || !g_str_has_suffix(pid, "\n")) {
        g_clear_pointer(&pid, g_free);
        g_main_context_iteration(NULL, FALSE);
    }
    pictures_stop();
    check_answered();
    ck_assert_int_eq(kill((pid_t)g_ascii_strtoll(pid, NULL, 10), 0), -1);
    ck_assert_int_eq(errno, ESRCH);
    loop_stop();
    g_unlink(program);
    g_unlink(pid_file);
    g_rmdir(folder);
}
END_TEST

/* ---- Order ----------------------------------------------------------------------------------- */

static GString *order; /* the tags of answered pictures; that of a refused one in upper case */

static void on_answer(const struct picture *picture, enum error_code error, void *data)
{
    char tag = (char)GPOINTER_TO_INT(data);
    ck_assert_ptr_null(picture);
    ck_assert(error == ERROR_UNPROCESSABLE || error == ERROR_CONFLICT ||
              error == ERROR_UNAVAILABLE);
    g_string_append_c(order, error == ERROR_UNPROCESSABLE ? tag : g_ascii_toupper(tag));
}

static void make_tagged(char tag, const char *owner, bool foreign)
{
    GByteArray *bytes = g_byte_array_new();
    struct picture_origin origin = {owner, foreign};
    g_byte_array_append(bytes, head_of_png, sizeof head_of_png);
    g_byte_array_append(bytes, (const guint8 *)&tag, 1);
    g_autoptr(GBytes) file = g_byte_array_free_to_bytes(bytes);
    picture_make(file, &origin, on_answer, GINT_TO_POINTER(tag));
}

static void expect_order(const char *wanted)
{
    while (order->len < strlen(wanted))
        g_main_context_iteration(NULL, FALSE);
    ck_assert_str_eq(order->str, wanted);
}

START_TEST(nobody_waits_for_the_many_of_another)
{
    g_autofree char *folder = g_dir_make_tmp("trestle-XXXXXX", NULL);
    g_autofree char *go = g_build_filename(folder, "go", NULL);
    /* Pictures "a" wait until they are told to go on; the others end at once. */
    g_autofree char *script = g_strdup_printf(
        "#!/bin/sh\n[ \"$(tail -c 1)\" != a ] || until [ -e %s ]; do sleep 0.02; done\nexit 1\n",
        go);
    g_autofree char *program = install_program(script);
    order = g_string_new(NULL);
    loop_start();
    pictures_start();
    for (int i = 0; i < 5; i++)
        make_tagged('a', "alice", false);
    for (const char *tag = "xyz"; *tag; tag++)
        make_tagged(*tag, "example.org", true);
    make_tagged('q', "example.com", true);
    make_tagged('b', "bella", false);
    make_tagged('c', "bella", false);
    make_tagged('d', "dora", false);
    /* Alice's fifth is one too many, and her first keeps one place. In the other, Bella's second
     * goes behind Dora's first, all of XMPP behind them, and there, too, everybody's first comes
     * first. */
    expect_order("Abdcxqyz");
    ck_assert(g_file_set_contents(go, "", 0, NULL));
    expect_order("Abdcxqyzaaaa");
    pictures_stop();
    loop_stop();
    g_string_free(order, TRUE);
    g_unlink(program);
    g_unlink(go);
    g_rmdir(folder);
}
END_TEST

START_TEST(waiting_has_an_end)
{
    g_autofree char *program = install_program("#!/bin/sh\nexec sleep 600\n");
    g_autofree char *refused = g_strnfill(36, 'X');
    order = g_string_new(NULL);
    loop_start();
    pictures_start();
    for (int i = 0; i < 100; i++) {
        g_autofree char *owner = g_strdup_printf("owner%d", i);
        make_tagged('x', owner, i % 2);
    }
    expect_order(refused); /* what is beyond 64, at once */
    pictures_stop();
    loop_stop();
    ck_assert_uint_eq(order->len, 100);
    g_unlink(program);
    g_string_free(order, TRUE);
}
END_TEST

UNIT_MAIN("picture", nobody_waits_for_the_many_of_another, waiting_has_an_end,
          waiting_ones_are_answered_at_the_end, one_at_work_is_ended_and_answered)
