/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What may be shown has a row; a type without one is handed out to be saved. */
#include "config.h"

#include <string.h>

#include "bridge/media/type.h"

#define TYPE_MAX 127 /* characters; RFC 6838 section 4.2 */

const char *const media_kinds[] = {"image", "video", "audio", "file", NULL};

/* How bytes of a type begin: BYTES at OFFSET, or those of one of the types of the same row before.
 */
struct magic {
    const char *type;
    size_t offset, length;
    const char *bytes;
    bool shown;
};

static const struct magic magics[] = {
    {"image/png", 0, 8, "\x89PNG\r\n\x1a\n", true},
    {"image/jpeg", 0, 3, "\xff\xd8\xff", true},
    {"image/gif", 0, 4, "GIF8", true},
    {"image/webp", 8, 4, "WEBP", true},
    {"image/avif", 4, 4, "ftyp", true},
    {"image/heic", 4, 4, "ftyp", false},
    {"image/heif", 4, 4, "ftyp", false},
    {"image/bmp", 0, 2, "BM", false},
    {"image/tiff", 0, 2, "II", false},
    {"image/tiff", 0, 2, "MM", false},
    {"video/mp4", 4, 4, "ftyp", true},
    {"video/quicktime", 4, 4, "ftyp", true},
    {"video/quicktime", 4, 4, "moov", true},
    {"video/quicktime", 4, 4, "wide", true},
    {"video/quicktime", 4, 4, "mdat", true},
    {"video/3gpp", 4, 4, "ftyp", true},
    {"video/webm", 0, 4, "\x1a\x45\xdf\xa3", true},
    {"video/x-matroska", 0, 4, "\x1a\x45\xdf\xa3", false},
    {"video/ogg", 0, 4, "OggS", true},
    {"video/x-msvideo", 8, 3, "AVI", false},
    {"audio/mp4", 4, 4, "ftyp", true},
    {"audio/m4a", 4, 4, "ftyp", true},
    {"audio/x-m4a", 4, 4, "ftyp", true},
    {"audio/3gpp", 4, 4, "ftyp", true},
    {"audio/webm", 0, 4, "\x1a\x45\xdf\xa3", true},
    {"audio/ogg", 0, 4, "OggS", true},
    {"audio/opus", 0, 4, "OggS", true},
    {"audio/flac", 0, 4, "fLaC", true},
    {"audio/wav", 8, 4, "WAVE", true},
    {"audio/x-wav", 8, 4, "WAVE", true},
    {"audio/vnd.wave", 8, 4, "WAVE", true},
    {"audio/mpeg", 0, 3, "ID3", true},
    {"audio/mpeg", 0, 2, "\xff\xfb", true},
    {"audio/mpeg", 0, 2, "\xff\xf3", true},
    {"audio/mpeg", 0, 2, "\xff\xf2", true},
    {"audio/mpeg", 0, 2, "\xff\xfa", true},
    {"audio/aac", 0, 2, "\xff\xf1", true},
    {"audio/aac", 0, 2, "\xff\xf9", true},
    {"application/pdf", 0, 5, "%PDF-", false},
    {"application/zip", 0, 2, "PK", false},
};

static bool is_token_character(char c)
{
    return g_ascii_isalnum(c) || (c && strchr("!#$&-^_.+", c));
}

char *media_type_plain(const char *text)
{
    size_t length = 0;
    unsigned slashes = 0;
    while (is_token_character(text[length]) || text[length] == '/')
        slashes += text[length++] == '/';
    const char *rest = text + length + strspn(text + length, " \t");
    bool whole = *rest == '\0' || *rest == ';';
    if (!whole || slashes != 1 || length > TYPE_MAX || text[0] == '/' || text[length - 1] == '/')
        return NULL;
    g_autofree char *plain = g_strndup(text, length);
    return g_ascii_strdown(plain, -1);
}

enum media_kind media_type_kind(const char *type)
{
    if (g_str_has_prefix(type, "image/"))
        return MEDIA_IMAGE;
    if (g_str_has_prefix(type, "video/"))
        return MEDIA_VIDEO;
    return g_str_has_prefix(type, "audio/") ? MEDIA_AUDIO : MEDIA_FILE;
}

bool media_type_allowed(const char *patterns, const char *type)
{
    g_auto(GStrv) list = g_strsplit_set(patterns, " \t,", -1);
    for (size_t i = 0; list[i]; i++) {
        size_t length = strlen(list[i]);
        if (!length)
            continue;
        bool any = strcmp(list[i], "*/*") == 0;
        bool group = length > 2 && strcmp(list[i] + length - 2, "/*") == 0;
        if (any || strcmp(list[i], type) == 0 || (group && strncmp(list[i], type, length - 1) == 0))
            return true;
    }
    return false;
}

bool media_type_fits(const char *type, const guint8 *head, size_t length)
{
    bool known = false;
    for (size_t i = 0; i < G_N_ELEMENTS(magics); i++) {
        const struct magic *magic = &magics[i];
        if (strcmp(magic->type, type) != 0)
            continue;
        known = true;
        if (length >= magic->offset + magic->length &&
            memcmp(head + magic->offset, magic->bytes, magic->length) == 0)
            return true;
    }
    return !known;
}

bool media_type_is_shown(const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(magics); i++) {
        if (strcmp(magics[i].type, type) == 0)
            return magics[i].shown;
    }
    return false;
}

bool media_type_is_rendered(const char *type, bool films)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif", "image/webp"};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (strcmp(types[i], type) == 0)
            return true;
    }
    enum media_kind kind = media_type_kind(type);
    return films && (kind == MEDIA_VIDEO || kind == MEDIA_AUDIO);
}
