/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Building, looking up and answering stanzas; stanza_text.c serialises them. */
#include "config.h"

#include <string.h>

#include "xep/stanza.h"

static void log_nothing(void *userdata, xmpp_log_level_t level, const char *area, const char *msg)
{
    (void)userdata;
    (void)level;
    (void)area;
    (void)msg;
}

xmpp_ctx_t *xep_context(void)
{
    static const xmpp_log_t silent = {log_nothing, NULL};
    static xmpp_ctx_t *context;

    if (!context)
        context = xmpp_ctx_new(NULL, &silent);
    if (!context)
        g_error("out of memory");
    return context;
}

/* libstrophe reports a failed allocation by a negative result; GLib code aborts on those. */
static void must_succeed(int result)
{
    if (result < 0)
        g_error("libstrophe refused a stanza operation: %d", result);
}

xmpp_stanza_t *stanza_new(const char *name, const char *ns)
{
    xmpp_stanza_t *element = xmpp_stanza_new(xep_context());
    if (!element)
        g_error("out of memory");
    must_succeed(xmpp_stanza_set_name(element, name));
    must_succeed(xmpp_stanza_set_ns(element, ns ? ns : NS_CLIENT));
    return element;
}

void stanza_take(xmpp_stanza_t *parent, xmpp_stanza_t *child)
{
    must_succeed(xmpp_stanza_add_child_ex(parent, child, 0));
}

xmpp_stanza_t *stanza_add(xmpp_stanza_t *parent, const char *name, const char *ns)
{
    xmpp_stanza_t *child = stanza_new(name, ns);
    stanza_take(parent, child);
    return child;
}

void stanza_put_text(xmpp_stanza_t *element, const char *text, size_t length)
{
    xmpp_stanza_t *node = xmpp_stanza_new(xep_context());
    if (!node)
        g_error("out of memory");
    must_succeed(xmpp_stanza_set_text_with_size(node, text, length));
    stanza_take(element, node);
}

xmpp_stanza_t *stanza_add_text(xmpp_stanza_t *parent, const char *name, const char *ns,
                               const char *text)
{
    xmpp_stanza_t *child = stanza_add(parent, name, ns);
    if (text && *text)
        stanza_put_text(child, text, strlen(text));
    return child;
}

void stanza_set(xmpp_stanza_t *element, const char *attribute, const char *value)
{
    if (value)
        must_succeed(xmpp_stanza_set_attribute(element, attribute, value));
}

xmpp_stanza_t *stanza_new_iq(const char *type, const char *id, const char *from, const char *to)
{
    xmpp_stanza_t *iq = stanza_new("iq", NULL);
    stanza_set(iq, "type", type);
    stanza_set(iq, "id", id);
    stanza_set(iq, "from", from);
    stanza_set(iq, "to", to);
    return iq;
}

const char *stanza_name(xmpp_stanza_t *element)
{
    const char *name = xmpp_stanza_is_tag(element) ? xmpp_stanza_get_name(element) : NULL;
    return name ? name : "";
}

const char *stanza_attr(xmpp_stanza_t *element, const char *attribute)
{
    return xmpp_stanza_is_tag(element) ? xmpp_stanza_get_attribute(element, attribute) : NULL;
}

const char *stanza_ns(xmpp_stanza_t *element)
{
    const char *ns = stanza_attr(element, "xmlns");
    if (ns)
        return ns;
    return xmpp_stanza_is_tag(element) ? NS_CLIENT : "";
}

bool stanza_attr_number(xmpp_stanza_t *element, const char *attribute, uint64_t max, uint64_t *ret)
{
    const char *text = stanza_attr(element, attribute);
    guint64 value;
    if (!text || !g_ascii_string_to_unsigned(text, 10, 0, max, &value, NULL))
        return false;
    *ret = value;
    return true;
}

void stanza_set_number(xmpp_stanza_t *element, const char *attribute, uint64_t value)
{
    char text[sizeof "18446744073709551615"];
    g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, (guint64)value);
    stanza_set(element, attribute, text);
}

bool stanza_is(xmpp_stanza_t *element, const char *name, const char *ns)
{
    return strcmp(stanza_name(element), name) == 0 && strcmp(stanza_ns(element), ns) == 0;
}

