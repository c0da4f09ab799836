/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs end in time, whatever they leave behind. */
#include "config.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "bridge/loop/child.h"
#include "tests/unit/unit.h"

struct ended {
    GMainLoop *loop;
    char *output;
    int status;
};

static void on_end(const struct buffer *output, int status, void *data)
{
    struct ended *ended = data;
    ended->output = g_strndup(output->data ? output->data : "", output->length);
    ended->status = status;
    g_main_loop_quit(ended->loop);
}

/* What a shell does with SCRIPT. */
static void run(const char *script, struct ended *ret)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) input = g_bytes_new(script, strlen(script));
    const struct child_plan plan = {.program = "/bin/sh",
                                    .input = input,
                                    .output_max = 100,
                                    .seconds = 1,
                                    .done = on_end,
                                    .data = ret};
    *ret = (struct ended){.loop = g_main_loop_new(NULL, FALSE)};
    ck_assert_ptr_nonnull(child_start(&plan, &error));
    g_main_loop_run(ret->loop);
    g_main_loop_unref(ret->loop);
}

START_TEST(what_it_wrote_is_handed_over)
{
    struct ended ended;
    run("echo yes; exit 3\n", &ended);
    ck_assert_str_eq(ended.output, "yes\n");
    ck_assert_int_eq(WEXITSTATUS(ended.status), 3);
    g_free(ended.output);
}
END_TEST

START_TEST(it_is_killed_when_its_time_is_over)
{
    struct ended ended;
    run("echo yes; exec sleep 600\n", &ended);
    ck_assert_str_eq(ended.output, "yes\n");
    ck_assert_int_eq(WTERMSIG(ended.status), SIGKILL);
    g_free(ended.output);
}
END_TEST

/* Another process has its output, and does not end: before its own end, or when it is killed. */
START_TEST(what_it_leaves_behind_holds_up_nobody)
{
    static const char *const ends[] = {"exit 0\n", "exec sleep 600\n"};
    struct ended ended;
    g_autofree char *script = g_strconcat("sleep 600 & echo $!; ", ends[_i], NULL);
    run(script, &ended);
    int left = (int)g_ascii_strtoll(ended.output, NULL, 10);
    ck_assert_int_gt(left, 1);
    ck_assert_int_eq(kill(left, SIGKILL), 0);
    ck_assert_int_eq(WIFEXITED(ended.status), _i == 0);
    g_free(ended.output);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("child");
    TCase *tests = tcase_create("child");
    tcase_add_test(tests, what_it_wrote_is_handed_over);
    tcase_add_test(tests, it_is_killed_when_its_time_is_over);
    tcase_add_loop_test(tests, what_it_leaves_behind_holds_up_nobody, 0, 2);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
