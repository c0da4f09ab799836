/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Framing on wslay's frame layer. Its context holds 4 KiB, so contexts are borrowed from a pool and
 * only while a frame is incomplete; to know when that is, the bytes that went in are counted
 * against the bytes of the frames that came out. */
#include "config.h"

#include <string.h>
#include <wslay/wslay.h>

#include "bridge/ws/deflate.h"
#include "bridge/ws/frame.h"

#define RSV1 0x40 /* of a frame's first byte: the message is compressed */

struct frame_reader {
    wslay_frame_context_ptr context;
    const char *input; /* given and not yet taken by wslay */
    size_t input_length;
    char *kept;        /* what INPUT points into when it is our own copy */
    guint64 taken;     /* bytes that wslay took since the reader was idle */
    guint64 accounted; /* bytes of them that belong to frames that came out */
    bool in_frame;     /* the header has been seen, the payload is incomplete */
    bool in_message;   /* a text message has begun and its last frame has not ended */
    bool compressed;   /* the message is */
    bool delivered;    /* the message was handed out: drop it at the next call */
    unsigned fragments;
    struct buffer message;
    guint64 frame_length; /* payload of the frame being read */
    guint64 frame_seen;
    guint8 control_length;
    char control[FRAME_CONTROL_MAX];
};

static ssize_t take_input(uint8_t *buf, size_t size, int flags, void *data)
{
    (void)flags;
    struct frame_reader *reader = data;
    size_t length = MIN(size, reader->input_length);
    if (length == 0)
        return -1;
    memcpy(buf, reader->input, length);
    reader->input += length;
    reader->input_length -= length;
    reader->taken += length;
    if (reader->input_length == 0)
        g_clear_pointer(&reader->kept, g_free);
    return (ssize_t)length;
}

struct frame_reader *frame_reader_new(void)
{
    static const struct wslay_frame_callbacks callbacks = {.recv_callback = take_input};
    struct frame_reader *reader = g_new0(struct frame_reader, 1);
    if (wslay_frame_context_init(&reader->context, &callbacks, reader) != 0)
        g_error("out of memory");
    return reader;
}

void frame_reader_free(struct frame_reader *reader)
{
    if (!reader)
        return;
    wslay_frame_context_free(reader->context);
    buffer_clear(&reader->message);
    g_free(reader->kept);
    g_free(reader);
}

void frame_reader_give(struct frame_reader *reader, const void *bytes, size_t length)
{
    if (reader->input_length == 0) {
        reader->input = bytes;
        reader->input_length = length;
        return;
    }
    char *joined = g_malloc(reader->input_length + length);
    memcpy(joined, reader->input, reader->input_length);
    memcpy(joined + reader->input_length, bytes, length);
    g_free(reader->kept);
    reader->kept = joined;
    reader->input = joined;
    reader->input_length += length;
}

static void drop_delivered(struct frame_reader *reader)
{
    if (reader->delivered)
        buffer_clear(&reader->message);
    reader->delivered = false;
}

void frame_reader_keep(struct frame_reader *reader)
{
    drop_delivered(reader);
    if (reader->kept || reader->input_length == 0)
        return;
    reader->kept = g_memdup2(reader->input, reader->input_length);
    reader->input = reader->kept;
}

bool frame_reader_is_idle(const struct frame_reader *reader)
{
    return reader->input_length == 0 && !reader->in_frame && !reader->in_message &&
           reader->taken == reader->accounted;
}

static enum frame_result frame_fault(struct frame *ret_frame, enum close_code code)
{
    ret_frame->close = code;
    return FRAME_FAULT;
}

static enum close_code check_data_frame(struct frame_reader *reader,
                                        const struct frame_limits *limits,
                                        const struct wslay_frame_iocb *part)
{
    bool continues = part->opcode == FRAME_CONTINUATION;
    if (part->opcode == FRAME_BINARY)
        return CLOSE_UNSUPPORTED;
    if (continues != reader->in_message)
        return CLOSE_PROTOCOL;
    if (!continues) {
        reader->in_message = true;
        reader->compressed = part->rsv != 0;
        reader->fragments = 0;
        buffer_init(&reader->message, limits->message_max);
    }
    if (++reader->fragments > limits->fragments_max)
        return CLOSE_TOO_BIG;
    if (part->payload_length >
        limits->message_max - MIN(reader->message.length, limits->message_max))
        return CLOSE_TOO_BIG;
    return CLOSE_NONE;
}

