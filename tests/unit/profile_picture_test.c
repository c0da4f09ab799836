/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures that are in work, or wait, when the bridge ends: whoever waits is answered, once. */
#include "config.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <signal.h>

#include "bridge/loop/loop.h"
#include "bridge/profile/picture.h"
#include "tests/unit/unit.h"

#define PICTURES 3

static const guint8 head_of_png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D',
                                     'R', 0, 0, 0, 1, 0, 0, 0, 1, 8, 2, 0, 0, 0, 0, 0, 0, 0};
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
    for (size_t i = 0; i < PICTURES; i++)
        picture_make(bytes, on_made, &answers[i]);
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

/* A program beside ours, where it is looked for, that says who it is and never finishes. */
static char *install_sleeper(const char *pid_file)
{
    g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *folder = g_path_get_dirname(self);
    g_autofree char *script = g_strdup_printf("#!/bin/sh\necho $$ >%s\nexec sleep 600\n", pid_file);
    char *program = g_build_filename(folder, "trestle-image", NULL);
    ck_assert(g_file_set_contents_full(program, script, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0755, NULL));
    return program;
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

UNIT_MAIN("picture", waiting_ones_are_answered_at_the_end, one_at_work_is_ended_and_answered)
