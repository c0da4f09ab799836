/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The log: what is written, what is not, and that a bad descriptor costs lines and nothing else. */
#include "config.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "tests/unit/unit.h"

/* Logs through BODY into a file and yields its text. */
static char *logged(const char *level, const char *areas, void (*body)(void))
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("trestle-log-XXXXXX", &path, NULL);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert(log_configure(level, areas, path));
    body();
    char *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    ck_assert(log_configure("info", "all", NULL));
    g_unlink(path);
    return text;
}

static void log_one_of_each(void)
{
    log_error(AREA_LINK, "an-error", NULL);
    log_warning(AREA_LINK, "a-warning", NULL);
    log_info(AREA_LINK, "an-info", "key=%d", 1);
    log_debug(AREA_LINK, "a-debug", NULL);
    log_error(AREA_HTTP, "http-error", NULL);
    log_info(AREA_HTTP, "http-info", NULL);
}

START_TEST(lines_are_key_value_pairs)
{
    g_autofree char *text = logged("info", "link", log_one_of_each);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    ck_assert_uint_eq(g_strv_length(lines), 5);
    ck_assert(
        g_regex_match_simple("^ts=\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z level=info "
                             "area=link event=an-info key=1$",
                             lines[2], 0, 0));
    ck_assert_ptr_nonnull(strstr(lines[0], " level=error area=link event=an-error"));
}
END_TEST

START_TEST(levels_and_areas_select)
{
    g_autofree char *quiet = logged("error", "all", log_one_of_each);
    ck_assert_ptr_nonnull(strstr(quiet, "an-error"));
    ck_assert_ptr_null(strstr(quiet, "a-warning"));
    g_autofree char *loud = logged("debug", "all", log_one_of_each);
    ck_assert_ptr_nonnull(strstr(loud, "a-debug"));
    ck_assert_ptr_nonnull(strstr(loud, "http-info"));
    g_autofree char *other = logged("debug", " http , ws", log_one_of_each);
    ck_assert_ptr_null(strstr(other, "an-info"));
    ck_assert_ptr_nonnull(strstr(other, "http-info"));
    /* Errors are written whatever the areas are. */
    ck_assert_ptr_nonnull(strstr(other, "an-error"));
}
END_TEST

static void log_hostile_value(void)
{
    log_info(AREA_MAIN, "hostile", "name=\"%s\"", "x\nts=1 level=error\r\x1b[2J\x7f");
}

START_TEST(a_value_cannot_start_a_line)
{
    g_autofree char *text = logged("info", "all", log_hostile_value);
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    ck_assert(g_str_has_suffix(text, "name=\"x?ts=1 level=error??[2J?\"\n"));
}
END_TEST

static void log_long_value(void)
{
    g_autofree char *value = g_strnfill(100000, 'x');
    log_info(AREA_MAIN, "long", "value=%s", value);
    log_info(AREA_MAIN, "next", NULL);
}

START_TEST(a_long_line_is_cut)
{
    g_autofree char *text = logged("info", "all", log_long_value);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    ck_assert_uint_eq(g_strv_length(lines), 3);
    ck_assert_uint_le(strlen(lines[0]), 4096);
    ck_assert(g_str_has_suffix(lines[1], "event=next"));
}
END_TEST

START_TEST(bad_settings_leave_the_former)
{
    ck_assert(log_configure("warning", "core", NULL));
    ck_assert(!log_configure("loud", "all", NULL));
    ck_assert(!log_configure("info", "all,nonsense", NULL));
    ck_assert(!log_configure("info", "", NULL));
    ck_assert(!log_configure("info", NULL, NULL));
    ck_assert(!log_configure("info", "all", "/nonexistent/folder/log"));
    ck_assert(!log_configure("info", "all", "/tmp"));
    ck_assert(log_enabled(LOG_WARNING, AREA_CORE));
    ck_assert(!log_enabled(LOG_INFO, AREA_CORE));
    ck_assert(!log_enabled(LOG_WARNING, AREA_WS));
}
END_TEST

START_TEST(a_full_disk_loses_lines_only)
{
    ck_assert(log_configure("info", "all", "/dev/full"));
    for (int i = 0; i < 100; i++)
        log_info(AREA_MAIN, "lost", NULL);
    ck_assert(log_configure("info", "all", NULL));
}
END_TEST

/* A FIFO is the log file that a test can fill, empty and close. */
static char *make_fifo(int *ret_reader)
{
    g_autofree char *folder = g_dir_make_tmp("trestle-log-XXXXXX", NULL);
    char *path = g_build_filename(folder, "fifo", NULL);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    *ret_reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(*ret_reader, 0);
    return path;
}

static void remove_fifo(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);
    g_unlink(path);
    g_rmdir(folder);
}