/* A frame's header has become known: everything that can be refused is, before bytes are kept. */
static enum close_code frame_begins(struct frame_reader *reader, const struct frame_limits *limits,
                                    const struct wslay_frame_iocb *part)
{
    guint64 length = part->payload_length;
    reader->in_frame = true;
    reader->frame_length = length;
    reader->frame_seen = 0;
    reader->accounted += 2U + 4U + (length < 126 ? 0U : length <= G_MAXUINT16 ? 2U : 8U);
    bool may_be_compressed = limits->deflate && part->opcode == FRAME_TEXT;
    if (!part->mask || (part->rsv & ~(may_be_compressed ? WSLAY_RSV1_BIT : 0U)) != 0)
        return CLOSE_PROTOCOL;
    switch (part->opcode) {
    case FRAME_CONTINUATION:
    case FRAME_TEXT:
    case FRAME_BINARY:
        return check_data_frame(reader, limits, part);
    case FRAME_CLOSE:
    case FRAME_PING:
    case FRAME_PONG:
        reader->control_length = 0;
        return CLOSE_NONE;
    default:
        return CLOSE_PROTOCOL;
    }
}

static bool is_control(unsigned opcode)
{
    return (opcode & 0x8) != 0;
}

/* UTF-8 in the sense of RFC 3629; unlike for g_utf8_validate, NUL is a character like another. */
static bool is_utf8(const char *text, size_t length)
{
    const char *end = text + length;
    while (!g_utf8_validate_len(text, (gsize)(end - text), &text)) {
        if (text >= end || *text != '\0')
            return false;
        text++;
    }
    return true;
}

static enum close_code read_close(struct frame_reader *reader, struct frame *ret_frame)
{
    if (reader->control_length == 0) {
        ret_frame->close = CLOSE_NO_STATUS;
        return CLOSE_NONE;
    }
    if (reader->control_length == 1)
        return CLOSE_PROTOCOL;
    unsigned code = (unsigned)((guint8)reader->control[0] << 8 | (guint8)reader->control[1]);
    bool reserved = code < 1000 || (code >= 1004 && code <= 1006) ||
                    (code >= 1015 && code < 3000) || code >= 5000;
    if (reserved)
        return CLOSE_PROTOCOL;
    if (!is_utf8(reader->control + 2, reader->control_length - 2U))
        return CLOSE_BAD_TEXT;
    ret_frame->close = (enum close_code)code;
    return CLOSE_NONE;
}

static enum frame_result control_ends(struct frame_reader *reader, unsigned opcode,
                                      struct frame *ret_frame)
{
    *ret_frame = (struct frame){.opcode = (enum frame_opcode)opcode,
                                .data = reader->control,
                                .length = reader->control_length};
    if (opcode == FRAME_CLOSE) {
        enum close_code code = read_close(reader, ret_frame);
        if (code != CLOSE_NONE)
            return frame_fault(ret_frame, code);
    }
    return FRAME_READY;
}

/* In place of what came, what it holds. */
static enum close_code message_unpack(struct frame_reader *reader,
                                      const struct frame_limits *limits, const char *data,
                                      size_t length)
{
    struct buffer text = BUFFER_INIT(limits->message_max);
    enum deflate_result result =
        limits->deflate ? deflate_unpack(limits->deflate, data, length, &text) : DEFLATE_BAD;
    buffer_clear(&reader->message);
    reader->message = text;
    return result == DEFLATE_DONE  ? CLOSE_NONE
           : result == DEFLATE_BAD ? CLOSE_BAD_TEXT
                                   : CLOSE_TOO_BIG;
}

static enum frame_result message_ends(struct frame_reader *reader,
                                      const struct frame_limits *limits, const char *data,
                                      size_t length, struct frame *ret_frame)
{
    if (reader->compressed) {
        enum close_code code = message_unpack(reader, limits, data, length);
        if (code != CLOSE_NONE)
            return frame_fault(ret_frame, code);
        data = reader->message.data ? reader->message.data : "";
        length = reader->message.length;
    }
    if (!is_utf8(data, length))
        return frame_fault(ret_frame, CLOSE_BAD_TEXT);
    reader->in_message = false;
    reader->delivered = true;
    *ret_frame = (struct frame){.opcode = FRAME_TEXT, .data = data, .length = length};
    return FRAME_READY;
}

static enum frame_result part_received(struct frame_reader *reader,
                                       const struct frame_limits *limits,
                                       const struct wslay_frame_iocb *part, struct frame *ret_frame)
{
    bool ends = reader->frame_seen == reader->frame_length;
    if (is_control(part->opcode)) {
        memcpy(reader->control + reader->control_length, part->data, part->data_length);
        reader->control_length = (guint8)(reader->control_length + part->data_length);
        return ends ? control_ends(reader, part->opcode, ret_frame) : FRAME_NEED_MORE;
    }
    bool last = ends && part->fin;
    if (last && part->data_length > 0 && reader->message.length == 0)
        return message_ends(reader, limits, (const char *)part->data, part->data_length, ret_frame);
    buffer_append(&reader->message, part->data, part->data_length);
    if (!last)
        return FRAME_NEED_MORE;
    const char *text = reader->message.data ? reader->message.data : "";
    return message_ends(reader, limits, text, reader->message.length, ret_frame);
}

