/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One request and its answer. exchange.c decides what is answered; reply.c writes it; server.c owns
 * connections and time. Private to this folder. */
#pragma once

#include "bridge/account/secret.h"
#include "bridge/account/session.h"
#include "bridge/core/request.h"
#include "bridge/http/head.h"
#include "bridge/http/route.h"
#include "bridge/http/upgrade.h"
#include "bridge/loop/loop.h"

#define UPLOAD_RATE 16384 /* bytes a second that a body must come with, on average */

/* Where a connection stands, each with one patience; see server.c for how long. */
enum wait {
    WAIT_HEAD,    /* nothing was received yet */
    WAIT_BODY,    /* the request line was received, the rest was not */
    WAIT_PIECE,   /* so many bytes of an upload were not received yet, see upload.c */
    WAIT_REFUSED, /* a body comes of a request that is refused already */
    WAIT_CLIENT,  /* an answer is being read */
    WAIT_REQUEST, /* kept alive */
    WAIT_NOTHING, /* a handler is at work: no limit here */
    WAIT_MAX
};

struct connection {
    GList link; /* in server->waiting[wait], unless WAIT_NOTHING; data: the connection */
    int fd;
    enum wait wait;
    bool late; /* it was cut for its slowness */
    gint64 since;
    guint64 address; /* where it counts until somebody signs in on it; 0: nowhere */
};

struct http_server {
    struct core *core;
    struct routes *routes;
    struct websocket_upgrade upgrade; /* upgraded is NULL: no WebSockets */
    struct pages *pages;              /* see page.h; NULL: none are served */
    char **origins;                   /* NULL-terminated, in their normal form */
    GArray *proxies;                  /* see caller.h */
    bool silent_proxy;       /* one did not tell the client's address, which has been logged */
    struct tally *addresses; /* of connections on which nobody has signed in */
    struct MHD_Daemon *daemon;
    GQueue waiting[WAIT_MAX]; /* struct connection, longest wait first */
    GQueue running;           /* struct exchange whose handler is at work */
    GPtrArray *spare;         /* freed struct exchange, for reuse */
    size_t bodies;            /* bytes of bodies of all requests that came or were promised */
    bool run_wanted;          /* libmicrohttpd has something to do at the turn's end */
    bool stopping;
    bool ending;    /* libmicrohttpd is being stopped: nothing is suspended any more */
    GQueue streams; /* struct http_stream that were begun */
    bool starved;   /* descriptors ran out a moment ago, which has been logged */
    bool lacked;    /* the same within this second */
    /* server.c alone */
    struct loop_watch accepting; /* fd -1: closed */
    struct loop_watch serving;   /* libmicrohttpd's epoll set */
    int reserve;                 /* a descriptor to give up when there are no more */
    unsigned evicted;            /* connections, in this turn */
    bool paused;                 /* no accepting until the next second */
    guint timer, stop_timer;
    gint64 patience[WAIT_MAX]; /* microseconds */
    gint64 stop_deadline;
    void (*stopped)(void *data);
    void *stopped_data;
};

enum upload_state {
    UPLOAD_NONE, /* the body is read before the handler is called */
    UPLOAD_HEAD, /* nobody reads it yet: sign-in or handler are at work */
    UPLOAD_BODY, /* it is being read */
    UPLOAD_OVER  /* nobody reads it any more */
};

/* A body that the handler reads as it comes; see upload.c. */
struct upload {
    enum upload_state state;
    struct body_reader reader; /* zero until the handler asks for the body */
    size_t received;           /* bytes that the reader has taken */
    size_t window;             /* of them since the connection's time began to run */
    bool suspended;            /* the reader takes no more for now */
};

enum exchange_state {
    EXCHANGE_NEW,      /* the request line is in, the head is coming */
    EXCHANGE_READING,  /* the body is coming */
    EXCHANGE_RUNNING,  /* in server->running; sign-in or handler has yet to answer */
    EXCHANGE_ANSWERED, /* the answer is here, not given to libmicrohttpd */
    EXCHANGE_SENT
};

struct exchange {
    struct request request; /* first: a request is its exchange */
    GList link;             /* in server->running while RUNNING */
    struct http_server *server;
    struct MHD_Connection *mhd; /* NULL once the connection has gone */
    struct connection *connection;
    enum exchange_state state;
    gint64 began;     /* clock_monotonic */
    struct uuid user; /* of whom the request was, once it is answered; nil: nobody's */
    bool inside;      /* libmicrohttpd is calling us: no need to resume */
    bool close;       /* do not keep the connection */
    bool handshake;   /* a WebSocket is asked for */
    bool coded;       /* refused for its Content-Encoding */
    struct head head;
    struct route_match match;
    struct buffer body;
    size_t counted; /* of body, in server->bodies: what was promised, or of chunks what came */
    struct upload upload;
    size_t swallowed; /* bytes of a chunked body that are read only to be ignored */
    struct credentials credentials;
    char cookie[SECRET_LENGTH + 1];  /* of our session, if it counts */
    char *texts[REQUEST_VALUES_MAX]; /* decoded path and query parameters, by field */
    size_t lengths[REQUEST_VALUES_MAX];
    char *idempotency_key; /* a copy: values may outlive the connection */
    const char *accept;    /* of a handshake: the chosen subprotocol or NULL */
    const char *dialect;
    bool deflates;                /* a WebSocket: permessage-deflate was agreed on */
    char *asked_dialect, *ticket; /* of the query, or of the head; may be NULL */
    const struct dialect *spoken; /* of the client; NULL: it did not say */
    /* the answer */
    unsigned status;
    enum error_code code; /* ERROR_NONE: not a problem */
    char *content;
    size_t content_length;
    const char
        *bodiless; /* media type of an answer to HEAD that is made without its body; or NULL */
    struct http_stream *stream; /* in place of content; owned */
    struct loop_watch hangup;   /* of the connection, if watched */
    bool watched;
    void (*left)(struct request *request);
    struct page *page; /* a file of the web client is asked for; NULL: it is not */
    GBytes *bytes;     /* instead of content: an answer that is no JSON */
    char *media_type, *etag;
    char *set_cookie;
    struct limit_state limit;
};

/* What libmicrohttpd calls; the request line comes first. */
void *exchange_begin(void *data, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result exchange_handle(void *data, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **context);
void exchange_completed(void *data, struct MHD_Connection *mhd, void **context,
                        enum MHD_RequestTerminationCode code);

/* Sets the answer, unless there is one already. */
void exchange_fail(struct exchange *exchange, enum error_code code, const char *detail,
                   const char *pointer);

/* Signs in and runs the operation of what is wanted; answers now or later. */
void exchange_run(struct exchange *exchange);
/* Whether a refused request's body is read to its end before the answer is given. */
bool exchange_is_swallowed(const struct exchange *exchange);
/* LENGTH bytes of it came. MHD_NO: that is enough. */
enum MHD_Result exchange_swallow(struct exchange *exchange, size_t length);
