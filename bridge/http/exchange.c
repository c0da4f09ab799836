/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way of a request: head, route, body, credentials, fields, handler, answer. What is found
 * wrong early is answered only when the body is in, so that the connection can be kept; a body too
 * large to swallow is refused at once and costs the connection. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/sign_in.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/base/text.h"
#include "bridge/core/body.h"
#include "bridge/core/core.h"
#include "bridge/core/operation.h"
#include "bridge/core/stream.h"
#include "bridge/http/credentials.h"
#include "bridge/http/exchange.h"
#include "bridge/http/handshake.h"
#include "bridge/http/page.h"
#include "bridge/http/parameters.h"
#include "bridge/http/reply.h"
#include "bridge/http/server_part.h"
#include "bridge/http/spoken.h"
#include "bridge/http/stream.h"
#include "bridge/http/upload.h"

/* Bytes of a body that is read only to be ignored. Browsers and proxies write all of it before they
 * read: a connection that ends meanwhile is reset, and takes the answer with it. */
#define SWALLOW_MAX (8 * 1024 * 1024)
#define SPARE_MAX 256
#define ONCE_KEY_MAX 128 /* bytes, as sql/migration/0016 has it */

static void transport_reply(struct request *request, unsigned status, struct buffer *json);
static void transport_fail(struct request *request, enum error_code code, struct buffer *problem);

static struct stream *transport_stream(struct request *request, const struct stream_head *head,
                                       const struct stream_owner *owner);
static void transport_watch(struct request *request, void (*left)(struct request *request));
static void transport_reply_bytes(struct request *request, const struct reply_bytes *content);

static void transport_read_body(struct request *request, const struct body_reader *reader);
static void transport_resume_body(struct request *request);

static const struct request_transport transport = {.door = "rest",
                                                   .reply = transport_reply,
                                                   .fail = transport_fail,
                                                   .reply_bytes = transport_reply_bytes,
                                                   .stream = transport_stream,
                                                   .watch = transport_watch,
                                                   .read_body = transport_read_body,
                                                   .resume_body = transport_resume_body};

static struct exchange *exchange_of(struct request *request)
{
    return (struct exchange *)request; /* its first member */
}

static struct exchange *exchange_new(struct http_server *server, struct MHD_Connection *mhd)
{
    struct exchange *exchange =
        server->spare->len > 0 ? g_ptr_array_steal_index_fast(server->spare, server->spare->len - 1)
                               : g_new(struct exchange, 1);
    *exchange = (struct exchange){.server = server, .mhd = mhd};
    exchange->link.data = exchange;
    exchange->request.transport = &transport;
    exchange->request.core = server->core;
    request_identify(&exchange->request);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    exchange->connection = info->socket_context;
    connection_wait(server, exchange->connection, WAIT_BODY);
    return exchange;
}

/* What a handler may hold on to ends with its answer. */
static void release_request(struct exchange *exchange)
{
    if (exchange->request.account)
        exchange->user = exchange->request.account->id;
    g_clear_pointer(&exchange->request.account, account_unref);
    g_clear_pointer(&exchange->request.body, json_decref);
    for (size_t i = 0; i < REQUEST_VALUES_MAX; i++)
        g_clear_pointer(&exchange->texts[i], g_free);
    g_clear_pointer(&exchange->idempotency_key, g_free);
    exchange->request.csrf = exchange->request.once_key = NULL;
}

static void drop_body(struct exchange *exchange)
{
    if (exchange->counted > 0)
        exchange->server->bodies -= exchange->counted;
    exchange->counted = 0;
    metric_set(METRIC_HTTP_BODIES, (gint64)exchange->server->bodies);
    if (exchange->body.data) /* a password may be in it */
        explicit_bzero(exchange->body.data, exchange->body.length);
    buffer_clear(&exchange->body);
}

/* Counts LENGTH more bytes; false if all bodies together would be too many. */
static bool count_body(struct exchange *exchange, guint64 length)
{
    struct http_server *server = exchange->server;
    size_t most = (size_t)server->core->options->http_bodies_max;
    if (server->bodies > most || length > most - server->bodies)
        return false;
    exchange->counted += (size_t)length;
    server->bodies += (size_t)length;
    metric_set(METRIC_HTTP_BODIES, (gint64)server->bodies);
    return true;
}

