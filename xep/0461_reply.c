/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0461 message replies. */
#include "config.h"

#include <string.h>

#include "xep/0428_fallback.h"
#include "xep/0461_reply.h"

#define ELLIPSIS "\xe2\x80\xa6"
#define JOINER 0x200d

bool reply_parse(xmpp_stanza_t *message, struct reply *ret)
{
    xmpp_stanza_t *element = stanza_child_having(message, "reply", NS_REPLY, "id");
    if (!element)
        return false;
    *ret = (struct reply){.id = stanza_attr(element, "id"), .to = stanza_attr(element, "to")};
    return true;
}

void reply_add(xmpp_stanza_t *message, const struct reply *reply)
{
    xmpp_stanza_t *element = stanza_add(message, "reply", NS_REPLY);
    stanza_set(element, "to", reply->to);
    stanza_set(element, "id", reply->id);
}

/* Whether what is drawn would be torn apart between the character before P, which is not the first
 * of TEXT, and the one at P. */
static bool cluster_is_torn(const char *p)
{
    gunichar after = g_utf8_get_char(p);
    return after == JOINER || g_unichar_ismark(after) ||
           g_utf8_get_char(g_utf8_prev_char(p)) == JOINER;
}

/* How many bytes of TEXT are shown. */
static size_t shown_length(const char *text)
{
    const char *end = text;
    unsigned lines = 0;
    for (unsigned count = 0; *end && count < REPLY_QUOTE_CHARS; count++) {
        if (*end == '\n' && ++lines == REPLY_QUOTE_LINES)
            return (size_t)(end - text);
        end += g_utf8_skip[(guchar)*end];
    }
    const char *whole = end;
    while (*whole && whole > text && cluster_is_torn(whole))
        whole = g_utf8_prev_char(whole);
    return (size_t)((whole > text ? whole : end) - text);
}

char *reply_quote(const char *name, const char *text)
{
    size_t length = shown_length(text);
    GString *quote = g_string_new("> ");
    g_string_append_printf(quote, "%s: ", name);
    for (const char *p = text; p < text + length; p++) {
        if (*p == '\n')
            g_string_append(quote, "\n> ");
        else if (*p != '\r')
            g_string_append_c(quote, *p);
    }
    if (text[length])
        g_string_append(quote, ELLIPSIS);
    g_string_append_c(quote, '\n');
    return g_string_free(quote, FALSE);
}

void reply_add_body(xmpp_stanza_t *message, const char *quote, const char *text)
{
    g_autofree char *body = g_strconcat(quote, text, NULL);
    struct text_range range = {0, (uint32_t)g_utf8_strlen(quote, -1)};
    stanza_add_text(message, "body", NULL, body);
    fallback_add(message, NS_REPLY, &range);
}

char *reply_strip(xmpp_stanza_t *message, const char *body)
{
    struct fallback fallback;
    if (!fallback_parse(message, NS_REPLY, &fallback))
        return g_strdup(body);
    return fallback_strip(body, &fallback);
}