START_TEST(a_closed_pipe_loses_lines_only)
{
    int reader;
    signal(SIGPIPE, SIG_DFL);
    g_autofree char *path = make_fifo(&reader);
    ck_assert(log_configure("info", "all", path));
    close(reader);
    for (int i = 0; i < 10; i++)
        log_info(AREA_MAIN, "lost", NULL);
    ck_assert(log_configure("info", "all", NULL));
    /* Nobody reads: refused, not waited for. */
    ck_assert(!log_configure("info", "all", path));
    remove_fifo(path);
}
END_TEST

static void drain(int fd, GString *into)
{
    char chunk[65536];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        g_string_append_len(into, chunk, n);
}

START_TEST(a_sleeping_reader_stops_nothing_and_learns_of_the_loss)
{
    int reader;
    g_autofree char *path = make_fifo(&reader);
    ck_assert(log_configure("info", "all", path));
    for (int i = 0; i < 5000; i++) {
        clock_advance(G_USEC_PER_SEC); /* so that none is held back */
        log_info(AREA_MAIN, "flood", "number=%d", i);
    }
    g_autoptr(GString) text = g_string_new(NULL);
    drain(reader, text);
    log_info(AREA_MAIN, "after", NULL);
    drain(reader, text);
    ck_assert_ptr_nonnull(strstr(text->str, "event=log-lines-lost lines="));
    ck_assert_ptr_nonnull(strstr(text->str, "event=after\n"));
    guint lines = 0;
    for (const char *p = text->str; (p = strstr(p, "event=flood number=")) != NULL; p++)
        lines++;
    /* A note before the flood is about an earlier test's lines. */
    const char *note = strstr(strstr(text->str, "event=flood"), "event=log-lines-lost lines=");
    ck_assert_ptr_nonnull(note);
    guint64 lost = g_ascii_strtoull(strchr(note, '=') + strlen("=log-lines-lost lines="), NULL, 10);
    ck_assert_uint_eq(lines + lost, 5000);
    ck_assert(log_configure("info", "all", NULL));
    close(reader);
    remove_fifo(path);
}
END_TEST

/* The file may not grow as the disk may not, and has room again later. */
static void fill_up(void)
{
    struct rlimit before, small;
    getrlimit(RLIMIT_FSIZE, &before);
    signal(SIGXFSZ, SIG_IGN);
    small = before;
    small.rlim_cur = 500; /* in the midst of a line */
    setrlimit(RLIMIT_FSIZE, &small);
    for (int i = 0; i < 20; i++)
        log_info(AREA_MAIN, "full", "number=%d", i);
    setrlimit(RLIMIT_FSIZE, &before);
    log_info(AREA_MAIN, "after", NULL);
}

START_TEST(a_full_disk_leaves_whole_lines)
{
    g_autofree char *text = logged("info", "all", fill_up);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    ck_assert_uint_gt(g_strv_length(lines), 3);
    guint kept = 0;
    for (char **line = lines; *line && **line; line++) {
        ck_assert_msg(
            g_regex_match_simple("^ts=[^ ]+Z level=\\w+ area=main event=[a-z-]+( \\w+=\\d+)?$",
                                 *line, 0, 0),
            "half a line: %s", *line);
        kept += strstr(*line, "event=full ") != NULL;
    }
    g_autofree char *note = g_strdup_printf("event=log-lines-lost lines=%u\n", 20 - kept);
    ck_assert_msg(strstr(text, note) != NULL, "%s lacks %s", text, note);
    ck_assert(g_str_has_suffix(text, "event=after\n"));
}
END_TEST

static void refuse_many(void)
{
    for (int i = 0; i < 1000; i++)
        log_info(AREA_AUTH, "refused", "number=%d", i);
    log_info(AREA_AUTH, "other", NULL);
    clock_advance(G_USEC_PER_SEC);
    for (int i = 0; i < 20; i++)
        log_info(AREA_AUTH, "refused", "number=%d", 1000 + i);
}

/* What a stranger can cause does not fill the disk, and does not hide what else happens. */
START_TEST(of_one_kind_so_many_lines_are_written)
{
    g_autofree char *text = logged("info", "all", refuse_many);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    ck_assert_uint_eq(g_strv_length(lines), LOG_BURST + 1 + 1 + 5 + 1);
    ck_assert_ptr_nonnull(strstr(lines[LOG_BURST], "event=other"));
    ck_assert(
        g_str_has_suffix(lines[LOG_BURST + 1], "event=log-lines-held kind=refused lines=950"));
    ck_assert(g_str_has_suffix(lines[LOG_BURST + 2], "event=refused number=1000"));
}
END_TEST

