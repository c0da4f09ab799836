/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One WebSocket, inside of this layer. The struct is all that an idle socket costs: receive state,
 * send queue and replay exist only while there is something in them.
 *
 * Nothing here calls back into the owner's loops: a socket that dies or closes is only marked, and
 * what is marked is written out, unsubscribed and freed at the end of the loop's turn. */
#pragma once

#include "bridge/base/error.h"
#include "bridge/base/id.h"
#include "bridge/base/wheel.h"
#include "bridge/core/event.h"
#include "bridge/dialect/dialect.h"
#include "bridge/loop/loop.h"
#include "bridge/ws/frame.h"
#include "bridge/ws/output.h"

struct core;
struct credentials;
struct replay;

#define SOCKET_INPUT_SIZE 65536 /* the one receive buffer of the server */
#define SOCKET_GREETING_INPUT                                                                      \
    16384                            /* a socket without token gets no more than this read at once \
                                      */
#define SOCKET_PENDING_MAX 64        /* commands of one socket under way; more are not read yet */
#define SOCKET_CONTROL_PER_SECOND 64 /* control frames of one socket */
#define SOCKET_READERS_MAX 64        /* idle receive states that are kept */

struct ws_server {
    struct core *core;
    struct ws_socket *sockets; /* all that are not destroyed; each holds one reference */
    guint count;
    struct ws_socket *dirty;       /* have something to do at the end of the turn */
    struct wheel wheel;            /* the one deadline of every socket */
    guint timer;                   /* runs while there are sockets */
    struct tally *addresses;       /* of sockets that have not signed in */
    guint unsigned_count;          /* of those, all */
    GPtrArray *readers;            /* struct frame_reader *, idle */
    GHashTable *commands;          /* type → const struct operation * */
    const struct dialect *dialect; /* of clients that choose none */
    struct frame_limits limits, greeting_limits;
    struct deflate *deflate; /* NULL: no socket compresses */
    char *input;             /* SOCKET_INPUT_SIZE bytes */
    bool stopping;
    gint64 stop_at; /* clock_monotonic; what is left then is dropped */
    void (*stopped)(void *data);
    void *stopped_data;
};

enum socket_state {
    SOCKET_GREETING,       /* waits for the auth frame; deadline: websocket.auth_timeout */
    SOCKET_AUTHENTICATING, /* a sign-in is under way, reading is paused; same deadline */
    SOCKET_OPEN,           /* subscribed; deadline: next heartbeat or the token's expiry */
    SOCKET_CLOSING, /* the close frame is queued or sent, input is thrown away; deadline: end */
    SOCKET_DEAD     /* off the loop; destroyed at the turn's end; answers are dropped */
};

enum socket_pause {
    PAUSE_SIGN_IN = 1 << 0, /* frames behind the auth frame wait for its outcome */
    PAUSE_OUTPUT = 1 << 1,  /* the client does not read what it asked for */
    PAUSE_STOP = 1 << 2,    /* the server stops: nothing new is begun */
    PAUSE_PENDING = 1 << 3  /* SOCKET_PENDING_MAX commands are under way: the next ones wait */
};