static void exchange_destroy(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    exchange_unwatch(exchange);
    g_clear_pointer(&exchange->stream, stream_free);
    release_request(exchange);
    head_clear(&exchange->head);
    g_free(exchange->asked_dialect);
    g_free(exchange->ticket);
    g_free(exchange->content);
    g_clear_pointer(&exchange->page, page_release);
    g_free(exchange->media_type);
    g_free(exchange->etag);
    g_clear_pointer(&exchange->bytes, g_bytes_unref);
    g_free(exchange->set_cookie);
    g_free(exchange->request.set_cookie);
    g_strfreev(exchange->request.headers);
    if (!server) { /* outlived it */
        g_free(exchange);
        return;
    }
    drop_body(exchange);
    if (server->spare->len < SPARE_MAX)
        g_ptr_array_add(server->spare, exchange);
    else
        g_free(exchange);
}

/* The answer is complete: give it to the connection, or forget it if there is none any more. */
static void exchange_answered(struct exchange *exchange)
{
    bool running = exchange->state == EXCHANGE_RUNNING;
    exchange->state = EXCHANGE_ANSWERED;
    exchange_unwatch(exchange);
    release_request(exchange);
    exchange->set_cookie = g_steal_pointer(&exchange->request.set_cookie);
    exchange->limit = exchange->request.limit;
    if (running && exchange->server)
        g_queue_unlink(&exchange->server->running, &exchange->link);
    if (!exchange->mhd) {
        exchange_destroy(exchange);
        return;
    }
    if (exchange->inside || !upload_wakes(exchange))
        return;
    MHD_resume_connection(exchange->mhd);
    server_want_run(exchange->server);
}

static void set_content(struct exchange *exchange, struct buffer *content)
{
    bool overflow = content->overflow;
    exchange->content = buffer_take(content, &exchange->content_length);
    if (!overflow)
        return;
    /* Half an answer is none. */
    log_error(AREA_HTTP, "reply-too-large", "request=%s", exchange->request.id);
    g_free(exchange->content);
    struct buffer problem = BUFFER_INIT(4096);
    problem_write(&problem,
                  &(struct problem){.code = ERROR_INTERNAL, .request_id = exchange->request.id});
    exchange->code = ERROR_INTERNAL;
    exchange->status = error_info(ERROR_INTERNAL)->http_status;
    exchange->content = buffer_take(&problem, &exchange->content_length);
}

static void transport_reply(struct request *request, unsigned status, struct buffer *json)
{
    struct exchange *exchange = exchange_of(request);
    exchange->status = status;
    exchange->code = ERROR_NONE;
    set_content(exchange, json);
    exchange_answered(exchange);
}

static void transport_reply_bytes(struct request *request, const struct reply_bytes *content)
{
    struct exchange *exchange = exchange_of(request);
    exchange->status = 200;
    exchange->code = ERROR_NONE;
    exchange->bytes = g_bytes_ref(content->bytes);
    exchange->media_type = g_strdup(content->type);
    exchange->etag = g_strconcat("\"", content->etag, "\"", NULL);
    exchange_answered(exchange);
}

static void transport_fail(struct request *request, enum error_code code, struct buffer *problem)
{
    struct exchange *exchange = exchange_of(request);
    exchange->status = error_info(code)->http_status;
    exchange->code = code;
    set_content(exchange, problem);
    exchange_answered(exchange);
}

static struct stream *transport_stream(struct request *request, const struct stream_head *head,
                                       const struct stream_owner *owner)
{
    struct exchange *exchange = exchange_of(request);
    struct stream *stream = NULL;
    exchange->status = head->status ? head->status : MHD_HTTP_OK;
    if (exchange->mhd) {
        exchange->stream = stream_new(exchange, head, owner);
        stream = stream_base(exchange->stream);
    }
    exchange_answered(exchange);
    return stream;
}

static void transport_watch(struct request *request, void (*left)(struct request *request))
{
    exchange_watch(exchange_of(request), left);
}

static void transport_read_body(struct request *request, const struct body_reader *reader)
{
    upload_read(exchange_of(request), reader);
}

