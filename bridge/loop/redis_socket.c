/* SPDX-License-Identifier: GPL-3.0-or-later */
/* hiredis' event hooks, on a watch of our epoll set. */
#include "config.h"

#include <sys/epoll.h>

#include "bridge/loop/redis_socket.h"

static void socket_watch(struct redis_socket *socket, uint32_t events)
{
    if (!socket->context || events == socket->events)
        return;
    socket->watch.fd = socket->context->c.fd;
    if (events == 0) {
        loop_remove(&socket->watch);
        socket->watched = false;
    } else if (socket->watched) {
        loop_modify(&socket->watch, events);
    } else {
        socket->watched = loop_add(&socket->watch, events);
    }
    socket->events = events;
}

static void add_read(void *data)
{
    struct redis_socket *socket = data;
    socket_watch(socket, socket->events | EPOLLIN);
}

static void del_read(void *data)
{
    struct redis_socket *socket = data;
    socket_watch(socket, socket->events & ~(uint32_t)EPOLLIN);
}

static void add_write(void *data)
{
    struct redis_socket *socket = data;
    socket_watch(socket, socket->events | EPOLLOUT);
}

static void del_write(void *data)
{
    struct redis_socket *socket = data;
    socket_watch(socket, socket->events & ~(uint32_t)EPOLLOUT);
}

static void socket_cleanup(void *data)
{
    struct redis_socket *socket = data;
    socket_watch(socket, 0);
    socket->context = NULL;
    if (!socket->ending)
        socket->ended(socket);
}

static void socket_ready(struct loop_watch *watch, uint32_t events)
{
    struct redis_socket *socket = loop_owner(watch, struct redis_socket, watch);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        redisAsyncHandleRead(socket->context);
    if (socket->context && (events & EPOLLOUT))
        redisAsyncHandleWrite(socket->context);
}

bool redis_socket_connect(struct redis_socket *socket, const struct redis_server *server,
                          void (*ended)(struct redis_socket *socket))
{
    redisAsyncContext *context = redisAsyncConnect(server->host, server->port);
    *socket = (struct redis_socket){.watch.ready = socket_ready, .ended = ended};
    if (!context)
        return false;
    if (context->err) {
        redisAsyncFree(context);
        return false;
    }
    socket->context = context;
    context->ev.data = socket;
    context->ev.addRead = add_read;
    context->ev.delRead = del_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = del_write;
    context->ev.cleanup = socket_cleanup;
    return true;
}

void redis_socket_sign_in(struct redis_socket *socket, const struct redis_server *server,
                          redisCallbackFn *done, void *data)
{
    if (server->user && server->password)
        redisAsyncCommand(socket->context, done, data, "AUTH %s %s", server->user,
                          server->password);
    else if (server->password)
        redisAsyncCommand(socket->context, done, data, "AUTH %s", server->password);
}

void redis_socket_end(struct redis_socket *socket)
{
    socket->ending = true;
    if (socket->context)
        redisAsyncFree(socket->context); /* calls cleanup, later if we are inside its callback */
}
