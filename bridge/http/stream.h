/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers that go on, and clients that hang up meanwhile. */
#pragma once

#include "bridge/core/stream.h"
#include "bridge/http/exchange.h"

/* Streams go with their exchange; stream_free tells the owner if it has not ended it. */
struct http_stream *stream_new(struct exchange *exchange, const struct stream_head *head,
                               const struct stream_owner *owner);
struct stream *stream_base(struct http_stream *stream);
struct MHD_Response *stream_respond(struct http_stream *stream);
void stream_free(struct http_stream *stream);
void streams_cut(struct http_server *server);

/* LEFT is called, or the end of the stream, when the client hangs up. */
void exchange_watch(struct exchange *exchange, void (*left)(struct request *request));
void exchange_unwatch(struct exchange *exchange);
