/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 6455 framing of the server's side, free of I/O. Reading puts fragments together and enforces
 * every limit; writing makes one block of bytes that any number of sockets may share, because a
 * server's frames are not masked. The one extension is permessage-deflate, see deflate.h. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bridge/base/buffer.h"

enum frame_opcode {
    FRAME_CONTINUATION = 0x0,
    FRAME_TEXT = 0x1,
    FRAME_BINARY = 0x2,
    FRAME_CLOSE = 0x8,
    FRAME_PING = 0x9,
    FRAME_PONG = 0xa
};

/* Close codes: RFC 6455 section 7.4.1 and, from 4000 on, ours. Documented in README.md. */
enum close_code {
    CLOSE_NONE = 0,
    CLOSE_NORMAL = 1000,
    CLOSE_GOING_AWAY = 1001,
    CLOSE_PROTOCOL = 1002,
    CLOSE_UNSUPPORTED = 1003,
    CLOSE_NO_STATUS = 1005, /* never sent: the peer's close frame had no code */
    CLOSE_BAD_TEXT = 1007,
    CLOSE_POLICY = 1008,
    CLOSE_TOO_BIG = 1009,
    CLOSE_TRY_LATER = 1013,
    CLOSE_UNAUTHENTICATED = 4401,
    CLOSE_HEARTBEAT = 4408
};

#define FRAME_CONTROL_MAX 125
#define FRAME_REASON_MAX (FRAME_CONTROL_MAX - 2)

struct deflate;

struct frame_limits {
    size_t message_max;      /* bytes of one message */
    unsigned fragments_max;  /* frames of one message, empty ones included */
    struct deflate *deflate; /* NULL: messages may not be compressed */
};

enum frame_result {
    FRAME_NEED_MORE, /* nothing complete yet */
    FRAME_READY,     /* a whole text message or control frame */
    FRAME_FAULT      /* the connection must be closed; the reader is of no further use */
};

struct frame {
    enum frame_opcode opcode; /* FRAME_TEXT, or a control frame */
    const char *data;         /* valid until the next call on the reader; text is valid UTF-8 */
    size_t length;
    enum close_code close; /* FRAME_FAULT: why. FRAME_CLOSE: the peer's code */
};

/* Receive state. It is only needed while bytes of a frame or message are outstanding, so an idle
 * socket owns none: see frame_reader_is_idle. */
struct frame_reader;

struct frame_reader *frame_reader_new(void);
void frame_reader_free(struct frame_reader *reader);

/* Gives LENGTH more bytes, which are borrowed; the former ones must have been read to the end or
 * kept with frame_reader_keep, behind which the new ones are then put. */
void frame_reader_give(struct frame_reader *reader, const void *bytes, size_t length);

/* The next whole message or control frame. */
enum frame_result frame_reader_next(struct frame_reader *reader, const struct frame_limits *limits,
                                    struct frame *ret_frame);

/* Copies what is left of the given bytes, which may be reused afterwards, and frees the last
 * message. */
void frame_reader_keep(struct frame_reader *reader);

/* Whether nothing is outstanding: the reader may serve another socket. */
bool frame_reader_is_idle(const struct frame_reader *reader);

/* A whole frame with header. */
GBytes *frame_make(enum frame_opcode opcode, const void *payload, size_t length);

/* The same without a copy: what is appended to BUF in between is the payload. BUF is empty
 * afterwards; it must not have overflowed. */
#define FRAME_HEADER_MAX 10
void frame_begin(struct buffer *buf);
GBytes *frame_end(struct buffer *buf, enum frame_opcode opcode);

/* A text frame once more, compressed; NULL: that would not be shorter. */
GBytes *frame_deflate(GBytes *frame, struct deflate *deflate);

/* A close frame; REASON (UTF-8) is cut at FRAME_REASON_MAX. CLOSE_NO_STATUS makes an empty one. */
GBytes *frame_make_close(enum close_code code, const char *reason);
