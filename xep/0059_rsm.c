/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0059 result set management. */
#include "config.h"

#include <string.h>

#include "xep/0059_rsm.h"

/* Reads the number in the child NAME, which may be missing. False: it is none. */
static bool read_number(xmpp_stanza_t *set, const char *name, bool *ret_there, uint32_t *ret)
{
    const char *text = stanza_child_text(set, name, NS_RSM);
    guint64 number;
    if (!text)
        return true;
    if (!g_ascii_string_to_unsigned(text, 10, 0, UINT32_MAX, &number, NULL))
        return false;
    *ret_there = true;
    *ret = (uint32_t)number;
    return true;
}

bool page_request_parse(xmpp_stanza_t *parent, struct page_request *ret)
{
    xmpp_stanza_t *set = stanza_child(parent, "set", NS_RSM);
    struct page_request request = {0};
    if (set) {
        request.after = stanza_child_text(set, "after", NS_RSM);
        request.before = stanza_child_text(set, "before", NS_RSM);
        if ((request.after && !*request.after) ||
            !read_number(set, "max", &request.has_max, &request.max) ||
            !read_number(set, "index", &request.has_index, &request.index))
            return false;
    }
    *ret = request;
    return true;
}

static void add_number(xmpp_stanza_t *set, const char *name, uint64_t number)
{
    char text[sizeof "18446744073709551615"];
    g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, (guint64)number);
    stanza_add_text(set, name, NS_RSM, text);
}

void page_request_add(xmpp_stanza_t *parent, const struct page_request *request)
{
    xmpp_stanza_t *set = stanza_add(parent, "set", NS_RSM);
    if (request->has_max)
        add_number(set, "max", request->max);
    if (request->after)
        stanza_add_text(set, "after", NS_RSM, request->after);
    if (request->before)
        stanza_add_text(set, "before", NS_RSM, request->before);
    if (request->has_index)
        add_number(set, "index", request->index);
}

static int64_t number_in(const char *text)
{
    guint64 number;
    if (!text || !g_ascii_string_to_unsigned(text, 10, 0, INT64_MAX, &number, NULL))
        return -1;
    return (int64_t)number;
}

bool page_result_parse(xmpp_stanza_t *parent, struct page_result *ret)
{
    xmpp_stanza_t *set = stanza_child(parent, "set", NS_RSM);
    if (!set)
        return false;
    xmpp_stanza_t *first = stanza_child(set, "first", NS_RSM);
    *ret = (struct page_result){
        .first = first ? stanza_text(first) : NULL,
        .last = stanza_child_text(set, "last", NS_RSM),
        .first_index = first ? number_in(stanza_attr(first, "index")) : -1,
        .count = number_in(stanza_child_text(set, "count", NS_RSM)),
    };
    return true;
}

void page_result_add(xmpp_stanza_t *parent, const struct page_result *result)
{
    xmpp_stanza_t *set = stanza_add(parent, "set", NS_RSM);
    if (result->first) {
        xmpp_stanza_t *first = stanza_add_text(set, "first", NS_RSM, result->first);
        if (result->first_index >= 0)
            stanza_set_number(first, "index", (uint64_t)result->first_index);
    }
    if (result->last)
        stanza_add_text(set, "last", NS_RSM, result->last);
    if (result->count >= 0)
        add_number(set, "count", (uint64_t)result->count);
}