static void transport_resume_body(struct request *request)
{
    upload_resume(exchange_of(request));
}

static void exchange_fail_with(struct exchange *exchange, const struct problem *problem)
{
    if (exchange->code != ERROR_NONE)
        return;
    struct buffer text = BUFFER_INIT(4096);
    struct problem whole = *problem;
    whole.request_id = exchange->request.id;
    problem_write(&text, &whole);
    exchange->status = error_info(whole.code)->http_status;
    exchange->code = whole.code;
    exchange->content = buffer_take(&text, &exchange->content_length);
}

void exchange_fail(struct exchange *exchange, enum error_code code, const char *detail,
                   const char *pointer)
{
    exchange_fail_with(exchange,
                       &(struct problem){.code = code, .detail = detail, .pointer = pointer});
}

static void fail_now(struct exchange *exchange, enum error_code code, const char *detail)
{
    exchange_fail(exchange, code, detail, NULL);
    exchange_answered(exchange);
}

static void find_route(struct exchange *exchange)
{
    struct route_match *match = &exchange->match;
    if (handshake_is_asked(exchange)) {
        exchange->handshake = true;
        handshake_check(exchange);
        return;
    }
    if (!routes_find(exchange->server->routes, exchange->head.method, exchange->head.url, match)) {
        if (!page_find(exchange->server->pages, exchange))
            exchange_fail(exchange, ERROR_NOT_FOUND, NULL, NULL);
        return;
    }
    exchange->request.operation = match->operation;
    if (!match->operation)
        exchange_fail(exchange, ERROR_METHOD_NOT_ALLOWED, NULL, NULL);
    else
        parameters_read(exchange);
}

/* The largest body that may come. */
static size_t body_max(const struct exchange *exchange)
{
    const struct operation *operation = exchange->request.operation;
    return operation && operation->raw_stream
               ? operation->raw_stream
               : (size_t)exchange->server->core->options->http_body_max;
}

static bool has_body(const struct exchange *exchange)
{
    return exchange->head.content_length > 0 || exchange->head.chunked;
}

static bool is_json(const char *type)
{
    return type && g_ascii_strncasecmp(type, "application/json", 16) == 0 &&
           (type[16] == '\0' || strchr("; \t", type[16]));
}

static void check_size(struct exchange *exchange, guint64 length)
{
    if (length > body_max(exchange))
        exchange_fail_with(exchange, &(struct problem){.code = ERROR_TOO_LARGE,
                                                       .detail = "the body is too large",
                                                       .limit = (gint64)body_max(exchange)});
}

/* Bodies are read as they are, and JSON unless the operation says otherwise. */
static void check_type(struct exchange *exchange)
{
    static const char *const plain[] = {"identity", NULL}, *const json[] = {"application/json",
                                                                            NULL};
    const struct operation *operation = exchange->request.operation;
    const char *coding = exchange->head.content_encoding;
    if (coding && coding[0] && g_ascii_strcasecmp(coding, "identity") != 0) {
        exchange->coded = true;
        exchange_fail_with(exchange,
                           &(struct problem){.code = ERROR_UNSUPPORTED_TYPE,
                                             .detail = "a body must come without Content-Encoding",
                                             .supported = plain});
    } else if (!(operation && operation->raw_stream) && !is_json(exchange->head.content_type)) {
        exchange_fail_with(exchange,
                           &(struct problem){.code = ERROR_UNSUPPORTED_TYPE,
                                             .detail = "Content-Type must be application/json",
                                             .supported = json});
    }
}

/* A client that has sent its whole body before it reads gets to see why it was in vain; who asks
 * first (Expect: 100-continue) need not send it. */
bool exchange_is_swallowed(const struct exchange *exchange)
{
    return !has_body(exchange) ||
           (exchange->head.content_length <= SWALLOW_MAX &&
            !MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, "Expect"));
}

/* What cannot be trusted is answered at once. */
static enum MHD_Result refuse_head(struct exchange *exchange, enum error_code code,
                                   const char *detail)
{
    gint64 limit = code == ERROR_TARGET_TOO_LONG     ? HEAD_TARGET_MAX
                   : code == ERROR_HEADERS_TOO_LARGE ? HEAD_MAX
                                                     : 0;
    head_clear(&exchange->head);
    exchange->head = (struct head){0};
    exchange->close = true;
    exchange_fail_with(exchange, &(struct problem){.code = code, .detail = detail, .limit = limit});
    return reply_send(exchange);
}

