/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cursors: "<epoch>-<position>". */
#include "config.h"

#include <string.h>

#include "bridge/core/cursor.h"

void cursor_format(const char *epoch, gint64 position, char ret_text[CURSOR_TEXT_SIZE])
{
    g_snprintf(ret_text, CURSOR_TEXT_SIZE, "%s-%" G_GINT64_FORMAT, epoch, position);
}

bool cursor_parse(const char *text, const char *epoch, gint64 *ret_position)
{
    size_t length = strlen(epoch);
    if (strncmp(text, epoch, length) != 0 || text[length] != '-')
        return false;
    const char *digits = text + length + 1;
    size_t count = strspn(digits, "0123456789");
    if (count == 0 || count > 18 || digits[count] != '\0')
        return false;
    *ret_position = g_ascii_strtoll(digits, NULL, 10);
    return true;
}

bool cursor_accept(const char *text, const char *epoch, const char *past, gint64 *ret_position)
{
    if (cursor_parse(text, epoch, ret_position))
        return true;
    g_auto(GStrv) ended = g_strsplit(past ? past : "", " ", -1);
    for (char **entry = ended; *entry; entry++) {
        char *last = strchr(*entry, ':');
        if (!last)
            continue;
        *last++ = '\0';
        if (cursor_parse(text, *entry, ret_position))
            return *ret_position <= g_ascii_strtoll(last, NULL, 10);
    }
    return false;
}
