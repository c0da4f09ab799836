/* SPDX-License-Identifier: GPL-3.0-or-later */
/* trestle-image: a picture on standard input becomes two on standard output, in a process that can
 * do nothing else. The daemon starts one per picture.
 *
 * Output: "trestle-image TYPE LENGTH PNG_LENGTH PNG_WIDTH PNG_HEIGHT\n", then the bytes of both.
 * Status 0 only then. */
#include "config.h"

#include <glib.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bridge/image/picture.h"

#define INPUT_MAX (1024 * 1024)
#define MEMORY_MAX (512UL * 1024 * 1024)
#define SECONDS_MAX 2 /* of the processor; what image_is_bearable() lets pass takes 0.3 */
#define SANITIZED_SECONDS_MAX 20

#if defined __SANITIZE_ADDRESS__
#define SANITIZED 1
#elif defined __has_feature
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED                                                                                  \
    0 /* a sanitizer needs more memory and more system calls than we want to allow                 \
       */
#endif

static bool set_limit(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit value = {most, most};
    return setrlimit(resource, &value) == 0;
}

static bool limit_all(void)
{
    return set_limit(RLIMIT_CORE, 0) &&
           set_limit(RLIMIT_CPU, SANITIZED ? SANITIZED_SECONDS_MAX : SECONDS_MAX) &&
           (SANITIZED || set_limit(RLIMIT_AS, MEMORY_MAX));
}

/* Memory, the two pipes and the end; anything else kills the process. */
static bool allow_little(void)
{
    static const int calls[] = {
        SCMP_SYS(read),      SCMP_SYS(write),         SCMP_SYS(writev), SCMP_SYS(close),
        SCMP_SYS(brk),       SCMP_SYS(mmap),          SCMP_SYS(munmap), SCMP_SYS(mremap),
        SCMP_SYS(madvise),   SCMP_SYS(mprotect),      SCMP_SYS(exit),   SCMP_SYS(exit_group),
        SCMP_SYS(futex),     SCMP_SYS(rt_sigreturn),  SCMP_SYS(fstat),  SCMP_SYS(newfstatat),
        SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(lseek),
    };
    if (SANITIZED)
        return true;
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool done = filter != NULL;
    for (size_t i = 0; done && i < G_N_ELEMENTS(calls); i++)
        done = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) == 0;
    done = done && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return done;
}

static size_t read_all(char *bytes, size_t most)
{
    size_t length = 0;
    while (length < most) {
        ssize_t count = read(STDIN_FILENO, bytes + length, most - length);
        if (count <= 0)
            break;
        length += (size_t)count;
    }
    return length;
}

static bool write_all(const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t count = write(STDOUT_FILENO, at, length);
        if (count <= 0)
            return false;
        at += count;
        length -= (size_t)count;
    }
    return true;
}

int main(void)
{
    close_range(3, ~0U, 0); /* what the daemon has open is none of our business */
    g_autofree char *bytes = g_malloc(INPUT_MAX + 1);
    char head[128];
    struct picture picture;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !limit_all() || !allow_little()) {
        (void)!write(STDERR_FILENO, "trestle-image: no sandbox\n", 26);
        return 2;
    }
    size_t length = read_all(bytes, INPUT_MAX + 1);
    if (length > INPUT_MAX || !picture_make(bytes, length, &picture))
        return 1;
    g_snprintf(head, sizeof head, "trestle-image %s %zu %zu %d %d\n", picture.type, picture.length,
               picture.png_length, picture.png_width, picture.png_height);
    bool written = write_all(head, strlen(head)) && write_all(picture.data, picture.length) &&
                   write_all(picture.png, picture.png_length);
    picture_clear(&picture);
    return written ? 0 : 1;
}
