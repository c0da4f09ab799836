/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Serialises stanzas without recursion. Escaping makes ill-formed output impossible, because one
 * bad byte on the link ends the stream for everybody. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "xep/stanza.h"
#include "xep/stanza_text.h"

#define ATTRIBUTES_MAX 256

/* An open element: its next child to write, its name, and the namespaces in scope inside it. */
struct level {
    xmpp_stanza_t *next;
    const char *name;
    const char *ns;    /* as the stanza says */
    const char *shown; /* as the output says */
};

static bool is_xml_char(gunichar c)
{
    return c == 0x9 || c == 0xa || c == 0xd || (c >= 0x20 && c <= 0xd7ff) ||
           (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

static const char *escape_of(unsigned char c, bool attribute)
{
    switch (c) {
    case '&':
        return "&amp;";
    case '<':
        return "&lt;";
    case '>':
        return "&gt;";
    case '"':
        return attribute ? "&quot;" : NULL;
    case '\'':
        return attribute ? "&apos;" : NULL;
    case '\t':
        return attribute ? "&#9;" : NULL;
    case '\n':
        return attribute ? "&#10;" : NULL;
    case '\r':
        return "&#13;";
    default:
        return c < 0x20 ? "\xef\xbf\xbd" : NULL;
    }
}

/* What to write instead of the character at P, or NULL to copy it; its length goes to ret_length.
 */
static const char *byte_replacement(const char *p, const char *end, bool attribute,
                                    size_t *ret_length)
{
    unsigned char byte = (unsigned char)*p;
    *ret_length = 1;
    if (byte < 0x80)
        return escape_of(byte, attribute);
    gunichar c = g_utf8_get_char_validated(p, end - p);
    if (c == (gunichar)-1 || c == (gunichar)-2)
        return "\xef\xbf\xbd";
    *ret_length = (size_t)g_utf8_skip[byte];
    return is_xml_char(c) ? NULL : "\xef\xbf\xbd";
}

/* Bytes that may not be copied without a look: nearly all of most texts is of the others. */
static const bool looked_at[256] = {[0x00 ... 0x1f] = true, ['"'] = true, ['&'] = true,
                                    ['\''] = true,          ['<'] = true, ['>'] = true,
                                    [0x80 ... 0xff] = true};

static void append_escaped(GString *out, const char *text, bool attribute)
{
    const char *end = text + strlen(text);
    const char *copied = text;
    for (const char *p = text; p < end;) {
        size_t length;
        if (!looked_at[(unsigned char)*p]) {
            p++;
            continue;
        }
        const char *instead = byte_replacement(p, end, attribute, &length);
        if (instead) {
            g_string_append_len(out, copied, p - copied);
            g_string_append(out, instead);
            copied = p + length;
        }
        p += length;
    }
    g_string_append_len(out, copied, end - copied);
}

static void append_attribute(GString *out, const char *name, const char *value)
{
    g_string_append_c(out, ' ');
    g_string_append(out, name);
    g_string_append(out, "='");
    append_escaped(out, value, true);
    g_string_append_c(out, '\'');
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* All attributes but xmlns, sorted, so that equal stanzas give equal text. */
static void append_attributes(GString *out, xmpp_stanza_t *element)
{
    const char *pairs[2 * ATTRIBUTES_MAX];
    int count = xmpp_stanza_get_attributes(element, pairs, 2 * ATTRIBUTES_MAX);
    if (count <= 0)
        return;
    qsort(pairs, (size_t)count / 2, 2 * sizeof pairs[0], by_name);
    for (int i = 0; i + 1 < count; i += 2)
        if (strcmp(pairs[i], "xmlns") != 0)
            append_attribute(out, pairs[i], pairs[i + 1]);
}

static void open_element(GString *out, GArray *levels, xmpp_stanza_t *element)
{
    const struct level *outer = &g_array_index(levels, struct level, levels->len - 1);
    const char *own = stanza_attr(element, "xmlns");
    struct level inner = {.next = xmpp_stanza_get_children(element),
                          .name = stanza_name(element),
                          .ns = own ? own : outer->ns};

    /* Content of a component stream stays in the stream's namespace until another one begins. */
    bool content = strcmp(inner.ns, NS_CLIENT) == 0 && strcmp(outer->ns, NS_CLIENT) == 0 &&
                   strcmp(outer->shown, NS_COMPONENT) == 0;
    inner.shown = content ? outer->shown : inner.ns;

    g_string_append_c(out, '<');
    g_string_append(out, inner.name);
    if (strcmp(inner.shown, outer->shown) != 0)
        append_attribute(out, "xmlns", inner.shown);
    append_attributes(out, element);
    if (!inner.next) {
        g_string_append(out, "/>");
        return;
    }
    g_string_append_c(out, '>');
    g_array_append_val(levels, inner);
}

static void append_node(GString *out, GArray *levels, xmpp_stanza_t *node)
{
    if (xmpp_stanza_is_text(node)) {
        const char *text = xmpp_stanza_get_text_ptr(node);
        append_escaped(out, text ? text : "", false);
    } else if (xmpp_stanza_is_tag(node)) {
        open_element(out, levels, node);
    }
}

static void append_stanza(GString *out, xmpp_stanza_t *stanza, struct level outside)
{
    g_autoptr(GArray) levels = g_array_new(FALSE, FALSE, sizeof(struct level));

    g_array_append_val(levels, outside);
    append_node(out, levels, stanza);
    while (levels->len > 1) {
        struct level *top = &g_array_index(levels, struct level, levels->len - 1);
        xmpp_stanza_t *node = top->next;
        if (node) {
            top->next = xmpp_stanza_get_next(node);
            append_node(out, levels, node);
        } else {
            g_string_append(out, "</");
            g_string_append(out, top->name);
            g_string_append_c(out, '>');
            g_array_set_size(levels, levels->len - 1);
        }
    }
}

static const struct level on_link = {.ns = NS_CLIENT, .shown = NS_COMPONENT};

static char *stanza_serialise(xmpp_stanza_t *stanza, struct level outside, size_t *ret_length)
{
    GString *out = g_string_sized_new(512);
    append_stanza(out, stanza, outside);
    if (ret_length)
        *ret_length = out->len;
    return g_string_free(out, FALSE);
}

char *stanza_to_text(xmpp_stanza_t *stanza, size_t *ret_length)
{
    return stanza_serialise(stanza, (struct level){.ns = NS_CLIENT, .shown = ""}, ret_length);
}

char *stanza_to_link_text(xmpp_stanza_t *stanza, size_t *ret_length)
{
    return stanza_serialise(stanza, on_link, ret_length);
}

void stanza_append_link_text(GString *out, xmpp_stanza_t *stanza)
{
    append_stanza(out, stanza, on_link);
}

/* In no attribute there are two quotes of its own kind in a row but where it is empty, and what is
 * first in the text is the root's. */
char *stanza_to_link_text_without_to(xmpp_stanza_t *stanza, size_t *ret_length, size_t *ret_place)
{
    static const char empty[] = " to=''";
    const char *own = xmpp_stanza_get_to(stanza);
    g_autofree char *to = g_strdup(own ? own : "");
    stanza_set(stanza, "to", "");
    char *text = stanza_to_link_text(stanza, ret_length);
    stanza_set(stanza, "to", to);
    const char *found = strstr(text, empty);
    g_assert(found);
    *ret_place = (size_t)(found - text) + sizeof empty - 2;
    return text;
}

void stanza_append_attribute_value(GString *out, const char *value)
{
    append_escaped(out, value, true);
}
