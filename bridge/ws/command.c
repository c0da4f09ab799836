/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reads the envelope { "type", "id"?, "payload"? }, or a flat frame whose other members are the
 * payload; finds the command, checks its fields and hands it to its handler as a request. A client
 * that sent an id gets an ack; errors are always told. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/session.h"
#include "bridge/account/token.h"
#include "bridge/core/body.h"
#include "bridge/core/core.h"
#include "bridge/core/operation.h"
#include "bridge/core/request.h"
#include "bridge/dialect/shape.h"
#include "bridge/dialect/spelling.h"
#include "bridge/ws/auth.h"
#include "bridge/ws/command.h"
#include "bridge/ws/replay.h"
#include "bridge/ws/socket.h"

#define ID_MAX 128 /* bytes of a client's id */
#define CURSOR_MAX 128

/* A frame that has passed the envelope check. */
struct envelope {
    const char *type;                /* as it was sent, later the native command; borrowed */
    char *id;                        /* JSON text, or NULL; free() */
    json_t *payload;                 /* an object, or NULL; as far as the client wrote it; owned */
    const struct spelling *spelling; /* NULL: native */
    json_t *native;                  /* payload in native words; owned */
};

/* A request that came by socket. */
struct command {
    struct request request;   /* first: transports cast */
    struct ws_socket *socket; /* reference held */
    char *id;                 /* JSON text, or NULL; free() */
};

/* Counting ----------------------------------------------------------------------------------- */

bool command_take(const struct ws_socket *socket, const struct account *account, enum limit limit)
{
    struct limit_state state;
    return limiter_take(socket->server->core->limiter, &account->id, limit, &state);
}

/* A frame that no other limit counts costs as much as one that is worth something. */
static void frame_bill(struct ws_socket *socket)
{
    if (socket->state == SOCKET_OPEN &&
        !command_take(socket, socket->subscriber.account, LIMIT_FRAMES))
        socket_close(socket, CLOSE_POLICY, "too many frames that are refused or mean nothing");
}

static void frame_refuse(struct ws_socket *socket, const char *id, enum error_code code,
                         const char *detail, const char *pointer)
{
    socket_fail(socket, id, code, detail, pointer);
    frame_bill(socket);
}

/* Commands of the socket itself -------------------------------------------------------------- */

static const struct field auth_fields[] = {
    /* The longest token is checked with all others, so that it gets the answer of a bad one. */
    {.name = "token", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .minimum = 1},
    /* Resumes at once: no live event can come in between. */
    {.name = "cursor", .type = FIELD_TEXT, .minimum = 1, .maximum = CURSOR_MAX},
    {.name = NULL},
};
static const struct field resume_fields[] = {
    {.name = "cursor",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = CURSOR_MAX},
    {.name = NULL},
};

static void handle_auth(struct ws_socket *socket, const char *id, const struct field_value *values)
{
    const char *token = field_value(auth_fields, values, "token")->text;
    const char *cursor = field_value(auth_fields, values, "cursor")->text;
    struct credentials credentials = {.token = token, .address = socket->address};
    if (socket->state == SOCKET_GREETING)
        auth_begin(socket, &credentials, cursor, id);
    else if (cursor)
        frame_refuse(socket, id, ERROR_CONFLICT, "already signed in: send resume", NULL);
    else if (!command_take(socket, socket->subscriber.account, LIMIT_REQUESTS))
        frame_refuse(socket, id, ERROR_RATE_LIMITED, NULL, NULL);
    else
        auth_renew(socket, token, id);
}

static void handle_ping(struct ws_socket *socket, const char *id, const struct field_value *values)
{
    (void)values;
    socket_send_frame(socket, &(struct dialect_frame){.type = "pong", .id = id});
    frame_bill(socket);
}

static void handle_resume(struct ws_socket *socket, const char *id,
                          const struct field_value *values)
{
    if (command_take(socket, socket->subscriber.account, LIMIT_REQUESTS))
        replay_begin(socket, field_value(resume_fields, values, "cursor")->text, id);
    else
        frame_refuse(socket, id, ERROR_RATE_LIMITED, NULL, NULL);
}

static const struct command_builtin builtins[] = {
    {"auth", auth_fields, "hello",
     "Signs the socket in, and resumes when there is a cursor; later, extends the session",
     "Renewed"},
    {"ping", NULL, "pong", "Asks whether the server is there", NULL},
    {"resume", resume_fields, "resumed resync", "Asks for what was missed since a cursor", NULL},
    {.type = NULL},
};

static void (*const builtin_handlers[])(struct ws_socket *socket, const char *id,
                                        const struct field_value *values) = {
    handle_auth, handle_ping, handle_resume};
G_STATIC_ASSERT(G_N_ELEMENTS(builtin_handlers) == G_N_ELEMENTS(builtins) - 1);

const struct command_builtin *command_builtins(void)
{
    return builtins;
}

