/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bodies that the handler reads as they come. The handler is called when the head is in, after
 * sign-in; nothing of the body is read before it asks. While it takes no more the connection is
 * suspended, so that the client waits and not we.
 *
 * Time is kept by the rate: within each stretch of WAIT_PIECE's patience so many bytes must have
 * come as UPLOAD_RATE says, or the rest of the body. */
#include "config.h"

#include "bridge/http/exchange.h"
#include "bridge/http/reply.h"
#include "bridge/http/server_part.h"
#include "bridge/http/upload.h"

static void await_pieces(struct exchange *exchange)
{
    exchange->upload.window = 0;
    connection_wait(exchange->server, exchange->connection, WAIT_PIECE);
}

/* Until somebody calls MHD_resume_connection(). */
static enum MHD_Result connection_suspend(struct exchange *exchange)
{
    if (exchange->server->ending)
        return MHD_NO;
    connection_wait(exchange->server, exchange->connection, WAIT_NOTHING);
    MHD_suspend_connection(exchange->mhd);
    return MHD_YES;
}

/* An answer is there before the body has come. */
static enum MHD_Result upload_refuse(struct exchange *exchange)
{
    exchange->upload.state = UPLOAD_OVER;
    if (exchange_is_swallowed(exchange)) {
        connection_wait(exchange->server, exchange->connection, WAIT_REFUSED);
        return MHD_YES;
    }
    exchange->close = true;
    return reply_send(exchange);
}

/* Sign-in and handler have come as far as they could: answered, ready to read, or neither. */
static enum MHD_Result settle_head(struct exchange *exchange)
{
    if (exchange->state == EXCHANGE_ANSWERED)
        return upload_refuse(exchange);
    if (!exchange->upload.reader.piece)
        return connection_suspend(exchange);
    exchange->upload.state = UPLOAD_BODY;
    await_pieces(exchange);
    return MHD_YES;
}

enum MHD_Result upload_begin(struct exchange *exchange)
{
    exchange->upload.state = UPLOAD_HEAD;
    exchange->inside = true;
    exchange_run(exchange);
    exchange->inside = false;
    return settle_head(exchange);
}

static void tell_end(struct exchange *exchange, enum error_code error)
{
    exchange->upload.state = UPLOAD_OVER;
    exchange->inside = true;
    exchange->upload.reader.ended(&exchange->request, error);
    exchange->inside = false;
}

/* The body will not be read any more. */
static enum MHD_Result upload_ignore(struct exchange *exchange, size_t *size)
{
    size_t length = *size;
    *size = 0;
    exchange->upload.state = UPLOAD_OVER;
    if (exchange->connection->wait != WAIT_REFUSED)
        connection_wait(exchange->server, exchange->connection, WAIT_REFUSED);
    return exchange_swallow(exchange, length);
}

static enum MHD_Result upload_take(struct exchange *exchange, const char *bytes, size_t *size)
{
    struct upload *upload = &exchange->upload;
    if (*size > exchange->request.operation->raw_stream - upload->received) {
        tell_end(exchange, ERROR_TOO_LARGE); /* in chunks: else its head has told */
        return upload_ignore(exchange, size);
    }
    exchange->inside = true;
    size_t taken = upload->reader.piece(&exchange->request, bytes, *size);
    exchange->inside = false;
    if (exchange->state == EXCHANGE_ANSWERED)
        return upload_ignore(exchange, size);
    upload->received += taken;
    upload->window += taken;
    *size -= taken;
    if (*size > 0) {
        upload->suspended = true;
        return connection_suspend(exchange);
    }
    gint64 patience = exchange->server->patience[WAIT_PIECE] / G_USEC_PER_SEC;
    if (upload->window >= (size_t)patience * UPLOAD_RATE)
        await_pieces(exchange);
    return MHD_YES;
}

/* All of the body was taken, or ignored. */
static enum MHD_Result upload_finish(struct exchange *exchange)
{
    if (exchange->upload.state == UPLOAD_BODY) {
        connection_wait(exchange->server, exchange->connection, WAIT_NOTHING);
        tell_end(exchange, ERROR_NONE);
    }
    return exchange->state == EXCHANGE_ANSWERED ? reply_send(exchange)
                                                : connection_suspend(exchange);
}

enum MHD_Result upload_handle(struct exchange *exchange, const char *bytes, size_t *size)
{
    if (exchange->state == EXCHANGE_SENT ||
        (exchange->state == EXCHANGE_RUNNING && exchange->server->ending))
        return MHD_NO;
    if (exchange->state == EXCHANGE_ANSWERED && exchange->upload.state == UPLOAD_BODY)
        exchange->upload.state = UPLOAD_OVER; /* while more was awaited */
    if (exchange->upload.state == UPLOAD_HEAD)
        return settle_head(exchange);
    if (*size == 0)
        return upload_finish(exchange);
    return exchange->upload.state == UPLOAD_BODY ? upload_take(exchange, bytes, size)
                                                 : upload_ignore(exchange, size);
}

static void connection_resume(struct exchange *exchange)
{
    MHD_resume_connection(exchange->mhd);
    server_want_run(exchange->server);
}

void upload_read(struct exchange *exchange, const struct body_reader *reader)
{
    g_return_if_fail(exchange->upload.state == UPLOAD_HEAD);
    exchange->upload.reader = *reader;
    if (!exchange->mhd)
        upload_cut(exchange, false);
    else if (!exchange->inside)
        connection_resume(exchange);
}

void upload_resume(struct exchange *exchange)
{
    if (!exchange->upload.suspended)
        return;
    exchange->upload.suspended = false;
    if (!exchange->mhd)
        return;
    await_pieces(exchange);
    connection_resume(exchange);
}

bool upload_wakes(struct exchange *exchange)
{
    struct upload *upload = &exchange->upload;
    bool is_reading = upload->state == UPLOAD_BODY && !upload->suspended;
    bool is_ignoring = exchange->connection->wait == WAIT_REFUSED;
    upload->suspended = false;
    return !is_reading && !is_ignoring;
}

void upload_cut(struct exchange *exchange, bool late)
{
    struct upload *upload = &exchange->upload;
    bool reads = upload->state == UPLOAD_HEAD || upload->state == UPLOAD_BODY;
    if (!reads || !upload->reader.ended)
        return;
    upload->state = UPLOAD_OVER;
    upload->reader.ended(&exchange->request, late ? ERROR_UPLOAD_TIMEOUT : ERROR_BAD_REQUEST);
}
