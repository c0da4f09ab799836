/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The generator's event loop; see engine.h. */
#include "config.h"

#include "tests/bench/engine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/schedule.h"

#define ROUND_EVENTS 512

struct engine *engine_new(void)
{
    struct engine *engine = g_new0(struct engine, 1);
    engine->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (engine->epoll < 0)
        g_error("epoll_create1: %s", g_strerror(errno));
    /* The default slack of 50 µs would be counted into every latency. */
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    return engine;
}

void engine_free(struct engine *engine)
{
    close(engine->epoll);
    g_free(engine);
}

static void control(struct engine *engine, int operation, struct source *source, uint32_t events)
{
    struct epoll_event event = {.events = events, .data = {.ptr = source}};
    if (epoll_ctl(engine->epoll, operation, source->fd, &event) != 0)
        g_error("epoll_ctl: %s", g_strerror(errno));
}

void engine_add(struct engine *engine, struct source *source, uint32_t events)
{
    control(engine, EPOLL_CTL_ADD, source, events);
}

void engine_change(struct engine *engine, struct source *source, uint32_t events)
{
    control(engine, EPOLL_CTL_MOD, source, events);
}

void engine_close(struct engine *engine, struct source *source)
{
    (void)engine; /* closing the only descriptor removes it from the set */
    if (source->fd >= 0)
        close(source->fd);
    source->fd = -1;
}

void engine_wait(struct engine *engine, uint64_t deadline)
{
    struct epoll_event events[ROUND_EVENTS];
    uint64_t now = now_ns();
    uint64_t left = deadline > now ? deadline - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u),
                               .tv_nsec = (long)(left % 1000000000u)};
    int ready = epoll_pwait2(engine->epoll, events, ROUND_EVENTS, &timeout, NULL);
    if (ready < 0 && errno != EINTR)
        g_error("epoll_pwait2: %s", g_strerror(errno));
    engine->woken = now_ns();
    for (int i = 0; i < ready; i++) {
        struct source *source = events[i].data.ptr;
        if (source->fd >= 0)
            source->ready(source, events[i].events);
    }
}

int engine_connect(const struct endpoint *endpoint, uint32_t source_address)
{
    int on = 1;
    struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(endpoint->port)};
    if (inet_pton(AF_INET, endpoint->host, &peer.sin_addr) != 1) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = {htonl(source_address)}};
    if (source_address != 0) {
        /* The port is chosen at connect: one address carries a whole port range per peer. */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0)
            goto fail;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) != 0 ||
        fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
        goto fail;
    return fd;
fail:
    on = errno;
    close(fd);
    errno = on;
    return -1;
}