static bool is_preflight(const struct exchange *exchange)
{
    const struct head *head = &exchange->head;
    return strcmp(head->method, "OPTIONS") == 0 && !has_body(exchange) &&
           (head->request_method || strcmp(head->url, "*") == 0);
}

/* The head is in. What cannot be swallowed is answered at once. */
static enum MHD_Result head_accept(struct exchange *exchange)
{
    struct head *head = &exchange->head;
    const char *detail;
    enum error_code code = head_read(exchange->mhd, head, &detail);
    if (code != ERROR_NONE)
        return refuse_head(exchange, code, detail);
    /* What the library accepts in chunks is wider than what they are: bare LF for one. Nobody can
     * be led to read the next request at another place when there is none. */
    exchange->close = head->chunked;
    if (is_preflight(exchange))
        return MHD_YES;
    find_route(exchange);
    check_size(exchange, head->content_length);
    bool streams = exchange->request.operation && exchange->request.operation->raw_stream > 0;
    if (head->content_length > 0 || (streams && head->chunked))
        check_type(exchange);
    if (!exchange->page)
        credentials_find(exchange);
    if (exchange->handshake)
        handshake_admit(exchange);
    if (exchange->code == ERROR_NONE && !streams && !count_body(exchange, head->content_length))
        exchange_fail(exchange, ERROR_UNAVAILABLE, "too many bodies at once", NULL);
    if (exchange->code != ERROR_NONE && !exchange_is_swallowed(exchange)) {
        exchange->close = true;
        return reply_send(exchange);
    }
    if (exchange->code != ERROR_NONE)
        connection_wait(exchange->server, exchange->connection, WAIT_REFUSED);
    else if (streams)
        return upload_begin(exchange);
    buffer_init(&exchange->body, head->chunked ? body_max(exchange) : head->content_length);
    return MHD_YES;
}

/* A piece of a body that nobody has measured: it is held to the ceilings as it grows. */
static void check_chunk(struct exchange *exchange, size_t length)
{
    if (exchange->code != ERROR_NONE)
        return;
    if (exchange->body.length == 0)
        check_type(exchange);
    check_size(exchange, (guint64)exchange->body.length + length);
    if (exchange->code == ERROR_NONE && !count_body(exchange, length))
        exchange_fail(exchange, ERROR_UNAVAILABLE, "too many bodies at once", NULL);
    if (exchange->code == ERROR_NONE)
        return;
    drop_body(exchange);
    connection_wait(exchange->server, exchange->connection, WAIT_REFUSED);
}

enum MHD_Result exchange_swallow(struct exchange *exchange, size_t length)
{
    if (!exchange->head.chunked)
        return MHD_YES; /* measured in the head */
    exchange->swallowed += length;
    if (exchange->swallowed <= SWALLOW_MAX)
        return MHD_YES;
    reply_in_the_middle(exchange->connection->fd,
                        exchange->code != ERROR_NONE ? exchange->code : ERROR_TOO_LARGE, NULL);
    return MHD_NO;
}

static enum MHD_Result take_body(struct exchange *exchange, const char *bytes, size_t length)
{
    if (exchange->head.chunked)
        check_chunk(exchange, length);
    if (exchange->code != ERROR_NONE)
        return exchange_swallow(exchange, length);
    return buffer_append(&exchange->body, bytes, length) ? MHD_YES : MHD_NO;
}

/* Turns the bytes that came into what the handler reads: ERROR_NONE, or why that cannot be. */
static enum error_code read_body(struct exchange *exchange, const char **ret_detail)
{
    struct request *request = &exchange->request;
    enum error_code code = ERROR_NONE;
    if (request->operation->raw_stream > 0)
        request->raw_type = exchange->head.content_type;
    else if (exchange->body.length > 0)
        body_parse(exchange->body.data, exchange->body.length, &request->body, &code, ret_detail);
    drop_body(exchange);
    spoken_read(exchange);
    return code;
}