static const struct command_builtin *find_builtin(const char *type)
{
    for (const struct command_builtin *builtin = builtins; builtin->type; builtin++) {
        if (strcmp(builtin->type, type) == 0)
            return builtin;
    }
    return NULL;
}

static bool check_fields(struct ws_socket *socket, const struct envelope *envelope,
                         const struct field *fields, struct field_value *ret_values)
{
    struct field_source source = {.object = envelope->native, .everything_in_object = true};
    struct field_problem problem = {0};
    if (fields_check(fields, &source, ret_values, &problem))
        return true;
    if (envelope->spelling)
        spelling_point(envelope->spelling, envelope->payload, &problem);
    frame_refuse(socket, envelope->id, problem.code, problem.detail, problem.pointer);
    return false;
}

/* Operations --------------------------------------------------------------------------------- */

GHashTable *command_table_new(const struct core *core)
{
    GHashTable *table = g_hash_table_new(g_str_hash, g_str_equal);
    struct operation_walk walk = {core->operations, NULL};
    const struct operation *row;
    while ((row = operation_next(&walk))) {
        if (!row->command || (row->flags & OPERATION_SERVER_KEY))
            continue;
        if (find_builtin(row->command) || g_hash_table_contains(table, row->command))
            g_error("two commands are called %s", row->command);
        /* The table does not write to its values. */
        g_hash_table_insert(table, (char *)(guintptr)row->command, (void *)(guintptr)row);
    }
    return table;
}

static void command_free(struct command *command)
{
    struct ws_socket *socket = command->socket;
    json_decref(command->request.body);
    account_unref(command->request.account);
    g_free(command->request.set_cookie);
    free(command->id);
    g_free(command);
    socket_command_ended(socket);
    socket_unref(socket);
}

static void send_problem(struct command *command, const char *problem)
{
    g_auto(buffer) payload = BUFFER_INIT(strlen(problem) + 64);
    buffer_append_string(&payload, "{\"problem\":");
    buffer_append_string(&payload, problem);
    buffer_append_string(&payload, "}");
    socket_send_frame(
        command->socket,
        &(struct dialect_frame){.type = "error", .id = command->id, .payload = payload.data});
}

static void transport_fail(struct request *request, enum error_code code, struct buffer *problem)
{
    struct command *command = (struct command *)(void *)request;
    /* What is sent without id and by the dozen is dropped in silence when it is too much. */
    bool dropped =
        code == ERROR_RATE_LIMITED && !command->id && request->operation->limit == LIMIT_TYPING;
    if (problem->data && !dropped)
        send_problem(command, problem->data);
    buffer_clear(problem);
    if (code == ERROR_RATE_LIMITED)
        frame_bill(command->socket);
    command_free(command);
}

/* JSON as the client's dialect has it; the caller frees it. NULL: as it is. */
static char *reply_shape(const struct command *command, const struct buffer *json)
{
    const struct shape_rule *rules = command->socket->dialect->rules;
    const char *type = command->request.operation->reply;
    return rules && type && json->length > 0 ? shape_text(rules, type, json->data, json->length)
                                             : NULL;
}

static void send_ack(struct command *command, const struct buffer *json)
{
    const char *member = command->request.operation->ack;
    struct dialect_frame frame = {.type = "ack", .id = command->id};
    g_autofree char *shaped = reply_shape(command, json);
    const char *reply = shaped ? shaped : json->data;
    g_auto(buffer) payload = BUFFER_INIT(strlen(reply ? reply : "") + 64);
    if (member && json->length > 0) {
        buffer_append_printf(&payload, "{\"%s\":", member);
        buffer_append_string(&payload, reply);
        buffer_append_string(&payload, "}");
        frame.payload = payload.data;
    } else if (json->length > 0) {
        frame.payload = reply;
    }
    socket_send_frame(command->socket, &frame);
}

static void transport_reply(struct request *request, unsigned status, struct buffer *json)
{
    (void)status;
    struct command *command = (struct command *)(void *)request;
    if (json->overflow)
        socket_fail(command->socket, command->id, ERROR_INTERNAL, NULL, NULL);
    else if (command->id)
        send_ack(command, json);
    buffer_clear(json);
    command_free(command);
}

static const struct request_transport transport = {
    .door = "socket",
    .reply = transport_reply,
    .fail = transport_fail,
};

static void begin_operation(struct ws_socket *socket, struct envelope *envelope,
                            const struct operation *operation)
{
    struct field_value values[REQUEST_VALUES_MAX] = {0};
    if (!check_fields(socket, envelope, operation->fields, values))
        return;
    struct command *command = g_new0(struct command, 1);
    command->socket = socket_ref(socket);
    command->id = g_steal_pointer(&envelope->id);
    command->request = (struct request){
        .transport = &transport,
        .operation = operation,
        .core = socket->server->core,
        .account = account_ref(socket->subscriber.account),
        .origin = &socket->subscriber,
        .grant = socket->subscriber.grant,
        .body = json_incref(envelope->native),
    };
    memcpy(command->request.values, values, sizeof values);
    request_identify(&command->request);
    socket_command_begins(socket);
    if (request_admit(&command->request))
        operation_run(&command->request);
}

