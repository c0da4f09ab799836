/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The session functions and some operations, in memory. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/session.h"
#include "bridge/account/sign_in.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/options.h"
#include "bridge/core/operation.h"
#include "bridge/core/request.h"
#include "bridge/loop/loop.h"
#include "tests/unit/http_fake_core.h"

static struct account somebody = {.references = 1, .id_text = "somebody"};
static const char *const scopes[] = {"users", "send", NULL};
static GPtrArray *slow; /* struct request, waiting */
static gint live_calls;
static gint slow_count; /* its length, for the client's thread */

struct sign_in {
    session_done done;
    void *data;
    bool away, known;
};

bool session_lookup(struct sessions *sessions, const struct credentials *credentials,
                    struct session *ret_session)
{
    (void)sessions;
    bool key = strcmp(credentials->token, "key") == 0;
    if (!key && strcmp(credentials->token, "known") != 0)
        return false;
    *ret_session = (struct session){.account = key && !credentials->on_behalf ? NULL : &somebody,
                                    .scopes = key ? scopes : NULL,
                                    .grant.expires = G_MAXINT64};
    return true;
}

static void sign_in(void *data)
{
    g_autofree struct sign_in *pending = data;
    struct session session = {.account = &somebody, .grant.expires = G_MAXINT64};
    if (pending->known)
        pending->done(&session, NULL, pending->data);
    else
        pending->done(NULL,
                      &(struct sign_in_problem){.code = pending->away ? ERROR_UNAVAILABLE
                                                                      : ERROR_UNAUTHENTICATED},
                      pending->data);
}

void session_sign_in(struct sessions *sessions, const struct credentials *credentials,
                     session_done done, void *data)
{
    (void)sessions;
    struct sign_in *pending = g_new0(struct sign_in, 1);
    *pending = (struct sign_in){done, data, strcmp(credentials->token, "away") == 0,
                                strcmp(credentials->token, "later") == 0};
    loop_defer(sign_in, pending);
}

bool session_has_scope(const struct session *session, const char *scope)
{
    return session->scopes && g_strv_contains(session->scopes, scope);
}

static void answer(struct request *request, unsigned status)
{
    struct buffer buf = BUFFER_INIT(1024 * 1024);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_key(&json, "values");
    json_begin_array(&json);
    const struct field *fields = request->operation->fields;
    for (size_t i = 0; fields && fields[i].name; i++) {
        if (fields[i].type == FIELD_INTEGER)
            json_put_integer(&json, request->values[i].integer);
        else
            json_put_string(&json, request->values[i].text);
    }
    json_end_array(&json);
    json_end_object(&json);
    request_reply(request, status, &buf);
}

static void handle_now(struct request *request)
{
    answer(request, 200);
}

static void handle_created(struct request *request)
{
    answer(request, 201);
}

static void answer_deferred(void *data)
{
    answer(data, 200);
}

static void handle_next_turn(struct request *request)
{
    loop_defer(answer_deferred, request);
}

static void handle_slow(struct request *request)
{
    g_ptr_array_add(slow, request);
    g_atomic_int_inc(&slow_count);
}

unsigned fake_core_waiting(void)
{
    return (unsigned)g_atomic_int_get(&slow_count);
}

void fake_core_release(void)
{
    for (guint i = 0; i < slow->len; i++)
        answer(g_ptr_array_index(slow, i), 200);
    g_ptr_array_set_size(slow, 0);
    g_atomic_int_set(&slow_count, 0);
}

static void handle_refused(struct request *request)
{
    request_fail(request, ERROR_REFUSED, "never shown");
}

/* ---- Bodies that are read as they come ------------------------------------------------------- */

static GByteArray *kept; /* of the one upload at a time */
static struct request *full;
static gint uploads, upload_end;

static size_t keep_piece(struct request *request, const char *bytes, size_t length)
{
    (void)request;
    g_byte_array_append(kept, (const guint8 *)bytes, (guint)length);
    return length;
}

static void upload_ended(struct request *request, enum error_code error)
{
    g_atomic_int_set(&upload_end, (gint)error);
    GBytes *bytes = g_byte_array_free_to_bytes(g_steal_pointer(&kept));
    struct reply_bytes content = {bytes, "image/png", "abc"};
    full = NULL;
    g_atomic_int_add(&uploads, -1);
    if (error == ERROR_NONE)
        request_reply_bytes(request, &content);
    else
        request_fail_body(request, error);
    g_bytes_unref(bytes);
}

static void upload_begins(void)
{
    g_assert(!kept);
    kept = g_byte_array_new();
    g_atomic_int_set(&upload_end, -1);
    g_atomic_int_inc(&uploads);
}

unsigned fake_core_uploads(void)
{
    return (unsigned)g_atomic_int_get(&uploads);
}

int fake_core_upload_end(void)
{
    return g_atomic_int_get(&upload_end);
}

/* Gives the body back; the path carries no parameter. */
static void handle_raw(struct request *request)
{
    static const struct body_reader reader = {keep_piece, upload_ended};
    upload_begins();
    request_read_body(request, &reader);
}

