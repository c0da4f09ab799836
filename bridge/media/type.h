/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Media types: what somebody says that a file is, what its first bytes say, and what a browser may
 * be shown. Pure code. */
#pragma once

#include <glib.h>
#include <stdbool.h>

enum media_kind { MEDIA_IMAGE, MEDIA_VIDEO, MEDIA_AUDIO, MEDIA_FILE };
extern const char *const media_kinds[]; /* "image", "video", "audio", "file", NULL */

/* "type/subtype" in lower case, without parameters; caller frees. NULL: TEXT is no media type. */
char *media_type_plain(const char *text);

/* By TYPE alone, which is plain. */
enum media_kind media_type_kind(const char *type);

/* Whether PATTERNS, "image/png video/…" with an asterisk for any subtype, have the plain TYPE. */
bool media_type_allowed(const char *patterns, const char *type);

/* Whether bytes that begin with HEAD may be of TYPE: what has a known beginning must have it. */
bool media_type_fits(const char *type, const guint8 *head, size_t length);

/* Whether something is made of files of TYPE: see render.h, and if FILMS film.h. */
bool media_type_is_rendered(const char *type, bool films);

/* Whether TYPE, the bytes being what it says, may be shown by browsers from our origin: pictures,
 * videos and sound, of which nothing can run. */
bool media_type_is_shown(const char *type);
