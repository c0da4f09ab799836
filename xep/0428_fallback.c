/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0428 fallback indication. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "xep/0428_fallback.h"

static void read_body(xmpp_stanza_t *body, struct fallback *fallback)
{
    if (!stanza_attr(body, "start") && !stanza_attr(body, "end"))
        fallback->whole = true;
    else if (fallback->count < FALLBACK_RANGES_MAX &&
             range_parse(body, "start", &fallback->ranges[fallback->count]))
        fallback->count++;
}

/* An element without <body/> and <subject/> is about the whole message. */
static void read_indication(xmpp_stanza_t *element, struct fallback *fallback)
{
    bool has_parts = false;
    for (xmpp_stanza_t *part = stanza_first(element); part; part = stanza_next(part)) {
        bool is_body = stanza_is(part, "body", NS_FALLBACK);
        has_parts = has_parts || is_body || stanza_is(part, "subject", NS_FALLBACK);
        if (is_body)
            read_body(part, fallback);
    }
    if (!has_parts)
        fallback->whole = true;
}

bool fallback_parse(xmpp_stanza_t *message, const char *what, struct fallback *ret)
{
    struct fallback fallback = {0};
    for (xmpp_stanza_t *child = stanza_first(message); child; child = stanza_next(child)) {
        const char *named = stanza_attr(child, "for");
        if (stanza_is(child, "fallback", NS_FALLBACK) &&
            (!what || !named || strcmp(named, what) == 0))
            read_indication(child, &fallback);
    }
    if (!fallback.whole && fallback.count == 0)
        return false;
    *ret = fallback;
    return true;
}

void fallback_add(xmpp_stanza_t *message, const char *what, const struct text_range *range)
{
    xmpp_stanza_t *element = stanza_add(message, "fallback", NS_FALLBACK);
    stanza_set(element, "for", what);
    if (range)
        range_set(stanza_add(element, "body", NS_FALLBACK), "start", range);
}

static int by_begin(const void *a, const void *b)
{
    const struct text_range *one = a;
    const struct text_range *other = b;
    return (one->begin > other->begin) - (one->begin < other->begin);
}

char *fallback_strip(const char *body, const struct fallback *fallback)
{
    if (fallback->whole)
        return g_strdup("");
    struct text_range ranges[FALLBACK_RANGES_MAX];
    memcpy(ranges, fallback->ranges, sizeof ranges);
    qsort(ranges, fallback->count, sizeof ranges[0], by_begin);

    /* All places are those in BODY, which stays; ranges may overlap. */
    GString *kept = g_string_sized_new(strlen(body));
    size_t read = 0;
    for (size_t i = 0; i < fallback->count; i++) {
        size_t from;
        size_t to;
        if (!range_in_text(&ranges[i], body, &from, &to))
            continue;
        if (from > read)
            g_string_append_len(kept, body + read, (gssize)(from - read));
        read = MAX(read, to);
    }
    g_string_append(kept, body + read);
    return g_string_free(kept, FALSE);
}