static void make_room(void *data)
{
    struct request *request = data;
    if (full == request)
        request_body_resume(request);
}

/* A thousand bytes a turn. */
static size_t sip_piece(struct request *request, const char *bytes, size_t length)
{
    size_t taken = MIN(length, 1000);
    keep_piece(request, bytes, taken);
    full = taken < length ? request : NULL;
    if (full)
        loop_defer(make_room, request);
    return taken;
}

static void handle_sip(struct request *request)
{
    static const struct body_reader reader = {sip_piece, upload_ended};
    upload_begins();
    request_read_body(request, &reader);
}

/* Takes nothing until fake_core_drink(). */
static size_t refuse_piece(struct request *request, const char *bytes, size_t length)
{
    (void)bytes;
    (void)length;
    full = request;
    return 0;
}

static void handle_stuck(struct request *request)
{
    static const struct body_reader reader = {refuse_piece, upload_ended};
    upload_begins();
    request_read_body(request, &reader);
}

static size_t dislike_piece(struct request *request, const char *bytes, size_t length)
{
    (void)bytes;
    request_fail(request, ERROR_CONFLICT, "seen enough");
    return length;
}

static void never_ended(struct request *request, enum error_code error)
{
    (void)request;
    (void)error;
    g_assert_not_reached();
}

static void handle_disliked(struct request *request)
{
    static const struct body_reader reader = {dislike_piece, never_ended};
    request_read_body(request, &reader);
}

static void read_later(void *data)
{
    handle_raw(data);
}

static void handle_late_reader(struct request *request)
{
    loop_defer(read_later, request);
}

/* Gives the key back. */
static void handle_once(struct request *request)
{
    struct buffer buf = BUFFER_INIT(1024);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_put_string(&json, request->once_key);
    request_reply(request, 201, &buf);
}

/* What has effects must not be called for HEAD. */
static void handle_live(struct request *request)
{
    g_assert(request->operation->flags & OPERATION_LIVE);
    g_atomic_int_inc(&live_calls);
    answer(request, 200);
}

unsigned fake_core_live_calls(void)
{
    return (unsigned)g_atomic_int_get(&live_calls);
}

void operation_run(struct request *request)
{
    request->operation->handle(request);
}

static const struct field item_fields[] = {
    {.name = "item", .type = FIELD_TEXT, .flags = FIELD_IN_PATH | FIELD_REQUIRED, .maximum = 64},
    {.name = "limit", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .minimum = 1, .maximum = 100},
    {.name = NULL}};
static const struct field content_fields[] = {
    {.name = "content",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = 200000},
    {.name = "client_id", .type = FIELD_TEXT, .flags = FIELD_IDEMPOTENCY, .maximum = 64},
    {.name = NULL}};

static const struct operation operations[] = {
    {.method = "GET", .path = "/api/now", .handle = handle_now},
    {.method = "POST", .path = "/api/now", .fields = content_fields, .handle = handle_created},
    {.method = "GET", .path = "/api/deferred", .handle = handle_next_turn},
    {.method = "POST", .path = "/api/slow", .fields = content_fields, .handle = handle_slow},
    {.method = "GET", .path = "/api/items/:item", .fields = item_fields, .handle = handle_now},
    {.method = "GET", .path = "/api/items/me", .handle = handle_created},
    {.method = "PUT", .path = "/api/raw", .handle = handle_raw, .raw_stream = 400000},
    {.method = "PUT", .path = "/api/sip", .handle = handle_sip, .raw_stream = 400000},
    {.method = "PUT", .path = "/api/stuck", .handle = handle_stuck, .raw_stream = 400000},
    {.method = "PUT", .path = "/api/disliked", .handle = handle_disliked, .raw_stream = 400000},
    {.method = "PUT", .path = "/api/later", .handle = handle_late_reader, .raw_stream = 400000},
    {.method = "POST", .path = "/api/once", .handle = handle_once, .flags = OPERATION_ONCE},
    {.method = "GET",
     .path = "/api/live",
     .handle = handle_live,
     .flags = OPERATION_LIVE,
     .reply = "text/event-stream"},
    {.method = "GET", .path = "/api/refused", .handle = handle_refused},
    {.method = "GET", .path = "/api/open", .handle = handle_now, .flags = OPERATION_ANONYMOUS},
    {.method = "POST",
     .path = "/api/users",
     .handle = handle_created,
     .flags = OPERATION_SERVER_KEY,
     .scope = "users"},
    {.handle = NULL}};

static const struct operation *const tables[] = {operations, NULL};

void fake_core_init(struct core *core)
{
    struct options *options = options_new();
    options->http_port = options->http_admin_port = 0;
    options->http_bodies_max = 1048576;
    g_free(options->http_origins);
    options->http_origins = g_strdup("https://APP.example.org:443 capacitor://localhost");
    *core = (struct core){.options = options, .operations = tables};
    slow = g_ptr_array_new();
}

void fake_core_clear(struct core *core)
{
    struct options *options = (struct options *)(uintptr_t)core->options;
    options_free(options);
    g_clear_pointer(&slow, g_ptr_array_unref);
    g_assert(somebody.references == 1);
}
