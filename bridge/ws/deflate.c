/* SPDX-License-Identifier: GPL-3.0-or-later */
/* zlib, on raw deflate blocks. */
#include "config.h"

#include <zlib.h>

#include "bridge/ws/deflate.h"

#define WINDOW (-15) /* bits; negative: without a head of zlib's */
#define LEVEL 3      /* higher ones take twice the time for a few bytes */
#define MEMORY 8
#define PIECE 16384

/* What a message ends with, and is sent without (RFC 7692 section 7.2.1). */
static const guint8 tail[] = {0x00, 0x00, 0xff, 0xff};

struct deflate {
    z_stream packing, unpacking;
    guint8 piece[PIECE];
};

struct deflate *deflate_new(void)
{
    struct deflate *coder = g_new0(struct deflate, 1);
    if (deflateInit2(&coder->packing, LEVEL, Z_DEFLATED, WINDOW, MEMORY, Z_DEFAULT_STRATEGY) !=
            Z_OK ||
        inflateInit2(&coder->unpacking, WINDOW) != Z_OK)
        g_error("out of memory");
    return coder;
}

void deflate_free(struct deflate *coder)
{
    if (!coder)
        return;
    deflateEnd(&coder->packing);
    inflateEnd(&coder->unpacking);
    g_free(coder);
}

GBytes *deflate_pack(struct deflate *coder, const void *bytes, size_t length)
{
    z_stream *stream = &coder->packing;
    if (length < DEFLATE_FROM || length > G_MAXINT32)
        return NULL;
    g_autofree guint8 *packed = g_malloc(length);
    deflateReset(stream);
    stream->next_in = (Bytef *)(guintptr)bytes;
    stream->avail_in = (uInt)length;
    stream->next_out = packed;
    stream->avail_out = (uInt)length;
    /* Room that is left says that all has come out. */
    if (deflate(stream, Z_SYNC_FLUSH) != Z_OK || stream->avail_in > 0 || stream->avail_out == 0)
        return NULL;
    size_t size = length - stream->avail_out - sizeof tail;
    return g_bytes_new_take(g_steal_pointer(&packed), size);
}

/* Gives zlib LENGTH bytes; what comes out is appended. Z_OK, Z_STREAM_END, Z_DATA_ERROR, or
 * Z_BUF_ERROR: more than MOST bytes. */
static int piece_unpack(struct deflate *coder, const void *bytes, size_t length, size_t most,
                        struct buffer *text)
{
    z_stream *stream = &coder->unpacking;
    int state = Z_OK;
    stream->next_in = (Bytef *)(guintptr)bytes;
    stream->avail_in = (uInt)length;
    do {
        stream->next_out = coder->piece;
        stream->avail_out = PIECE;
        state = inflate(stream, Z_SYNC_FLUSH);
        size_t got = PIECE - stream->avail_out;
        if (state == Z_BUF_ERROR && got == 0)
            return Z_OK; /* nothing is left to be done */
        if (state != Z_OK && state != Z_STREAM_END && state != Z_BUF_ERROR)
            return Z_DATA_ERROR;
        if (got > most - text->length || !buffer_append(text, coder->piece, got))
            return Z_BUF_ERROR;
    } while (state != Z_STREAM_END && (stream->avail_in > 0 || stream->avail_out == 0));
    return state == Z_STREAM_END ? Z_STREAM_END : Z_OK;
}

enum deflate_result deflate_unpack(struct deflate *coder, const void *bytes, size_t length,
                                   struct buffer *text)
{
    size_t most = MIN(text->ceiling, MAX(length * DEFLATE_RATIO_MAX, DEFLATE_GROW_MIN));
    if (length > G_MAXINT32)
        return DEFLATE_TOO_BIG;
    inflateReset(&coder->unpacking);
    int state = piece_unpack(coder, bytes, length, most, text);
    /* A block that says it is the last may have one empty one behind it, less what is cut off. */
    if (state == Z_STREAM_END)
        return coder->unpacking.avail_in > 1 ? DEFLATE_BAD : DEFLATE_DONE;
    if (state == Z_OK)
        state = piece_unpack(coder, tail, sizeof tail, most, text);
    if (state == Z_BUF_ERROR)
        return DEFLATE_TOO_BIG;
    /* Whole blocks, up to the empty one at the end. */
    return state == Z_OK && (coder->unpacking.data_type & 128) ? DEFLATE_DONE : DEFLATE_BAD;
}
