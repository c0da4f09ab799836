/* SPDX-License-Identifier: GPL-3.0-or-later */
/* permessage-deflate (RFC 7692) without context takeover on either side: each message stands for
 * itself, so one compressor and one decompressor serve all sockets, and nothing that one message
 * holds is shown by the length of another. */
#pragma once

#include <glib.h>
#include <stddef.h>

#include "bridge/base/buffer.h"

#define DEFLATE_FROM 256     /* bytes; what is shorter is sent as it is */
#define DEFLATE_RATIO_MAX 32 /* what a message may grow by, … */
/* … though always to so many bytes: a content of 64 KiB, each byte of it escaped. */
#define DEFLATE_GROW_MIN ((size_t)2 * 65536 + 4096)

struct deflate;
typedef struct deflate deflate_coder;

struct deflate *deflate_new(void);
void deflate_free(struct deflate *coder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(deflate_coder, deflate_free)

/* The payload of a compressed message, or NULL: it would not be shorter. */
GBytes *deflate_pack(struct deflate *coder, const void *bytes, size_t length);

enum deflate_result {
    DEFLATE_DONE,
    DEFLATE_BAD, /* no deflate data, or something behind it */
    DEFLATE_TOO_BIG
};

/* Appends what the payload of a compressed message holds to TEXT, within its ceiling and the ratio.
 */
enum deflate_result deflate_unpack(struct deflate *coder, const void *bytes, size_t length,
                                   struct buffer *text);
