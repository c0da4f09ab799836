/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names: whatever comes, what is given out is valid, fits, can be seen and is left as it is the
 * second time. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xep/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, size_t max, enum name_shape shape)
{
    g_autofree char *name = name_clean(text, max, shape);
    if (name_is_fine(text, shape) && strlen(text) <= max / 4 && !name)
        abort();
    if (!name)
        return;
    g_autofree char *again = name_clean(name, max, shape);
    if (!*name || strlen(name) > max || !g_utf8_validate(name, -1, NULL) ||
        g_strcmp0(name, again) != 0 || !name_is_fine(name, shape))
        abort();
    if (shape == NAME_LINE && strpbrk(name, "\r\n\t"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t max = 1 + data[0];
    g_autofree char *raw = g_strndup((const char *)data + 1, size - 1);
    g_autofree char *text = g_utf8_make_valid(raw, -1);
    check(text, max, NAME_LINE);
    check(text, max, NAME_PROSE);
    return 0;
}
