/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A wall for files, seccomp for the rest: both outlast the exec. */
#include "config.h"

#include <glib.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bridge/image/fence.h"
#include "bridge/image/sandbox.h"
#include "bridge/image/wall.h"

#define MEMORY_MAX (2048UL * 1024 * 1024)
#define SECONDS_MAX 900
#define FILE_MAX (2048UL * 1024 * 1024)

/* What programs are made of. */
static const char *const program_files[] = {
    "/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives", NULL};

/* Beyond what every program makes. */
static const int tool_calls[] = {
    SCMP_SYS(pwrite64), SCMP_SYS(openat),        SCMP_SYS(prctl),         SCMP_SYS(getrusage),
    SCMP_SYS(statfs),   SCMP_SYS(get_mempolicy), SCMP_SYS(set_mempolicy), SCMP_SYS(mlock),
    SCMP_SYS(munlock),  SCMP_SYS(ftruncate),     SCMP_SYS(execve),
};

static bool calls_forbid(void)
{
    scmp_filter_ctx filter = sandbox_filter_new();
    bool done = filter && sandbox_filter_allow(filter, tool_calls, G_N_ELEMENTS(tool_calls)) &&
                seccomp_load(filter) == 0;
    seccomp_release(filter);
    return done;
}

bool fence_keeps_files(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && wall_build(program_files);
}

bool fence_enter(void)
{
    close_range(5, ~0U, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !sandbox_limit(RLIMIT_CORE, 0) ||
        !sandbox_limit(RLIMIT_CPU, SECONDS_MAX) || !sandbox_limit(RLIMIT_FSIZE, FILE_MAX) ||
        (!SANITIZED && !sandbox_limit(RLIMIT_AS, MEMORY_MAX)))
        return false;
    wall_build(program_files);
    return calls_forbid();
}