/* Envelope ----------------------------------------------------------------------------------- */

static bool is_plain_string(const json_t *value, size_t maximum)
{
    size_t length = json_string_length(value);
    return json_is_string(value) && length <= maximum && strlen(json_string_value(value)) == length;
}

/* A flat frame is its own payload, but for what the envelope is made of. */
static json_t *read_payload(json_t *frame)
{
    json_t *payload = json_object_get(frame, "payload");
    if (payload)
        return json_incref(payload);
    payload = json_copy(frame);
    json_object_del(payload, "type");
    json_object_del(payload, "id");
    return payload;
}

/* Static text that says what is wrong, and *ret_pointer where; NULL if nothing is. */
static const char *read_envelope(json_t *frame, struct envelope *envelope, const char **ret_pointer)
{
    *ret_pointer = "";
    if (!json_is_object(frame))
        return "a frame is a JSON object";
    json_t *id = json_object_get(frame, "id"); /* first, so that every later error can carry it */
    *ret_pointer = "/id";
    if (id && !json_is_integer(id) && !is_plain_string(id, ID_MAX))
        return "must be a string of at most 128 bytes or a whole number";
    envelope->id = id ? json_dumps(id, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    json_t *type = json_object_get(frame, "type");
    *ret_pointer = "/type";
    if (!type)
        return "is missing";
    if (!is_plain_string(type, ID_MAX))
        return "must be a string";
    envelope->type = json_string_value(type);
    envelope->payload = read_payload(frame);
    *ret_pointer = "/payload";
    if (!json_is_object(envelope->payload))
        return "must be an object";
    *ret_pointer = "";
    if (json_object_get(frame, "payload") && json_object_size(frame) > (id ? 3 : 2))
        return "beside payload a frame has type and id only";
    return NULL;
}

/* From the client's words to ours. False after an error frame. */
static bool envelope_translate(struct ws_socket *socket, struct envelope *envelope)
{
    struct field_problem problem;
    const struct account *caller = socket->subscriber.account;
    envelope->spelling = caller ? spelling_find(envelope->type) : NULL;
    if (!envelope->spelling) {
        envelope->native = json_incref(envelope->payload);
        return true;
    }
    envelope->type = envelope->spelling->command;
    envelope->native = spelling_translate(envelope->spelling, caller, envelope->payload, &problem);
    if (!envelope->native)
        frame_refuse(socket, envelope->id, problem.code, problem.detail, problem.pointer);
    return envelope->native != NULL;
}

static void envelope_dispatch(struct ws_socket *socket, struct envelope *envelope, size_t length)
{
    if (!envelope_translate(socket, envelope))
        return;
    const struct command_builtin *builtin = find_builtin(envelope->type);
    const struct operation *operation =
        g_hash_table_lookup(socket->server->commands, envelope->type);
    socket_log_frame(socket, "frame", builtin || operation ? envelope->type : "unknown", length);
    if (builtin) {
        struct field_value values[REQUEST_VALUES_MAX] = {0};
        if (check_fields(socket, envelope, builtin->fields, values))
            builtin_handlers[builtin - builtins](socket, envelope->id, values);
    } else if (operation) {
        begin_operation(socket, envelope, operation);
    } else {
        frame_refuse(socket, envelope->id, ERROR_UNPROCESSABLE, "there is no such command",
                     "/type");
    }
}

/* Before the greeting nothing but a well-formed auth frame keeps the socket. */
static void insist_on_auth(struct ws_socket *socket)
{
    if (socket->state == SOCKET_GREETING)
        socket_close(socket, CLOSE_UNAUTHENTICATED, "sign in first");
}

void command_receive(struct ws_socket *socket, const char *text, size_t length)
{
    json_t *frame;
    enum error_code code;
    const char *detail, *pointer;
    struct envelope envelope = {0};
    if (!body_parse(text, length, &frame, &code, &detail)) {
        socket_log_frame(socket, "frame", "malformed", length);
        frame_refuse(socket, NULL, code, detail, NULL);
        insist_on_auth(socket);
        return;
    }
    detail = read_envelope(frame, &envelope, &pointer);
    if (detail)
        frame_refuse(socket, envelope.id, ERROR_UNPROCESSABLE, detail, pointer);
    else if (socket->state == SOCKET_OPEN || strcmp(envelope.type, "auth") == 0)
        envelope_dispatch(socket, &envelope, length);
    else
        socket_fail(socket, envelope.id, ERROR_UNAUTHENTICATED, "the first frame is auth", NULL);
    insist_on_auth(socket);
    free(envelope.id);
    json_decref(envelope.native);
    json_decref(envelope.payload);
    json_decref(frame);
}