static xmpp_stanza_t *skip_text(xmpp_stanza_t *node)
{
    while (node && !xmpp_stanza_is_tag(node))
        node = xmpp_stanza_get_next(node);
    return node;
}

xmpp_stanza_t *stanza_first(xmpp_stanza_t *parent)
{
    return skip_text(xmpp_stanza_get_children(parent));
}

xmpp_stanza_t *stanza_next(xmpp_stanza_t *element)
{
    return skip_text(xmpp_stanza_get_next(element));
}

xmpp_stanza_t *stanza_child(xmpp_stanza_t *parent, const char *name, const char *ns)
{
    for (xmpp_stanza_t *child = stanza_first(parent); child; child = stanza_next(child)) {
        const char *own = stanza_attr(child, "xmlns");
        if (strcmp(own ? own : stanza_ns(parent), ns) == 0 && strcmp(stanza_name(child), name) == 0)
            return child;
    }
    return NULL;
}

xmpp_stanza_t *stanza_child_having(xmpp_stanza_t *parent, const char *name, const char *ns,
                                   const char *attribute)
{
    for (xmpp_stanza_t *child = stanza_first(parent); child; child = stanza_next(child)) {
        const char *value = stanza_is(child, name, ns) ? stanza_attr(child, attribute) : NULL;
        if (value && *value)
            return child;
    }
    return NULL;
}

const char *stanza_text(xmpp_stanza_t *element)
{
    xmpp_stanza_t *node = xmpp_stanza_get_children(element);
    while (node && !xmpp_stanza_is_text(node))
        node = xmpp_stanza_get_next(node);
    const char *text = node ? xmpp_stanza_get_text_ptr(node) : NULL;
    return text ? text : "";
}

const char *stanza_child_text(xmpp_stanza_t *parent, const char *name, const char *ns)
{
    xmpp_stanza_t *child = stanza_child(parent, name, ns);
    return child ? stanza_text(child) : NULL;
}

xmpp_stanza_t *stanza_copy_without(xmpp_stanza_t *stanza,
                                   bool (*is_dropped)(xmpp_stanza_t *child, const void *userdata),
                                   const void *userdata)
{
    xmpp_stanza_t *kept = stanza_new(stanza_name(stanza), stanza_ns(stanza));
    const char *pairs[2 * 256];
    int count = xmpp_stanza_get_attributes(stanza, pairs, G_N_ELEMENTS(pairs));
    for (int i = 0; i + 1 < count; i += 2)
        stanza_set(kept, pairs[i], pairs[i + 1]);

    for (xmpp_stanza_t *node = xmpp_stanza_get_children(stanza); node;
         node = xmpp_stanza_get_next(node)) {
        if (xmpp_stanza_is_tag(node) && is_dropped(node, userdata))
            continue;
        xmpp_stanza_t *copy = xmpp_stanza_copy(node);
        if (!copy)
            g_error("out of memory");
        stanza_take(kept, copy);
    }
    return kept;
}

static xmpp_stanza_t *reply_new(xmpp_stanza_t *stanza, const char *type)
{
    const char *asked = stanza_attr(stanza, "type");
    if (asked && (strcmp(asked, "error") == 0 || strcmp(asked, "result") == 0))
        return NULL;
    xmpp_stanza_t *answer = stanza_new(stanza_name(stanza), stanza_ns(stanza));
    stanza_set(answer, "type", type);
    stanza_set(answer, "id", stanza_attr(stanza, "id"));
    stanza_set(answer, "from", stanza_attr(stanza, "to"));
    stanza_set(answer, "to", stanza_attr(stanza, "from"));
    return answer;
}

xmpp_stanza_t *stanza_reply_result(xmpp_stanza_t *stanza)
{
    return reply_new(stanza, "result");
}

xmpp_stanza_t *stanza_reply_error(xmpp_stanza_t *stanza, const char *type, const char *condition,
                                  const char *text)
{
    xmpp_stanza_t *answer = reply_new(stanza, "error");
    if (!answer)
        return NULL;
    xmpp_stanza_t *error = stanza_add(answer, "error", NULL);
    stanza_set(error, "type", type);
    stanza_add(error, condition, NS_STANZA_ERRORS);
    if (text)
        stanza_add_text(error, "text", NS_STANZA_ERRORS, text);
    return answer;
}
