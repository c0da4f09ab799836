/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Visible characters, by Unicode's own tables. */
#include "config.h"

#include <glib.h>
#include <unicode/uchar.h>

#include "xep/visible.h"

/* Drawn as nothing although no property says so: the Braille cell without dots, the musical null
 * notehead. */
static const UChar32 drawn_empty[] = {0x2800, 0x1d159};

static bool is_visible(UChar32 c)
{
    /* Unassigned characters are left alone: to a newer Unicode they are letters and pictures. */
    const uint32_t unseen =
        U_GC_ZS_MASK | U_GC_ZL_MASK | U_GC_ZP_MASK | U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CS_MASK;
    if ((U_GET_GC_MASK(c) & unseen) || u_hasBinaryProperty(c, UCHAR_WHITE_SPACE) ||
        u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(drawn_empty); i++) {
        if (c == drawn_empty[i])
            return false;
    }
    return true;
}

bool text_is_visible(const char *text, size_t length)
{
    const char *end = text + length;
    for (const char *p = text; p < end;) {
        guchar byte = (guchar)*p;
        if (byte > 0x20 && byte < 0x7f)
            return true;
        gunichar c = byte < 0x80 ? byte : g_utf8_get_char_validated(p, end - p);
        if (c == (gunichar)-1 || c == (gunichar)-2)
            return true; /* not ours to judge */
        if (is_visible((UChar32)c))
            return true;
        p += g_utf8_skip[byte];
    }
    return false;
}
