/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stub core and clients. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/clock.h"
#include "bridge/loop/loop.h"
#include "tests/unit/ws_world.h"

#define TURNS_MAX 2000

struct world world;

/* The core's side ---------------------------------------------------------------------------- */

static const struct sign_in_problem bad = {.code = ERROR_UNAUTHENTICATED, .detail = "bad"};

static struct session good_session(gint64 lasts)
{
    return (struct session){.account = world.account,
                            .grant.expires = lasts ? clock_wall() + lasts : G_MAXINT64};
}

bool session_lookup(struct sessions *sessions, const struct credentials *credentials,
                    struct session *ret_session)
{
    (void)sessions;
    bool kept = strcmp(credentials->token, "kept") == 0;
    bool brief = kept || strcmp(credentials->token, "brief") == 0;
    if (!brief && strcmp(credentials->token, "good") != 0)
        return false;
    *ret_session = good_session(brief ? 60 * G_USEC_PER_SEC : 0);
    ret_session->grant.renews = kept;
    return true;
}

bool session_keep(struct sessions *sessions, const struct grant *grant, session_kept done,
                  void *data)
{
    (void)sessions;
    if (!grant->renews || grant->expires - clock_wall() > 30 * G_USEC_PER_SEC)
        return false;
    ck_assert(!world.kept);
    world.kept = done;
    world.kept_data = data;
    return true;
}

void world_keeps(gint64 expires)
{
    session_kept kept = world.kept;
    world.kept = NULL;
    kept(expires, world.kept_data);
}

struct deferred {
    char *token;
    session_done done;
    void *data;
};

static void sign_in_later(void *data)
{
    struct deferred *deferred = data;
    struct session session = good_session(0);
    struct account other = {.references = 1};
    if (strcmp(deferred->token, "other") == 0) {
        session.account = &other;
        deferred->done(&session, NULL, deferred->data);
    } else if (strcmp(deferred->token, "new") == 0)
        deferred->done(&session, NULL, deferred->data);
    else if (strcmp(deferred->token, "down") == 0)
        deferred->done(NULL, &(struct sign_in_problem){.code = ERROR_UNAVAILABLE}, deferred->data);
    else
        deferred->done(NULL, &bad, deferred->data);
    g_free(deferred->token);
    g_free(deferred);
}

void session_sign_in(struct sessions *sessions, const struct credentials *credentials,
                     session_done done, void *data)
{
    (void)sessions;
    if (strcmp(credentials->token, "slow") == 0) {
        world.sign_in_done = done;
        world.sign_in_data = data;
        return;
    }
    struct deferred *deferred = g_new0(struct deferred, 1);
    deferred->token = g_strdup(credentials->token);
    deferred->done = done;
    deferred->data = data;
    loop_defer(sign_in_later, deferred);
}

void world_sign_in(bool success)
{
    struct session session = good_session(0);
    world.sign_in_done(success ? &session : NULL, success ? NULL : &bad, world.sign_in_data);
    world.sign_in_done = NULL;
}

void resume_read(struct core *core, struct account *account, gint64 position, resume_done done,
                 void *data)
{
    (void)core;
    (void)account;
    ck_assert_ptr_null(world.resume_done);
    world.resume_done = done;
    world.resume_data = data;
    world.resume_from = position;
}

static void unref_event(gpointer event)
{
    event_unref(event);
}

static void complete_resume(const struct resume_result *result)
{
    resume_done done = world.resume_done;
    ck_assert_ptr_nonnull(done);
    world.resume_done = NULL;
    done(result, world.resume_data);
}

void world_resume(gint64 first, gint64 last, gint64 head)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(unref_event);
    for (gint64 position = first; position <= last; position++)
        g_ptr_array_add(events, world_event(position, "{}"));
    complete_resume(&(struct resume_result){.position = head, .events = events});
}

void world_resume_part(gint64 first, gint64 last)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(unref_event);
    for (gint64 position = first; position <= last; position++)
        g_ptr_array_add(events, world_event(position, "{}"));
    complete_resume(&(struct resume_result){.position = last, .events = events, .has_more = true});
}

void world_resume_fails(enum error_code error, bool resync, gint64 head)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(unref_event);
    complete_resume(&(struct resume_result){
        .error = error, .resync = resync, .position = head, .events = events});
}

static void handle_echo(struct request *request)
{
    g_auto(buffer) json = BUFFER_INIT(262144);
    buffer_append_printf(&json, "{\"text\":\"%s\"}", request->values[0].text);
    request_reply(request, 200, &json);
}

static void handle_later(struct request *request)
{
    world.waiting[world.waiting_count++] = request;
}

void operation_run(struct request *request)
{
    request->operation->handle(request);
}

