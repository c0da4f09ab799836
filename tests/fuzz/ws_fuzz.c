/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes at a WebSocket, cut anywhere: memory stays bounded, and what the server writes is a
 * sequence of whole, unmasked frames with at most one close frame, which is the last.
 *
 * First byte: bit 0 signed in by the handshake, bit 1 the client reads only at the end, bit 6
 * permessage-deflate was agreed on, the rest
 * the size of the pieces and the dialect. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/account/account.h"
#include "bridge/account/session.h"
#include "bridge/account/sign_in.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/operation.h"
#include "bridge/core/event.h"
#include "bridge/core/request.h"
#include "bridge/core/resume.h"
#include "bridge/dialect/dialect.h"
#include "bridge/loop/loop.h"
#include "bridge/ws/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct account *account;
static resume_done resume_callback;
static void *resume_data;
static bool resume_part;
static struct request *waiting;

bool session_keep(struct sessions *sessions, const struct grant *grant, session_kept done,
                  void *data)
{
    (void)sessions;
    (void)grant;
    (void)done;
    (void)data;
    return false;
}

bool session_lookup(struct sessions *sessions, const struct credentials *credentials,
                    struct session *ret_session)
{
    (void)sessions;
    *ret_session = (struct session){.account = account, .grant.expires = G_MAXINT64};
    return strcmp(credentials->token, "good") == 0;
}

struct sign_in {
    session_done done;
    void *data;
};

static void refuse(void *data)
{
    g_autofree struct sign_in *sign_in = data;
    sign_in->done(NULL, &(struct sign_in_problem){ERROR_UNAUTHENTICATED, "bad", {0}},
                  sign_in->data);
}

void session_sign_in(struct sessions *sessions, const struct credentials *credentials,
                     session_done done, void *data)
{
    (void)sessions;
    (void)credentials;
    struct sign_in *sign_in = g_new0(struct sign_in, 1);
    sign_in->done = done;
    sign_in->data = data;
    loop_defer(refuse, sign_in);
}

void resume_read(struct core *core, struct account *user, gint64 position, resume_done done,
                 void *data)
{
    (void)core;
    (void)user;
    (void)position;
    resume_callback = done;
    resume_data = data;
}

static struct event *make_event(gint64 position)
{
    g_auto(buffer) payload = BUFFER_INIT(100);
    buffer_append_string(&payload, "{\"content\":\"x\"}");
    return event_new(EVENT_MESSAGE_NEW, position, 0, &payload);
}

static void answer_resume(void)
{
    if (!resume_callback)
        return;
    resume_done done = g_steal_pointer(&resume_callback);
    g_autoptr(GPtrArray) events = g_ptr_array_new();
    g_autoptr(trestle_event) event = make_event(6);
    g_ptr_array_add(events, event);
    resume_part = !resume_part; /* every other one is not all: the rest is asked for */
    done(&(struct resume_result){.position = 6, .events = events, .has_more = resume_part},
         resume_data);
}

/* The first of two is answered when the second comes, or at the end. */
static void handle_echo(struct request *request)
{
    struct request *former = waiting;
    waiting = request;
    if (!former)
        return;
    g_auto(buffer) json = BUFFER_INIT(100);
    buffer_append_string(&json, "{}");
    request_reply(former, 200, &json);
}

void operation_run(struct request *request)
{
    request->operation->handle(request);
}

static const struct field fields[] = {
    {.name = "text", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .maximum = 100},
    {.name = "id", .type = FIELD_UUID},
    {.name = NULL},
};
static const struct field spelled_fields[] = {
    {.name = "conversation_id", .type = FIELD_TEXT},
    {.name = "recipient_id", .type = FIELD_INTEGER},
    {.name = "receiver_id", .type = FIELD_INTEGER},
    {.name = "message_id", .type = FIELD_TEXT},
    {.name = "content", .type = FIELD_TEXT, .maximum = 100},
    {.name = "active", .type = FIELD_BOOLEAN},
    {.name = NULL},
};
static const struct operation operations[] = {
    {.command = "echo",
     .fields = fields,
     .handle = handle_echo,
     .reply = "Message",
     .ack = "message"},
    {.command = "message",
     .fields = spelled_fields,
     .handle = handle_echo,
     .reply = "Message",
     .ack = "message"},
    {.command = "private_message", .fields = spelled_fields, .handle = handle_echo},
    {.command = "typing", .fields = spelled_fields, .handle = handle_echo},
    {.command = "read", .fields = spelled_fields, .handle = handle_echo},
    {.handle = NULL},
};

