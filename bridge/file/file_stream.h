/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Playlists of videos (HLS, RFC 8216), written when somebody asks: the links in them are signed,
 * and end. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "bridge/base/file_link.h"

struct request;

/* Answers REQUEST, if LINK leads to a playlist of the file whose PARTS have segments: "stream.m3u8"
 * names those of the parts, "720.m3u8" the segments of one; CACHING: how long that may be kept.
 * False: it does not. */
bool file_stream_reply(struct request *request, const struct file_link *link, const json_t *parts,
                       const char *caching);