static const struct field echo_fields[] = {
    {.name = "text",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_IN_PATH,
     .maximum = 200000},
    {.name = NULL},
};
static const struct operation operations[] = {
    {.command = "echo", .fields = echo_fields, .handle = handle_echo, .reply = "Echo"},
    {.command = "later", .handle = handle_later, .reply = "Message", .ack = "message"},
    {.method = "GET", .path = "/api/x", .handle = handle_later},
    {.handle = NULL},
};

void world_begin(void)
{
    static const struct operation *const tables[] = {operations, NULL};
    memset(&world, 0, sizeof world);
    loop_start();
    world.dialect = "trestle.v1";
    world.options = options_new();
    world.options->limits_sockets = 0;
    world.account = g_new0(struct account, 1);
    world.account->references = 1;
    world.account->json = g_strdup("{\"id\":\"u\"}");
    world.core = (struct core){.options = world.options,
                               .epoch = (char *)(guintptr) "e",
                               .position = 100,
                               .operations = tables};
    world.server = ws_server_new(&world.core);
}

void world_end(void)
{
    ws_server_free(world.server);
    loop_stop();
    ck_assert_int_eq(world.account->references, 1); /* nobody holds what is gone */
    ck_assert_ptr_null(world.account->subscribers);
    account_unref(world.account);
    limiter_free(world.core.limiter);
    options_free(world.options);
}

void world_limit(void)
{
    limiter_free(world.core.limiter);
    world.core.limiter = limiter_new(world.options);
}

void world_turn(void)
{
    for (int quiet = 0; quiet < 2;)
        quiet = g_main_context_iteration(NULL, FALSE) ? 0 : quiet + 1;
}

void world_advance(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        clock_advance(G_USEC_PER_SEC);
        ws_server_tick(world.server);
        world_turn();
    }
}

struct event *world_event(gint64 position, const char *payload)
{
    g_auto(buffer) buf = BUFFER_INIT(1048576);
    buffer_append_string(&buf, payload);
    return event_new(EVENT_MESSAGE_NEW, position, clock_wall(), &buf);
}

void world_publish(gint64 position)
{
    g_autoptr(trestle_event) event = world_event(position, "{}");
    event_deliver(world.account, event);
    world.core.position = MAX(world.core.position, position);
}

/* Clients ------------------------------------------------------------------------------------ */