/* HEAD of what has effects when it is read: its head, and nothing happens. */
static void reply_without_body(struct exchange *exchange)
{
    const char *reply = exchange->request.operation->reply;
    exchange->status = MHD_HTTP_OK;
    exchange->bodiless = strchr(reply, '/') ? reply : "application/json";
    exchange_answered(exchange);
}

static bool takes_key(const struct operation *operation)
{
    bool takes = (operation->flags & OPERATION_ONCE) != 0;
    for (const struct field *field = operation->fields; field && field->name; field++)
        takes = takes || (field->flags & FIELD_IDEMPOTENCY);
    return takes;
}

/* The Idempotency-Key, for operations to which it means something. */
static enum error_code read_key(struct exchange *exchange, const char **ret_detail)
{
    struct request *request = &exchange->request;
    const char *header = takes_key(request->operation) ? exchange->head.idempotency_key : NULL;
    exchange->idempotency_key = header ? head_idempotency_key(header) : NULL;
    if (header && !exchange->idempotency_key) {
        *ret_detail = "Idempotency-Key is malformed";
        return ERROR_BAD_REQUEST;
    }
    if (!header || !(request->operation->flags & OPERATION_ONCE))
        return ERROR_NONE;
    size_t length = strlen(exchange->idempotency_key);
    request->once_key = exchange->idempotency_key;
    *ret_detail = "Idempotency-Key must be text of 1 to 128 bytes";
    bool fits =
        length >= 1 && length <= ONCE_KEY_MAX && text_is_xml_safe(request->once_key, length);
    return fits ? ERROR_NONE : ERROR_UNPROCESSABLE;
}

static void run_operation(struct exchange *exchange)
{
    struct request *request = &exchange->request;
    const char *detail = NULL;
    enum error_code code = read_body(exchange, &detail);
    if (code == ERROR_NONE)
        code = read_key(exchange, &detail);
    if (code != ERROR_NONE) {
        request_fail(request, code, detail);
        return;
    }
    struct field_source source = {.object = request->body,
                                  .idempotency_key = exchange->idempotency_key,
                                  .parameter = parameter_find,
                                  .data = exchange};
    struct field_problem problem;
    if (!fields_check(request->operation->fields, &source, request->values, &problem))
        request_fail_field(request, &problem);
    else if (strcmp(exchange->head.method, "HEAD") == 0 &&
             (request->operation->flags & OPERATION_LIVE))
        reply_without_body(exchange);
    else
        operation_run(request);
}

/* What SESSION may do with this operation: ERROR_NONE, or why not. */
static void exchange_admit(struct exchange *exchange, const struct session *session)
{
    const struct operation *operation = exchange->request.operation;
    bool by_role = operation->role && !session->scopes; /* which is asked when it is run */
    bool only_keys = (operation->flags & OPERATION_SERVER_KEY) && !by_role;
    const char *scope = operation->scope ? operation->scope : "send";
    bool needs_scope = only_keys || session->scopes;
    if (session->scopes && !session->account && !only_keys)
        needs_scope = false; /* told below */
    if (needs_scope && !session_has_scope(session, scope)) {
        fail_now(exchange, ERROR_FORBIDDEN, "this needs a server key with the right scope");
        return;
    }
    if (!session->account && !only_keys) {
        fail_now(exchange, ERROR_FORBIDDEN, "the header Trestle-User must name a user");
        return;
    }
    if (!credentials_csrf_is_right(exchange, session)) {
        fail_now(exchange, ERROR_FORBIDDEN, "X-CSRF-Token must be that of the session");
        return;
    }
    struct request *request = &exchange->request;
    connection_trust(exchange->server, exchange->connection);
    if (session->account)
        request->account = account_ref(session->account);
    request->grant = session->grant;
    request->by_key = session->scopes != NULL;
    request->by_cookie = exchange->credentials.kind == CREDENTIAL_COOKIE;
    request->csrf = session->csrf;
    if (request_admit(request))
        run_operation(exchange);
}

/* Whose token is not good is nobody, where that is enough. */
static void exchange_know(struct exchange *exchange, const struct session *session)
{
    struct request *request = &exchange->request;
    if (session && session->account)
        request->account = account_ref(session->account);
    run_operation(exchange);
}

