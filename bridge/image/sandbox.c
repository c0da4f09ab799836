/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <glib.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bridge/image/sandbox.h"

#define SANITIZED_SECONDS_MAX 60

bool sandbox_limit(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit value = {most, most};
    return setrlimit(resource, &value) == 0;
}

static bool limit_all(const struct sandbox *limits)
{
    return sandbox_limit(RLIMIT_CORE, 0) &&
           sandbox_limit(RLIMIT_CPU, SANITIZED ? SANITIZED_SECONDS_MAX : limits->seconds) &&
           (SANITIZED || sandbox_limit(RLIMIT_AS, limits->memory));
}

/* Memory, the pipes and the end; anything else kills the process. */
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

bool sandbox_enter(const struct sandbox *limits, unsigned last)
{
    close_range(last + 1, ~0U, 0); /* what the daemon has open is none of our business */
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && limit_all(limits) && allow_little();
}

bool sandbox_write(const void *bytes, size_t length)
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