static void turn(void)
{
    for (int i = 0; i < 4; i++)
        g_main_context_iteration(NULL, FALSE);
}

/* Aborts unless the bytes are whole frames of the server, but for the last one. */
static void check_frames(const GByteArray *bytes, bool deflates)
{
    bool closed = false;
    for (size_t at = 0; at + 2 <= bytes->len;) {
        unsigned first = bytes->data[at];
        size_t length = bytes->data[at + 1], header = 2;
        if (closed || (first & (deflates && (first & 0xf) == 1 ? 0xb0 : 0xf0)) != 0x80 ||
            (length & 0x80))
            abort();
        if (length >= 126)
            header = length == 126 ? 4 : 10;
        if (at + header > bytes->len)
            return;
        for (size_t i = 2; i < header; i++)
            length = (i == 2 ? 0 : length << 8) | bytes->data[at + i];
        if (at + header + length > bytes->len)
            return;
        if ((first & 0x4f) == 1 &&
            !g_utf8_validate((const char *)bytes->data + at + header, (gssize)length, NULL))
            abort();
        closed = (first & 0xf) == 8;
        at += header + length;
    }
}

static void read_all(int fd, GByteArray *bytes)
{
    guint8 chunk[4096];
    ssize_t length;
    while ((length = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT)) > 0)
        g_byte_array_append(bytes, chunk, (guint)length);
}

static void talk(int fd, const uint8_t *data, size_t size, unsigned mode)
{
    g_autoptr(GByteArray) heard = g_byte_array_new();
    size_t piece = (mode >> 2) * 8 + 1;
    gint64 position = 0;
    for (size_t at = 0; at < size; at += piece) {
        send(fd, data + at, MIN(piece, size - at), MSG_NOSIGNAL | MSG_DONTWAIT);
        turn();
        g_autoptr(trestle_event) event = make_event(++position % 16);
        event_deliver(account, event);
        if (position % 4 == 0)
            answer_resume();
        if (!(mode & 2))
            read_all(fd, heard);
    }
    turn();
    read_all(fd, heard);
    turn();
    read_all(fd, heard);
    check_frames(heard, mode & 0x40);
}

static struct options *make_options(void)
{
    struct options *options = options_new();
    options->websocket_message_max = 2000;
    options->websocket_fragments_max = 16;
    options->websocket_send_buffer_max = 16384;
    g_free(options->websocket_deflate);
    options->websocket_deflate = g_strdup("on");
    return options;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct operation *const tables[] = {operations, NULL};
    int pair[2];
    if (size == 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
        return 0;
    loop_start();
    struct options *options = make_options();
    char epoch[] = "e";
    struct core core = {.options = options, .epoch = epoch, .position = 5, .operations = tables};
    account = g_new0(struct account, 1);
    account->references = 1;
    account->number = 7;
    struct ws_server *server = ws_server_new(&core);
    struct credentials credentials = {.token = data[0] & 1 ? "good" : NULL};
    ws_server_adopt(server,
                    &(struct ws_arrival){.fd = pair[1],
                                         .credentials = &credentials,
                                         .deflates = data[0] & 0x40,
                                         .dialect = dialect_subprotocols[(data[0] >> 2) % 3]});
    talk(pair[0], data + 1, size - 1, data[0]);
    close(pair[0]);
    turn();
    ws_server_free(server);
    answer_resume();
    if (waiting)
        request_fail(g_steal_pointer(&waiting), ERROR_INTERNAL, NULL);
    loop_stop();
    if (account->references != 1)
        abort();
    account_unref(account);
    options_free(options);
    return 0;
}
