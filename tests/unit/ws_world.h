/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A WebSocket server in this process with a stub core, and clients on socketpairs. Nothing waits:
 * reading turns the loop until the frame is there, and fails the test if it does not come. */
#pragma once

#include <check.h>
#include <jansson.h>
#include <stdbool.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/account/session.h"
#include "bridge/account/sign_in.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/operation.h"
#include "bridge/core/event.h"
#include "bridge/core/request.h"
#include "bridge/core/resume.h"
#include "bridge/ws/frame.h"
#include "bridge/ws/server.h"

/* Tokens: "good" is known; "new" and "slow" sign in, the latter when world_sign_in is called;
 * "brief" is good for 60 s; "other" is another user's and only for renewals; "down" finds no
 * database; everything else is bad. */
struct world {
    struct core core;
    struct options *options;
    struct account *account;
    struct ws_server *server;
    guint64 address;              /* that new clients come from */
    const char *dialect;          /* that new clients choose; NULL: none */
    struct request *waiting[256]; /* of the command "later" */
    unsigned waiting_count;
    session_done sign_in_done;
    void *sign_in_data;
    resume_done resume_done;
    void *resume_data;
    gint64 resume_from;
    session_kept kept; /* a session's end is to be put off; NULL: it is not */
    void *kept_data;
};
extern struct world world;

void world_begin(void);
void world_end(void);
void world_limit(void);               /* limits as in the options; without it there are none */
void world_turn(void);                /* everything that is ready */
void world_sign_in(bool success);     /* completes "slow" */
void world_keeps(gint64 expires);     /* answers that; 0: it is not put off any more */
void world_advance(unsigned seconds); /* moves the clock, second by second */
struct event *world_event(gint64 position, const char *payload);
void world_publish(gint64 position); /* an event to the account */
/* Completes a resume: events FIRST..LAST (none if FIRST > LAST) and the head of the log. */
void world_resume(gint64 first, gint64 last, gint64 head);
/* The same, when there was no room for what is behind LAST: it is asked for next. */
void world_resume_part(gint64 first, gint64 last);
void world_resume_fails(enum error_code error, bool resync, gint64 head);

struct client {
    int fd;
    char *input;
    size_t input_length;
    unsigned pings;  /* seen by client_read */
    bool keep_pings; /* hand them out */
};

struct client *client_new(const char *token, const char *extra, size_t extra_length);
struct client *client_greeted(void); /* with "good", hello read */
void client_free(struct client *client);
void client_write(struct client *client, const void *bytes, size_t length);
/* FIRST is the first byte: fin, reserved bits, opcode. */
void client_frame(struct client *client, unsigned first, const void *payload, size_t length);
void client_text(struct client *client, const char *text);

struct heard {
    unsigned opcode; /* 0: the connection has ended */
    char *payload;   /* NUL-terminated; g_free */
    size_t length;
};
/* Pings of the server are counted and left out. */
struct heard client_read(struct client *client);
bool client_has_frame(struct client *client);                 /* after everything that is ready */
json_t *client_json(struct client *client, const char *type); /* the next frame; caller decrefs */
void client_expect(struct client *client, const char *type);
void client_expect_event(struct client *client, gint64 position);
void client_expect_error(struct client *client, const char *code);
void client_expect_close(struct client *client, unsigned code, const char *reason);
void client_expect_end(struct client *client);
