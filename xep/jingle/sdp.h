/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Session descriptions of browsers (RFC 8866, 8829, 8839, 8843, 8122, 5576, 5761, 4585, 8285). */
#pragma once

#include "xep/jingle/media.h"

#define SDP_MAX (64 * 1024) /* bytes of a description */
#define SDP_LINE_MAX 2048
#define SDP_LINES_MAX 2000

/* Reads SDP. Lines that have no place in a description are passed over. NULL and *ret_fault
 * (MEDIA_BAD_SYNTAX or MEDIA_TOO_MUCH) when it is none; whether it is enough to begin a session
 * with, media_check() tells. A content's name is its mid. */
struct media_description *sdp_read(const char *text, size_t length, enum media_fault *ret_fault);

struct sdp_origin {
    guint64 session;    /* of o=; the same as long as the call lasts */
    guint64 version;    /* rises with each description */
    const char *stream; /* a token: the media stream of contents that name none, so that browsers
                         * play their tracks together */
};

/* Writes a description; caller frees. Contents without a description are left out; one that is
 * rejected keeps its place. */
char *sdp_write(const struct media_description *description, const struct sdp_origin *origin);
