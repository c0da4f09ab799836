/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a decoder that somebody has taken over can still do: each attempt is made in a process that
 * has the rights which trestle-image, trestle-media and ffmpeg have. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bridge/image/fence.h"
#include "bridge/image/sandbox.h"
#include "tests/unit/unit.h"

#define NO_FENCE 255 /* exit status: there was none to try */

static const struct sandbox limits = {256UL * 1024 * 1024, 2};

static pid_t parent;   /* of who attempts: this process */
static char *own_file; /* that everybody may read and run, and which no program is made of */

static bool steps_aside(const char *what)
{
    if (SANITIZED)
        printf("%s: not tried, a sanitizer has no fence\n", what);
    return SANITIZED;
}

/* As fork(), which says whose child it is: who is in the fence cannot ask. */
static pid_t attempt_fork(void)
{
    parent = getpid();
    return fork();
}

static int status_of(pid_t pid)
{
    int status = 0;
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

/* ---- Attempts: 0, or errno ------------------------------------------------------------------- */

static int result_of(long done)
{
    return done < 0 ? errno : 0;
}

static int open_passwd(void)
{
    return result_of(open("/etc/passwd", O_RDONLY));
}

static int open_own(void)
{
    return result_of(open(own_file, O_RDONLY));
}

static int write_own(void)
{
    return result_of(open(own_file, O_WRONLY));
}

static int open_memory(void)
{
    return result_of(open("/proc/self/mem", O_RDWR));
}

static int list_root(void)
{
    return result_of(open("/", O_RDONLY | O_DIRECTORY));
}

static int make_file(void)
{
    return result_of(open("/tmp/trestle-made-in-the-fence", O_WRONLY | O_CREAT, 0600));
}

static int open_program(void)
{
    return result_of(open("/usr/bin/env", O_RDONLY));
}

static int remove_own(void)
{
    return result_of(unlink(own_file));
}

static int make_folder(void)
{
    return result_of(mkdir("/tmp/trestle-made-in-the-fence", 0700));
}

static int socket_of_ip(void)
{
    return result_of(socket(AF_INET, SOCK_STREAM, 0));
}

static int socket_of_unix(void)
{
    return result_of(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int run_own(void)
{
    char *arguments[] = {own_file, NULL};
    char *nothing[] = {NULL};
    return result_of(execve(own_file, arguments, nothing));
}

static int make_process(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return result_of(pid);
}

static int end_parent(void)
{
    return result_of(kill(parent, 0));
}

static int trace_parent(void)
{
    return result_of(ptrace(PTRACE_ATTACH, parent, NULL, NULL));
}

static int look_at_parent(void)
{
    struct rlimit seen; /* who may look may set them, too */
    return result_of(prlimit(parent, RLIMIT_CORE, NULL, &seen));
}

/* Has the kernel do it, when there is something to read. */
static int signal_by_descriptor(void)
{
    return result_of(fcntl(STDIN_FILENO, F_SETOWN, parent));
}

static int read_flags(void)
{
    return result_of(fcntl(STDIN_FILENO, F_GETFL));
}

static int raise_limit(void)
{
    struct rlimit more = {RLIM_INFINITY, RLIM_INFINITY};
    return result_of(setrlimit(RLIMIT_CPU, &more));
}

static void *thread_work(void *data)
{
    return data;
}

static int make_thread(void)
{
    pthread_t thread;
    int failed = pthread_create(&thread, NULL, thread_work, NULL);
    return failed ? failed : pthread_join(thread, NULL);
}

static int use_memory(void)
{
    void *much = malloc(limits.memory * 16);
    bool had = much != NULL;
    free(much);
    return had ? 0 : ENOMEM;
}

struct attempt {
    const char *name;
    int (*make)(void);
    int expected;
    bool by_landlock;
};

/* ---- ffmpeg ---------------------------------------------------------------------------------- */

static bool kernel_has_landlock(void)
{
    pid_t pid = attempt_fork();
    if (pid == 0)
        _exit(fence_keeps_files() ? 0 : 1);
    return status_of(pid) == 0;
}

static int tool_attempt(const struct attempt *attempt)
{
    pid_t pid = attempt_fork();
    if (pid == 0)
        _exit(fence_enter() ? attempt->make() : NO_FENCE);
    int status = status_of(pid);
    ck_assert_msg(WIFEXITED(status), "%s: status %d", attempt->name, status);
    return WEXITSTATUS(status);
}

START_TEST(ffmpeg_can_open_programs_and_nothing_else)
{
    static const struct attempt attempts[] = {
        {"open /etc/passwd", open_passwd, EACCES, true},
        {"open a file", open_own, EACCES, true},
        {"write a file", write_own, EACCES, true},
        {"open its memory", open_memory, EACCES, true},
        {"list the root", list_root, EACCES, true},
        {"make a file", make_file, EACCES, true},
        {"run what is no program of the system", run_own, EACCES, true},
        {"open a program", open_program, 0, false},
        {"make a thread", make_thread, 0, false},
        {"remove a file", remove_own, EPERM, false},
        {"make a folder", make_folder, EPERM, false},
        {"a socket of IP", socket_of_ip, EPERM, false},
        {"a socket of the machine", socket_of_unix, EPERM, false},
        {"make a process", make_process, EPERM, false},
        {"signal its parent", end_parent, EPERM, false},
        {"trace its parent", trace_parent, EPERM, false},
        {"limits of its parent", look_at_parent, EPERM, false},
        {"have its parent signalled", signal_by_descriptor, EPERM, false},
        {"read flags", read_flags, 0, false},
        {"raise a limit", raise_limit, EPERM, false},
    };
    if (steps_aside("ffmpeg's fence"))
        return;
    bool walled = kernel_has_landlock();
    if (!walled)
        printf("ffmpeg's files: not tried, this kernel has no Landlock\n");
    for (size_t i = 0; i < G_N_ELEMENTS(attempts); i++) {
        if (attempts[i].by_landlock && !walled)
            continue;
        ck_assert_msg(attempts[i].make != run_own || g_access(own_file, X_OK) == 0, "%s", own_file);
        int seen = tool_attempt(&attempts[i]);
        ck_assert_msg(seen == attempts[i].expected, "%s: %s", attempts[i].name, g_strerror(seen));
    }
}
END_TEST

/* What cat writes of PATH, run as ffmpeg is. */
static char *read_confined(const char *path, int *ret_status)
{
    char bytes[64] = "";
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = attempt_fork();
    if (pid == 0) {
        char *arguments[] = {(char *)(guintptr) "cat", (char *)(guintptr)path, NULL};
        char *nothing[] = {NULL};
        dup2(ends[1], STDOUT_FILENO);
        close(STDERR_FILENO);
        if (fence_enter())
            execve("/usr/bin/cat", arguments, nothing);
        _exit(NO_FENCE);
    }
    close(ends[1]);
    ssize_t count = read(ends[0], bytes, sizeof bytes - 1);
    close(ends[0]);
    *ret_status = status_of(pid);
    return g_strndup(bytes, count > 0 ? (size_t)count : 0);
}

START_TEST(the_fence_outlasts_the_exec)
{
    int status = 0;
    if (steps_aside("the fence of a program"))
        return;
    g_autofree char *program = read_confined("/usr/bin/env", &status);
    ck_assert_msg(g_str_has_prefix(program, "\x7f"
                                            "ELF"),
                  "status %d", status);
    if (!kernel_has_landlock()) {
        printf("files of a program: not tried, this kernel has no Landlock\n");
        return;
    }
    g_autofree char *passwd = read_confined("/etc/passwd", &status);
    ck_assert_str_eq(passwd, "");
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %d", status);
}
END_TEST

/* ---- Pictures -------------------------------------------------------------------------------- */

START_TEST(a_decoder_that_tries_anything_dies)
{
    static const struct attempt attempts[] = {
        {"open /etc/passwd", open_passwd, 0, false},
        {"open a program", open_program, 0, false},
        {"make a file", make_file, 0, false},
        {"remove a file", remove_own, 0, false},
        {"a socket of IP", socket_of_ip, 0, false},
        {"a socket of the machine", socket_of_unix, 0, false},
        {"run a program", run_own, 0, false},
        {"make a process", make_process, 0, false},
        {"signal its parent", end_parent, 0, false},
        {"trace its parent", trace_parent, 0, false},
        {"limits of its parent", look_at_parent, 0, false},
        {"have its parent signalled", signal_by_descriptor, 0, false},
        {"raise a limit", raise_limit, 0, false},
    };
    if (steps_aside("the fence of decoders"))
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(attempts); i++) {
        pid_t pid = attempt_fork();
        if (pid == 0)
            _exit(sandbox_enter(&limits, STDERR_FILENO) ? attempts[i].make() : NO_FENCE);
        int status = status_of(pid);
        ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "%s: status %d",
                      attempts[i].name, status);
    }
    ck_assert(g_file_test(own_file, G_FILE_TEST_EXISTS));
}
END_TEST

static int read_others(void)
{
    char byte;
    return result_of(read(9, &byte, 1));
}

/* Processor time without an end. */
static int use_time(void)
{
    for (volatile unsigned i = 0;; i++) {
    }
    return 0;
}

static int decoder_attempt(int (*make)(void), unsigned seconds)
{
    const struct sandbox less = {limits.memory, seconds};
    pid_t pid = attempt_fork();
    if (pid == 0) {
        dup2(STDIN_FILENO, 9); /* of the daemon's */
        _exit(sandbox_enter(&less, STDERR_FILENO) ? make() : NO_FENCE);
    }
    return status_of(pid);
}

START_TEST(a_decoder_has_what_it_was_given)
{
    if (steps_aside("limits of decoders"))
        return;
    int status = decoder_attempt(use_memory, 2);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == ENOMEM, "memory: status %d", status);
    status = decoder_attempt(read_others, 2);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == EBADF, "others: status %d", status);
    status = decoder_attempt(use_time, 1);
    ck_assert_msg(WIFSIGNALED(status), "time: status %d", status);
}
END_TEST

int main(void)
{
    g_autofree char *folder = g_dir_make_tmp("trestle-fence-XXXXXX", NULL);
    if (!folder || g_chmod(folder, 0755) != 0)
        return EXIT_FAILURE;
    own_file = g_build_filename(folder, "program", NULL);
    if (!g_file_set_contents_full(own_file, "#!/bin/sh\nexit 0\n", -1, G_FILE_SET_CONTENTS_NONE,
                                  0755, NULL))
        return EXIT_FAILURE;
    Suite *suite = suite_create("image_fence");
    TCase *tcase = tcase_create("image_fence");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, ffmpeg_can_open_programs_and_nothing_else);
    tcase_add_test(tcase, the_fence_outlasts_the_exec);
    tcase_add_test(tcase, a_decoder_that_tries_anything_dies);
    tcase_add_test(tcase, a_decoder_has_what_it_was_given);
    suite_add_tcase(suite, tcase);
    int failed = unit_run(suite);
    g_unlink(own_file);
    g_rmdir(folder);
    g_free(own_file);
    return failed;
}