struct ws_socket {
    struct loop_watch watch;
    struct subscriber subscriber;
    struct ws_server *server;       /* NULL once destroyed */
    struct ws_socket *next, **link; /* among server->sockets */
    struct ws_socket *next_dirty;
    struct wheel_entry deadline;
    const struct dialect *dialect;
    struct frame_reader *reader; /* only while a message is incomplete or reading is paused */
    struct replay *replay;       /* only while a resume is under way */
    struct output output;
    guint64 address;  /* see struct credentials; counted in server->addresses until it signs in */
    gint64 opened_at; /* clock_monotonic: when it signed in */
    gint64 heartbeat_due;  /* clock_monotonic; keeps its phase */
    gint64 position;       /* everything up to here was written */
    gint64 live_from;      /* events above it that were sent came live, not by a replay */
    gint64 floor;          /* events up to here are not to be delivered (any more) */
    gint64 control_second; /* the second that control_count counts in */
    int references;
    uint32_t interest; /* of the watch */
    enum socket_state state;
    guint16 control_count;
    guint16 pending; /* commands */
    guint8 pauses;   /* enum socket_pause */
    guint8 missed;   /* pings since the peer was last heard */
    bool dirty : 1, subscribed : 1;
    bool counted : 1;                  /* among those that have not signed in */
    bool blocked : 1;                  /* the kernel's buffer is full: wait for EPOLLOUT */
    bool heard : 1, heard_message : 1; /* since the last heartbeat */
    bool close_received : 1, shut : 1;
    bool keeping : 1;    /* the end of its session is being put off */
    bool going_away : 1; /* close with 1001 once nothing is pending */
    bool opened : 1;     /* has signed in */
    bool told : 1;       /* whether it came in was counted */
    bool deflates : 1;   /* permessage-deflate was agreed on */
    guint16 close;       /* code of the close frame, whosever; 0: there was none */
};

/* Owned by the server until it is destroyed. Takes FD. NULL if it cannot be watched. */
struct ws_socket *socket_new(struct ws_server *server, int fd, const struct dialect *dialect,
                             guint64 address);
struct ws_socket *socket_ref(struct ws_socket *socket);
void socket_unref(struct ws_socket *socket);

/* Bytes that came with the handshake. */
void socket_receive(struct ws_socket *socket, const char *bytes, size_t length);

/* It did not come to sign in, because of REASON (static), which counts if it is the first. */
void socket_refused(struct ws_socket *socket, const char *reason);

/* Queues a ready text frame, compressed if that was agreed on and helps, or closes the slow reader.
 * Nothing happens if the socket is not for sending any more. POSITION as in struct output_item. */
void socket_send_text(struct ws_socket *socket, GBytes *frame, gint64 position);
/* TYPE, one of our own words, and the size are all that the log (debug) has of a message; NAME says
 * which way it went. */
void socket_log_frame(const struct ws_socket *socket, const char *name, const char *type,
                      size_t bytes);
void socket_send_event(struct ws_socket *socket, struct event *event);
void socket_send_frame(struct ws_socket *socket, const struct dialect_frame *frame);

/* An error frame. ID (JSON), DETAIL, POINTER may be NULL. */
void socket_fail(struct ws_socket *socket, const char *id, enum error_code code, const char *detail,
                 const char *pointer);

/* Begins the closing handshake. REASON NULL: the cursor to resume from, if there is one. */
void socket_close(struct ws_socket *socket, enum close_code code, const char *reason);

/* Ends it without a word. */
void socket_kill(struct ws_socket *socket);

/* The event that the peer will have seen when the queue is written. */
gint64 socket_newest_position(const struct ws_socket *socket);

void socket_pause(struct ws_socket *socket, enum socket_pause reason);
/* SOCKET goes on with what has been received meanwhile. */
void socket_resume_reading(struct ws_socket *socket, enum socket_pause reason);

/* Whether ACCOUNT has as many sockets as a user may have. */
bool socket_is_one_too_many(const struct ws_socket *socket, const struct account *account);

/* The account is known: subscribes, and begins the heartbeat. */
void socket_open(struct ws_socket *socket, struct account *account, const struct grant *grant);
/* The same user has shown something newer. */
void socket_renew(struct ws_socket *socket, const struct grant *grant);

/* Waits for commands under way, but no longer than UNTIL, then closes with 1001. */
void socket_go_away(struct ws_socket *socket, gint64 until);
/* Around each command that is answered later. */
void socket_command_begins(struct ws_socket *socket);
void socket_command_ended(struct ws_socket *socket);

/* For the server: the end of a turn, and the deadline. */
void socket_flush(struct ws_socket *socket);
void socket_deadline(struct ws_socket *socket);
void socket_destroy(struct ws_socket *socket);
