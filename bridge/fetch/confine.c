/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <fcntl.h>
#include <glib.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/fetch/confine.h"
#include "bridge/image/sandbox.h"
#include "bridge/image/wall.h"

#define MEMORY_MAX (1024UL * 1024 * 1024)
#define SECONDS_MAX 60 /* of the processor */
#define FILE_SIZE_MAX (8UL * 1024 * 1024 * 1024)

/* Beyond what every program makes. */
static const int network_calls[] = {
    SCMP_SYS(stat),       SCMP_SYS(lstat),      SCMP_SYS(gettimeofday), SCMP_SYS(select),
    SCMP_SYS(pselect6),   SCMP_SYS(pipe2),      SCMP_SYS(pipe),         SCMP_SYS(eventfd2),
    SCMP_SYS(socketpair), SCMP_SYS(connect),    SCMP_SYS(sendto),       SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),    SCMP_SYS(recvmsg),    SCMP_SYS(sendmmsg),     SCMP_SYS(recvmmsg),
    SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname),  SCMP_SYS(getpeername),
    SCMP_SYS(shutdown),
};

/* Sockets of IP only: neither those of the machine's own services, nor raw ones. Files are read. */
static bool arguments_allow(scmp_filter_ctx filter)
{
    static const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                             SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0),
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_STREAM)) != 0 ||
            seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                             SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0),
                             SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM)) != 0)
            return false;
    }
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT, O_RDONLY)) == 0;
}

static bool calls_forbid(void)
{
    scmp_filter_ctx filter = sandbox_filter_new();
    bool done = filter &&
                sandbox_filter_allow(filter, network_calls, G_N_ELEMENTS(network_calls)) &&
                arguments_allow(filter) && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return done;
}

bool confine(unsigned last)
{
    /* Where names are looked up, who vouches for servers, and libraries. */
    static const char *const paths[] = {"/usr",
                                        "/lib",
                                        "/lib64",
                                        "/etc/ssl",
                                        "/etc/resolv.conf",
                                        "/etc/hosts",
                                        "/etc/nsswitch.conf",
                                        "/etc/gai.conf",
                                        "/etc/host.conf",
                                        "/etc/ld.so.cache",
                                        "/etc/services",
                                        "/run/systemd/resolve",
                                        "/run/resolvconf",
                                        NULL};
    close_range(last + 1, ~0U, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !sandbox_limit(RLIMIT_CORE, 0) ||
        !sandbox_limit(RLIMIT_CPU, SECONDS_MAX) || !sandbox_limit(RLIMIT_FSIZE, FILE_SIZE_MAX) ||
        (!SANITIZED && !sandbox_limit(RLIMIT_AS, MEMORY_MAX)))
        return false;
    if (SANITIZED) /* they read /proc, and need more calls */
        return true;
    wall_build(paths);
    return calls_forbid();
}
