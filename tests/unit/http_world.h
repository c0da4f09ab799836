/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An HTTP server with a fake core on the main thread, and what its clients, threads with blocking
 * sockets, do. */
#pragma once

#include <check.h>
#include <glib.h>
#include <stdbool.h>

#include "bridge/base/clock.h"
#include "bridge/base/error.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/http/admin.h"
#include "bridge/http/server.h"

#define AUTH "Authorization: Bearer known\r\n"
#define HOST "Host: localhost\r\n"
#define JSON "Content-Type: application/json\r\n"
#define GET_NOW "GET /api/now HTTP/1.1\r\n" HOST AUTH "\r\n"
#define UPGRADE                                                                                    \
    "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"       \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

extern struct core core;
extern struct http_server *server;
extern struct http_admin *admin;
extern unsigned port;
extern GMainLoop *main_loop;
extern enum error_code admission; /* what is said of another socket */

/* A fixture: the server listens on PORT, and the loop does not run yet. */
void set_up(void);
void tear_down(void);

/* ---- The client's side ----------------------------------------------------------------------- */

struct reply {
    unsigned status; /* 0: the connection ended */
    char head[4096];
    char body[262144];
};

int dial_port(unsigned to);
int dial(void);
void put(int fd, const char *bytes, size_t length);
void say(int fd, const char *text);
bool get_byte(int fd, char *ret_byte);
struct reply *hear(int fd); /* the next reply; valid until the one after it */
bool has_ended(int fd);
/* Sends TEXT on a connection of its own and returns the reply. */
struct reply *ask(const char *text);
/* Likewise, a POST of BODY. */
struct reply *post(const char *body, const char *headers);

/* Runs CLIENT on a thread of its own, and the loop until it has returned. */
void run_client(void (*client)(void));
void wait_for(int seconds); /* moves the clock at the loop's next turn */

#define CLIENT_TEST(name)                                                                          \
    static void name##_client(void);                                                               \
    START_TEST(name)                                                                               \
    {                                                                                              \
        run_client(name##_client);                                                                 \
    }                                                                                              \
    END_TEST                                                                                       \
    static void name##_client(void)

/* TESTS with that fixture, each in so much time that a slow machine is no failure. */
TCase *world_case(const char *name, const TTest *const *tests, size_t count);
