/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signing a socket in, with the token of its handshake or of its first frame. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/session.h"
#include "bridge/account/sign_in.h"
#include "bridge/account/token.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/cursor.h"
#include "bridge/ws/auth.h"
#include "bridge/ws/command.h"
#include "bridge/ws/replay.h"
#include "bridge/ws/socket.h"

/* A sign-in under way. */
struct sign_in {
    struct ws_socket *socket; /* reference held */
    char *id;
    char *cursor; /* to resume from, or NULL */
};

static void sign_in_refuse(struct ws_socket *socket, const char *id, enum error_code code,
                           const char *detail)
{
    socket_refused(socket, error_info(code)->code);
    socket_fail(socket, id, code, detail, NULL);
    if (code == ERROR_UNAVAILABLE || code == ERROR_RATE_LIMITED)
        socket_close(socket, CLOSE_TRY_LATER, error_info(code)->code);
    else if (code == ERROR_FORBIDDEN)
        socket_close(socket, CLOSE_UNAUTHENTICATED, "suspended");
    else
        socket_close(socket, CLOSE_UNAUTHENTICATED, "bad token");
}

/* RESUMING: the cursor that a replay behind this frame starts from, or NULL; hello must not be
 * ahead of it. */
static void send_hello(struct ws_socket *socket, const struct account *user, const char *resuming,
                       const char *id)
{
    const struct core *core = socket->server->core;
    char session[UUID_TEXT_SIZE];
    char cursor[CURSOR_TEXT_SIZE];
    uuid_format(&socket->subscriber.session, session);
    gint64 from;
    if (!resuming || !cursor_accept(resuming, core->epoch, core->past, &from))
        from = socket->position;
    cursor_format(core->epoch, MIN(from, socket->position), cursor);
    g_auto(buffer) payload = BUFFER_INIT((user->json ? strlen(user->json) : 0) + 512);
    struct json_writer json;
    json_writer_init(&json, &payload);
    json_begin_object(&json);
    json_member_raw(&json, "user", user->json);
    json_member_string(&json, "session", session);
    json_member_string(&json, "cursor", cursor);
    json_member_integer(&json, "heartbeat", core->options->websocket_heartbeat);
    json_end_object(&json);
    socket_send_frame(socket, &(struct dialect_frame){.type = "hello",
                                                      .id = id,
                                                      .cursor = cursor,
                                                      .payload = payload.data,
                                                      .welcome = core->options->websocket_welcome,
                                                      .user_number = user->number});
}

static void accept_session(struct ws_socket *socket, const struct session *session,
                           const char *cursor, const char *id)
{
    if (session->scopes) {
        sign_in_refuse(socket, id, ERROR_UNAUTHENTICATED, "a server key makes tickets for sockets");
        return;
    }
    if (session->grant.expires <= clock_wall()) {
        sign_in_refuse(socket, id, ERROR_UNAUTHENTICATED, "the token has expired");
        return;
    }
    if (socket_is_one_too_many(socket, session->account)) {
        sign_in_refuse(socket, id, ERROR_RATE_LIMITED, "too many of your sockets are open already");
        return;
    }
    if (!command_take(socket, session->account, LIMIT_FRAMES) ||
        (cursor && !command_take(socket, session->account, LIMIT_REQUESTS))) {
        sign_in_refuse(socket, id, ERROR_RATE_LIMITED, "signing in too often");
        return;
    }
    socket_open(socket, session->account, &session->grant);
    send_hello(socket, session->account, cursor, id);
    if (cursor)
        replay_begin(socket, cursor, NULL);
}

static void signed_in(const struct session *session, const struct sign_in_problem *problem,
                      void *data)
{
    struct sign_in *sign_in = data;
    struct ws_socket *socket = sign_in->socket;
    if (socket->state == SOCKET_AUTHENTICATING) { /* else it has closed meanwhile */
        socket->state = SOCKET_GREETING;
        if (session)
            accept_session(socket, session, sign_in->cursor, sign_in->id);
        else
            sign_in_refuse(socket, sign_in->id, problem->code, problem->detail);
        socket_resume_reading(socket, PAUSE_SIGN_IN);
    }
    g_free(sign_in->id);
    g_free(sign_in->cursor);
    g_free(sign_in);
    socket_unref(socket);
}

static struct sign_in *sign_in_new(struct ws_socket *socket, const char *id)
{
    struct sign_in *sign_in = g_new0(struct sign_in, 1);
    sign_in->socket = socket_ref(socket);
    sign_in->id = g_strdup(id);
    return sign_in;
}

void auth_begin(struct ws_socket *socket, const struct credentials *credentials, const char *cursor,
                const char *id)
{
    struct core *core = socket->server->core;
    struct session session;
    if (strlen(credentials->token) > TOKEN_MAX) {
        sign_in_refuse(socket, id, ERROR_UNAUTHENTICATED, "the token is too long");
        return;
    }
    if (session_lookup(core->sessions, credentials, &session)) {
        accept_session(socket, &session, cursor, id);
        return;
    }
    socket->state = SOCKET_AUTHENTICATING;
    socket_pause(socket, PAUSE_SIGN_IN);
    struct sign_in *sign_in = sign_in_new(socket, id);
    sign_in->cursor = g_strdup(cursor);
    session_sign_in(core->sessions, credentials, signed_in, sign_in);
}

/* Renewal ------------------------------------------------------------------------------------ */

static void send_renewed(struct ws_socket *socket, const char *id)
{
    g_auto(buffer) payload = BUFFER_INIT(256);
    struct json_writer json;
    json_writer_init(&json, &payload);
    json_begin_object(&json);
    json_member_time(&json, "expires_at", socket->subscriber.grant.expires);
    json_end_object(&json);
    socket_send_frame(socket,
                      &(struct dialect_frame){.type = "ack", .id = id, .payload = payload.data});
}

static void sign_in_renew(struct ws_socket *socket, const struct session *session, const char *id)
{
    if (session->scopes || session->account != socket->subscriber.account) {
        socket_fail(socket, id, ERROR_FORBIDDEN, "the token is another user's", NULL);
        return;
    }
    socket_renew(socket, &session->grant);
    if (id)
        send_renewed(socket, id);
}

static void sign_in_renewed(const struct session *session, const struct sign_in_problem *problem,
                            void *data)
{
    struct sign_in *sign_in = data;
    struct ws_socket *socket = sign_in->socket;
    if (socket->state == SOCKET_OPEN && session)
        sign_in_renew(socket, session, sign_in->id);
    else if (socket->state == SOCKET_OPEN)
        socket_fail(socket, sign_in->id, problem->code, problem->detail, NULL);
    g_free(sign_in->id);
    g_free(sign_in);
    socket_command_ended(socket);
    socket_unref(socket);
}

void auth_renew(struct ws_socket *socket, const char *token, const char *id)
{
    struct core *core = socket->server->core;
    struct credentials credentials = {.token = token, .address = socket->address};
    struct session session;
    if (strlen(token) > TOKEN_MAX) {
        socket_fail(socket, id, ERROR_UNAUTHENTICATED, "the token is too long", NULL);
    } else if (session_lookup(core->sessions, &credentials, &session)) {
        sign_in_renew(socket, &session, id);
    } else {
        socket_command_begins(socket);
        session_sign_in(core->sessions, &credentials, sign_in_renewed, sign_in_new(socket, id));
    }
}
