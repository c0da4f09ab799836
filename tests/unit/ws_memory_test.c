/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an idle, signed-in socket costs in user space. Prints it; fails above the promise. */
#include "config.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/unit/unit.h"
#include "tests/unit/ws_world.h"

#define SOCKETS_MAX 5000
#define BYTES_MAX 1024

START_TEST(an_idle_socket_is_small)
{
    static struct client *clients[SOCKETS_MAX];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    getrlimit(RLIMIT_NOFILE, &files);
    size_t count = MIN(SOCKETS_MAX, (files.rlim_cur - 64) / 2);
    world_begin();
    client_free(client_greeted()); /* what is common to all */
    for (size_t i = 0; i < count; i++) {
        clients[i] = client_new(NULL, NULL, 0);
        client_text(clients[i], "{\"type\":\"auth\",\"payload\":{\"token\":\"good\"}}");
        client_expect(clients[i], "hello");
        g_clear_pointer(&clients[i]->input, g_free);
    }
    world_publish(101);
    for (size_t i = 0; i < count; i++) {
        client_expect_event(clients[i], 101);
        g_clear_pointer(&clients[i]->input, g_free);
    }
    size_t before = mallinfo2().uordblks;
    ws_server_free(world.server);
    size_t after = mallinfo2().uordblks;
    if (before > after) /* sanitizers bring an allocator that does not count */
        printf("%zu idle sockets: %zu bytes each\n", count, (before - after) / count);
    ck_assert_uint_le(before - MIN(after, before), count * BYTES_MAX);
    world.server = NULL;
    for (size_t i = 0; i < count; i++) {
        close(clients[i]->fd);
        g_free(clients[i]);
    }
    world_end();
}
END_TEST

UNIT_MAIN("ws_memory", an_idle_socket_is_small)