enum frame_result frame_reader_next(struct frame_reader *reader, const struct frame_limits *limits,
                                    struct frame *ret_frame)
{
    *ret_frame = (struct frame){0};
    drop_delivered(reader);
    for (;;) {
        struct wslay_frame_iocb part = {0};
        ssize_t received = wslay_frame_recv(reader->context, &part);
        if (received == WSLAY_ERR_WANT_READ)
            return FRAME_NEED_MORE;
        if (received < 0)
            return frame_fault(ret_frame, CLOSE_PROTOCOL);
        if (!reader->in_frame) {
            enum close_code code = frame_begins(reader, limits, &part);
            if (code != CLOSE_NONE)
                return frame_fault(ret_frame, code);
        }
        reader->frame_seen += part.data_length;
        reader->accounted += part.data_length;
        reader->in_frame = reader->frame_seen < reader->frame_length;
        enum frame_result result = part_received(reader, limits, &part, ret_frame);
        if (result != FRAME_NEED_MORE)
            return result;
    }
}

static size_t header_size(size_t length)
{
    return length < 126 ? 2 : length <= G_MAXUINT16 ? 4 : FRAME_HEADER_MAX;
}

static void write_header(guint8 *bytes, enum frame_opcode opcode, size_t length)
{
    size_t extended = header_size(length) - 2;
    bytes[0] = (guint8)(0x80 | opcode);
    bytes[1] = (guint8)(extended == 0 ? length : extended == 2 ? 126 : 127);
    guint64 rest = length;
    for (size_t i = extended; i > 0; i--, rest >>= 8)
        bytes[1 + i] = (guint8)(rest & 0xff);
}

GBytes *frame_make(enum frame_opcode opcode, const void *payload, size_t length)
{
    size_t header = header_size(length);
    guint8 *bytes = g_malloc(header + length);
    write_header(bytes, opcode, length);
    if (length > 0)
        memcpy(bytes + header, payload, length);
    return g_bytes_new_take(bytes, header + length);
}

void frame_begin(struct buffer *buf)
{
    static const char room[FRAME_HEADER_MAX];
    buffer_append(buf, room, sizeof room);
}

/* The header stands right before the payload, wherever that makes it begin. */
GBytes *frame_end(struct buffer *buf, enum frame_opcode opcode)
{
    g_return_val_if_fail(!buf->overflow, NULL);
    size_t length = buf->length - FRAME_HEADER_MAX;
    size_t header = header_size(length);
    char *block = buffer_take(buf, NULL);
    guint8 *bytes = (guint8 *)block + FRAME_HEADER_MAX - header;
    write_header(bytes, opcode, length);
    return g_bytes_new_with_free_func(bytes, header + length, g_free, block);
}

GBytes *frame_deflate(GBytes *frame, struct deflate *deflate)
{
    gsize size, packed_size;
    const guint8 *bytes = g_bytes_get_data(frame, &size);
    gsize header = bytes[1] < 126 ? 2 : bytes[1] == 126 ? 4 : FRAME_HEADER_MAX;
    g_autoptr(GBytes) packed = deflate_pack(deflate, bytes + header, size - header);
    if (!packed)
        return NULL;
    const guint8 *payload = g_bytes_get_data(packed, &packed_size);
    GBytes *made = frame_make(FRAME_TEXT, payload, packed_size);
    /* Nobody else has it yet. */
    *(guint8 *)(guintptr)g_bytes_get_data(made, NULL) |= RSV1;
    return made;
}

GBytes *frame_make_close(enum close_code code, const char *reason)
{
    guint8 payload[FRAME_CONTROL_MAX] = {(guint8)(code >> 8), (guint8)(code & 0xff)};
    if (code == CLOSE_NO_STATUS)
        return frame_make(FRAME_CLOSE, NULL, 0);
    size_t length = reason ? strlen(reason) : 0;
    while (length > FRAME_REASON_MAX) /* never through the middle of a character */
        length = (size_t)(g_utf8_find_prev_char(reason, reason + length) - reason);
    if (length > 0)
        memcpy(payload + 2, reason, length);
    return frame_make(FRAME_CLOSE, payload, length + 2);
}