static void signed_in(const struct session *session, const struct sign_in_problem *problem,
                      void *data)
{
    struct exchange *exchange = data;
    if (!exchange->mhd) {
        fail_now(exchange, ERROR_UNAVAILABLE, NULL); /* the server is gone: end here */
    } else if (exchange->request.operation->flags & OPERATION_KNOWS_CALLER) {
        exchange_know(exchange, session);
    } else if (session) {
        exchange_admit(exchange, session);
    } else {
        exchange->request.limit = problem->limit;
        fail_now(exchange, problem->code, problem->detail);
    }
}

void exchange_run(struct exchange *exchange)
{
    struct http_server *server = exchange->server;
    struct session session;
    exchange->state = EXCHANGE_RUNNING;
    g_queue_push_tail_link(&server->running, &exchange->link);
    unsigned flags = exchange->request.operation->flags;
    bool may_know = (flags & OPERATION_KNOWS_CALLER) && exchange->credentials.token;
    if ((flags & OPERATION_ANONYMOUS) && !may_know)
        run_operation(exchange);
    else if (session_lookup(server->core->sessions, &exchange->credentials, &session))
        may_know ? exchange_know(exchange, &session) : exchange_admit(exchange, &session);
    else
        session_sign_in(server->core->sessions, &exchange->credentials, signed_in, exchange);
}

/* The whole request is in. */
static enum MHD_Result exchange_finish(struct exchange *exchange)
{
    connection_wait(exchange->server, exchange->connection, WAIT_NOTHING);
    if (exchange->code != ERROR_NONE)
        return reply_send(exchange);
    if (exchange->handshake)
        return handshake_send(exchange);
    if (exchange->page)
        return page_send(exchange);
    if (!exchange->request.operation)
        return reply_preflight(exchange);
    exchange->inside = true;
    exchange_run(exchange);
    exchange->inside = false;
    if (exchange->state == EXCHANGE_ANSWERED)
        return reply_send(exchange);
    MHD_suspend_connection(exchange->mhd);
    return MHD_YES;
}

void *exchange_begin(void *data, const char *uri, struct MHD_Connection *mhd)
{
    struct exchange *exchange = exchange_new(data, mhd);
    exchange->began = clock_monotonic();
    exchange->head.target_length = uri ? strlen(uri) : 0;
    return exchange;
}

enum MHD_Result exchange_handle(void *data, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_size, void **context)
{
    (void)data;
    (void)mhd;
    struct exchange *exchange = *context;
    if (exchange->state == EXCHANGE_NEW) {
        exchange->state = EXCHANGE_READING;
        exchange->head.url = url;
        exchange->head.method = method;
        exchange->head.version = version;
        return head_accept(exchange);
    }
    if (exchange->upload.state != UPLOAD_NONE)
        return upload_handle(exchange, upload, upload_size);
    if (*upload_size > 0) {
        size_t length = *upload_size;
        *upload_size = 0;
        return take_body(exchange, upload, length);
    }
    switch (exchange->state) {
    case EXCHANGE_READING:
        return exchange_finish(exchange);
    case EXCHANGE_ANSWERED:
        return reply_send(exchange);
    case EXCHANGE_NEW:
    case EXCHANGE_RUNNING: /* resumed without an answer: the server is being freed */
    case EXCHANGE_SENT:
    default:
        return MHD_NO;
    }
}

void exchange_completed(void *data, struct MHD_Connection *mhd, void **context,
                        enum MHD_RequestTerminationCode code)
{
    (void)mhd;
    (void)code;
    struct http_server *server = data;
    struct exchange *exchange = *context;
    if (!exchange)
        return;
    *context = NULL;
    exchange_unwatch(exchange);
    bool late = exchange->connection->late;
    connection_wait(server, exchange->connection, WAIT_REQUEST);
    exchange->mhd = NULL;
    exchange->connection = NULL;
    if (exchange->state != EXCHANGE_RUNNING) {
        exchange_destroy(exchange);
        return;
    }
    g_queue_unlink(&server->running, &exchange->link);
    drop_body(exchange);
    exchange->server = NULL;
    upload_cut(exchange, late);
}
