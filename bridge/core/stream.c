/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams are made by the transport; this only hands on. */
#include "config.h"

#include "bridge/core/request.h"
#include "bridge/core/stream.h"

struct stream *request_stream_head(struct request *request, const struct stream_head *head,
                                   const struct stream_owner *owner)
{
    if (request->transport->stream)
        return request->transport->stream(request, head, owner);
    request_fail(request, ERROR_UNPROCESSABLE, "is for HTTP only");
    return NULL;
}

struct stream *request_stream(struct request *request, const char *content_type,
                              const struct stream_owner *owner)
{
    const struct stream_head head = {.content_type = content_type, .length = -1};
    return request_stream_head(request, &head, owner);
}

bool stream_write(struct stream *stream, const char *bytes, size_t length)
{
    return stream->functions->write(stream, bytes, length);
}

void stream_end(struct stream *stream, bool cut)
{
    stream->functions->end(stream, cut);
}
