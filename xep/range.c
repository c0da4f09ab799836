/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parts of a text, counted in code points. */
#include "config.h"

#include <string.h>

#include "xep/range.h"

/* Reads a number that may be missing, for which *ret is left alone. */
static bool read_edge(xmpp_stanza_t *element, const char *name, uint32_t *ret)
{
    uint64_t value;
    if (!stanza_attr(element, name))
        return true;
    if (!stanza_attr_number(element, name, RANGE_END - 1, &value))
        return false;
    *ret = (uint32_t)value;
    return true;
}

bool range_parse(xmpp_stanza_t *element, const char *begin_name, struct text_range *ret)
{
    struct text_range range = {0, RANGE_END};
    if (!read_edge(element, begin_name, &range.begin) || !read_edge(element, "end", &range.end) ||
        range.begin >= range.end)
        return false;
    *ret = range;
    return true;
}

void range_set(xmpp_stanza_t *element, const char *begin_name, const struct text_range *range)
{
    stanza_set_number(element, begin_name, range->begin);
    if (range->end != RANGE_END)
        stanza_set_number(element, "end", range->end);
}

static const char *skip_code_points(const char *text, uint32_t count)
{
    while (count-- > 0 && *text)
        text += g_utf8_skip[(guchar)*text];
    return text;
}

bool range_in_text(const struct text_range *range, const char *text, size_t *ret_from,
                   size_t *ret_to)
{
    const char *from = skip_code_points(text, range->begin);
    if (!*from || range->end <= range->begin)
        return false;
    *ret_from = (size_t)(from - text);
    *ret_to = (size_t)(skip_code_points(from, range->end - range->begin) - text);
    return true;
}
