/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cursors: what is accepted means one position, and that one's own cursor is accepted, too. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>

#include "bridge/core/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    static const char *const epochs[] = {"", "0123456789ab", "a-1"};
    for (size_t i = 0; i < G_N_ELEMENTS(epochs); i++) {
        char again[CURSOR_TEXT_SIZE];
        gint64 position, same;
        if (!cursor_parse(text, epochs[i], &position))
            continue;
        cursor_format(epochs[i], position, again);
        if (position < 0 || !cursor_parse(again, epochs[i], &same) || same != position)
            abort();
    }
    return 0;
}