static void err_often(void)
{
    for (int i = 1; i <= 310; i++)
        log_error(AREA_AUTH, "broken", "number=%d", i);
    clock_advance(61 * G_USEC_PER_SEC);
    log_error(AREA_AUTH, "broken", "number=311");
}

START_TEST(errors_are_sampled)
{
    g_autofree char *text = logged("info", "all", err_often);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    /* ten, three that say how many were held before each of three more, and the next minute's */
    ck_assert_uint_eq(g_strv_length(lines), 10 + 3 * 2 + 1 + 1);
    ck_assert(g_str_has_suffix(lines[9], "number=10"));
    ck_assert(g_str_has_suffix(lines[10], "event=log-lines-held kind=broken lines=99"));
    ck_assert(g_str_has_suffix(lines[11], "number=110"));
    ck_assert(g_str_has_suffix(lines[16], "number=311"));
}
END_TEST

#define USER "11111111-2222-4333-8444-5555555555ff"

static void log_ids(void)
{
    log_info(AREA_CORE, "seen", "user=%s request=%s to=x%s end=1", USER, USER, USER);
}

START_TEST(ids_are_hashed_but_those_of_requests)
{
    g_autofree char *plain = logged("info", "all", log_ids);
    ck_assert_ptr_nonnull(strstr(plain, "user=" USER " request=" USER));
    log_hash_ids("a key");
    g_autofree char *hashed = logged("info", "all", log_ids);
    g_autofree char *id = log_id_text(USER);
    g_autofree char *upper = log_id_text("11111111-2222-4333-8444-5555555555FF");
    g_autofree char *line = g_strdup_printf("user=%s request=" USER " to=x%s end=1\n", id, id);
    log_hash_ids("another key");
    g_autofree char *other = log_id_text(USER);
    log_hash_ids(NULL);
    ck_assert_msg(g_str_has_suffix(hashed, line), "%s", hashed);
    ck_assert_str_eq(id, upper);
    ck_assert(g_str_has_prefix(id, "id-") && strlen(id) == 35);
    ck_assert_str_ne(id, other);
    g_autofree char *none = log_id_text("no id");
    ck_assert_str_eq(none, "no id");
}
END_TEST

START_TEST(access_and_errors_have_files_of_their_own)
{
    char folder[] = "/tmp/trestle-log-XXXXXX";
    ck_assert_ptr_nonnull(g_mkdtemp(folder));
    g_autofree char *access = g_build_filename(folder, "access", NULL);
    g_autofree char *errors = g_build_filename(folder, "errors", NULL);
    ck_assert(!log_access_is_on());
    log_access("nobody", "hears=%d", 1);
    ck_assert(log_extra_file(LOG_ACCESS, access) && log_extra_file(LOG_ERRORS, errors));
    ck_assert(!log_extra_file(LOG_ACCESS, "/nonexistent/folder/log"));
    ck_assert(log_access_is_on());
    for (int i = 0; i < 200; i++)
        log_access("request", "number=%d", i);
    g_autofree char *text = logged("info", "all", log_one_of_each);
    /* Whoever rotates moves the file away: it is made anew, and nothing goes to the old one. */
    g_autofree char *old = g_strconcat(access, ".1", NULL);
    ck_assert_int_eq(g_rename(access, old), 0);
    ck_assert(log_extra_file(LOG_ACCESS, access));
    log_access("request", "number=%d", 200);
    ck_assert(log_extra_file(LOG_ACCESS, NULL) && log_extra_file(LOG_ERRORS, NULL));
    g_autofree char *all = NULL, *newest = NULL, *wrong = NULL;
    ck_assert(g_file_get_contents(old, &all, NULL, NULL));
    ck_assert(g_file_get_contents(access, &newest, NULL, NULL));
    ck_assert(g_file_get_contents(errors, &wrong, NULL, NULL));
    g_auto(GStrv) lines = g_strsplit(all, "\n", -1);
    ck_assert_uint_eq(g_strv_length(lines), 201);
    ck_assert(g_str_has_suffix(newest, "event=request number=200\n"));
    ck_assert(strstr(wrong, "an-error") && strstr(wrong, "http-error") &&
              !strstr(wrong, "a-warning"));
    g_unlink(access), g_unlink(errors), g_unlink(old), g_rmdir(folder);
}
END_TEST

UNIT_MAIN("log", errors_are_sampled, ids_are_hashed_but_those_of_requests,
          access_and_errors_have_files_of_their_own, a_full_disk_leaves_whole_lines,
          of_one_kind_so_many_lines_are_written, lines_are_key_value_pairs, levels_and_areas_select,
          a_value_cannot_start_a_line, a_long_line_is_cut, bad_settings_leave_the_former,
          a_full_disk_loses_lines_only, a_closed_pipe_loses_lines_only,
          a_sleeping_reader_stops_nothing_and_learns_of_the_loss)