struct client *client_new(const char *token, const char *extra, size_t extra_length)
{
    int pair[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    struct client *client = g_new0(struct client, 1);
    client->fd = pair[0];
    struct credentials credentials = {.token = token, .address = world.address};
    ws_server_adopt(world.server, &(struct ws_arrival){.fd = pair[1],
                                                       .extra = extra,
                                                       .extra_length = extra_length,
                                                       .credentials = &credentials,
                                                       .dialect = world.dialect});
    return client;
}

struct client *client_greeted(void)
{
    struct client *client = client_new("good", NULL, 0);
    client_expect(client, "hello");
    return client;
}

void client_free(struct client *client)
{
    close(client->fd);
    g_free(client->input);
    g_free(client);
    world_turn();
}

void client_write(struct client *client, const void *bytes, size_t length)
{
    const char *next = bytes;
    for (int turns = 0; length > 0 && turns < TURNS_MAX; turns++) {
        ssize_t written = send(client->fd, next, length, MSG_NOSIGNAL);
        if (written < 0 && errno != EAGAIN)
            return; /* the server has hung up: what comes next will tell */
        if (written > 0) {
            next += written;
            length -= (size_t)written;
        }
        world_turn();
    }
}

void client_frame(struct client *client, unsigned first, const void *payload, size_t length)
{
    static const guint8 mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    g_autoptr(GBytes) plain = frame_make(FRAME_TEXT, payload, length);
    gsize size;
    const guint8 *bytes = g_bytes_get_data(plain, &size);
    size_t header = size - length;
    g_autofree guint8 *masked = g_malloc(size + 4);
    memcpy(masked, bytes, header);
    masked[0] = (guint8)first;
    masked[1] |= 0x80;
    memcpy(masked + header, mask, 4);
    for (size_t i = 0; i < length; i++)
        masked[header + 4 + i] = (guint8)(bytes[header + i] ^ mask[i % 4]);
    client_write(client, masked, size + 4);
}

void client_text(struct client *client, const char *text)
{
    client_frame(client, 0x81, text, strlen(text));
}

/* Length of the first whole frame in the input, header included; 0: none yet. */
static size_t whole_frame(const struct client *client, size_t *ret_header)
{
    const guint8 *bytes = (const guint8 *)client->input;
    if (client->input_length < 2)
        return 0;
    size_t length = bytes[1] & 0x7f;
    size_t extended = length < 126 ? 0 : length == 126 ? 2 : 8;
    *ret_header = 2 + extended;
    if (client->input_length < *ret_header)
        return 0;
    if (extended) {
        length = 0;
        for (size_t i = 0; i < extended; i++)
            length = length << 8 | bytes[2 + i];
    }
    return client->input_length < *ret_header + length ? 0 : *ret_header + length;
}

static bool receive(struct client *client, bool *ret_ended)
{
    char chunk[65536];
    ssize_t length = recv(client->fd, chunk, sizeof chunk, 0);
    *ret_ended = length == 0 || (length < 0 && errno != EAGAIN);
    if (length <= 0)
        return false;
    client->input = g_realloc(client->input, client->input_length + (size_t)length);
    memcpy(client->input + client->input_length, chunk, (size_t)length);
    client->input_length += (size_t)length;
    return true;
}

static bool next_frame(struct client *client, struct heard *heard)
{
    size_t header = 0;
    size_t size = whole_frame(client, &header);
    if (size == 0)
        return false;
    heard->opcode = (guint8)client->input[0] & 0xf;
    ck_assert_uint_eq((guint8)client->input[0] >> 4, 8);   /* fin, no reserved bit */
    ck_assert_uint_eq((guint8)client->input[1] & 0x80, 0); /* not masked */
    heard->length = size - header;
    heard->payload = g_malloc(heard->length + 1);
    memcpy(heard->payload, client->input + header, heard->length);
    heard->payload[heard->length] = '\0';
    client->input_length -= size;
    memmove(client->input, client->input + size, client->input_length);
    if (heard->opcode == FRAME_PING)
        client->pings++;
    return true;
}

static bool try_read(struct client *client, struct heard *heard, bool *ret_ended)
{
    *ret_ended = false;
    while (next_frame(client, heard)) {
        if (heard->opcode != FRAME_PING || client->keep_pings)
            return true;
        g_clear_pointer(&heard->payload, g_free);
    }
    if (receive(client, ret_ended))
        return try_read(client, heard, ret_ended);
    return false;
}

struct heard client_read(struct client *client)
{
    struct heard heard = {0};
    bool ended = false;
    for (int turns = 0; turns < TURNS_MAX; turns++) {
        if (try_read(client, &heard, &ended))
            return heard;
        if (ended)
            return (struct heard){0};
        world_turn();
    }
    ck_abort_msg("no frame came");
    return heard;
}

bool client_has_frame(struct client *client)
{
    struct heard heard = {0};
    bool ended;
    world_turn();
    bool found = try_read(client, &heard, &ended);
    g_free(heard.payload);
    return found;
}

json_t *client_json(struct client *client, const char *type)
{
    struct heard heard = client_read(client);
    ck_assert_msg(heard.opcode == FRAME_TEXT, "opcode %u instead of %s", heard.opcode, type);
    json_t *json = json_loadb(heard.payload, heard.length, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(json);
    const char *found = json_string_value(json_object_get(json, "type"));
    ck_assert_msg(g_strcmp0(found, type) == 0, "%s instead of %s", heard.payload, type);
    if (world.dialect) {
        ck_assert(json_is_string(json_object_get(json, "ts")));
        ck_assert(json_is_object(json_object_get(json, "payload")));
    }
    g_free(heard.payload);
    return json;
}

void client_expect(struct client *client, const char *type)
{
    json_decref(client_json(client, type));
}

void client_expect_event(struct client *client, gint64 position)
{
    json_t *json = client_json(client, "message.new");
    char cursor[32];
    g_snprintf(cursor, sizeof cursor, "e-%d", (int)position);
    ck_assert_str_eq(json_string_value(json_object_get(json, "cursor")), cursor);
    json_decref(json);
}

void client_expect_error(struct client *client, const char *code)
{
    json_t *json = client_json(client, "error");
    json_t *problem = json_object_get(json_object_get(json, "payload"), "problem");
    ck_assert_str_eq(json_string_value(json_object_get(problem, "code")), code);
    json_decref(json);
}

void client_expect_close(struct client *client, unsigned code, const char *reason)
{
    struct heard heard = client_read(client);
    ck_assert_msg(heard.opcode == FRAME_CLOSE, "opcode %u instead of close: %s", heard.opcode,
                  heard.payload);
    ck_assert_uint_ge(heard.length, 2);
    ck_assert_uint_eq((unsigned)((guint8)heard.payload[0] << 8 | (guint8)heard.payload[1]), code);
    if (reason)
        ck_assert_str_eq(heard.payload + 2, reason);
    g_free(heard.payload);
    client_expect_end(client);
}

void client_expect_end(struct client *client)
{
    struct heard heard = client_read(client);
    ck_assert_msg(heard.opcode == 0, "opcode %u instead of the end", heard.opcode);
}
