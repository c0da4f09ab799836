/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sched.h>
#include <sys/ioctl.h>
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

/* Memory, the pipes and the end. */
static const int little_calls[] = {
    SCMP_SYS(read),      SCMP_SYS(write),         SCMP_SYS(writev), SCMP_SYS(close),
    SCMP_SYS(brk),       SCMP_SYS(mmap),          SCMP_SYS(munmap), SCMP_SYS(mremap),
    SCMP_SYS(madvise),   SCMP_SYS(mprotect),      SCMP_SYS(exit),   SCMP_SYS(exit_group),
    SCMP_SYS(futex),     SCMP_SYS(rt_sigreturn),  SCMP_SYS(fstat),  SCMP_SYS(newfstatat),
    SCMP_SYS(getrandom), SCMP_SYS(clock_gettime), SCMP_SYS(lseek),
};

/* What every program makes beyond that: its start, threads, waiting, looking at files. */
static const int program_calls[] = {
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(statx),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_yield),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(sysinfo),
    SCMP_SYS(uname),
    SCMP_SYS(getdents64),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(sigaltstack),
};

bool sandbox_filter_allow(scmp_filter_ctx filter, const int *calls, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0) != 0)
            return false;
    }
    return true;
}

/* A filter that lets only little_calls pass, and does ACTION at others. */
static scmp_filter_ctx filter_new(uint32_t action)
{
    scmp_filter_ctx filter = seccomp_init(action);
    if (filter && sandbox_filter_allow(filter, little_calls, G_N_ELEMENTS(little_calls)))
        return filter;
    seccomp_release(filter);
    return NULL;
}

/* Threads, and no processes: those would have limits of their own, and outlive who made them. The
 * flags of clone3() cannot be seen from here; the C library takes clone() where there is none. */
static bool threads_allow(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0;
}

struct argument {
    int call;
    unsigned at;
    const scmp_datum_t *values;
    size_t count;
};

/* The call passes where its argument is one of the values. */
static bool values_allow(scmp_filter_ctx filter, const struct argument *argument)
{
    for (size_t i = 0; i < argument->count; i++) {
        struct scmp_arg_cmp equal = {argument->at, SCMP_CMP_EQ, argument->values[i], 0};
        if (seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, argument->call, 1, &equal) != 0)
            return false;
    }
    return true;
}

/* fcntl() could have the kernel signal another process; prlimit64() is of any of this user's. */
static bool arguments_allow(scmp_filter_ctx filter)
{
    static const scmp_datum_t own[] = {0};
    static const scmp_datum_t flags[] = {F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,
                                         F_SETFD, F_GETFL,         F_SETFL};
    static const scmp_datum_t looks[] = {TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO};
    static const struct argument arguments[] = {
        {SCMP_SYS(prlimit64), 0, own, G_N_ELEMENTS(own)},
        {SCMP_SYS(fcntl), 1, flags, G_N_ELEMENTS(flags)},
        {SCMP_SYS(ioctl), 1, looks, G_N_ELEMENTS(looks)},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(arguments); i++) {
        if (!values_allow(filter, &arguments[i]))
            return false;
    }
    return true;
}

scmp_filter_ctx sandbox_filter_new(void)
{
    scmp_filter_ctx filter = filter_new(SCMP_ACT_ERRNO(EPERM));
    if (filter && sandbox_filter_allow(filter, program_calls, G_N_ELEMENTS(program_calls)) &&
        threads_allow(filter) && arguments_allow(filter))
        return filter;
    seccomp_release(filter);
    return NULL;
}

/* Anything but little_calls kills the process. */
static bool allow_little(void)
{
    if (SANITIZED)
        return true;
    scmp_filter_ctx filter = filter_new(SCMP_ACT_KILL_PROCESS);
    bool done = filter && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return done;
}

bool sandbox_enter(const struct sandbox *limits, unsigned last)
{
    close_range(last + 1, ~0U, 0); /* what the daemon has open is none of our business */
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && limit_all(limits) && allow_little();
}

bool sandbox_write_to(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t count = write(fd, at, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        at += count;
        length -= (size_t)count;
    }
    return true;
}

bool sandbox_write(const void *bytes, size_t length)
{
    return sandbox_write_to(STDOUT_FILENO, bytes, length);
}
