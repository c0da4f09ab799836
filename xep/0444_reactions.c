/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0444 message reactions. */
#include "config.h"

#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include "xep/0444_reactions.h"

#define AS_TEXT 0xfe0e
#define AS_PICTURE 0xfe0f
#define KEYCAP 0x20e3
#define LOOKED_AT_MAX 100 /* children of one element */
#define AS_PICTURE_UTF8 "\xef\xb8\x8f"

static bool has_property(gunichar c, UProperty property)
{
    return u_hasBinaryProperty((UChar32)c, property);
}

/* What is reserved for pictures counts, too: an emoji may be younger than the library. */
static bool is_emoji(gunichar c)
{
    return has_property(c, UCHAR_EMOJI) ||
           (has_property(c, UCHAR_EXTENDED_PICTOGRAPHIC) && u_charType((UChar32)c) == U_UNASSIGNED);
}

/* Whether the cluster TEXT is drawn as a picture: it is one by itself, or what follows makes one of
 * it. */
static bool is_picture(const char *text)
{
    gunichar first = g_utf8_get_char(text);
    const char *rest = text + g_utf8_skip[(guchar)*text];
    gunichar second = *rest ? g_utf8_get_char(rest) : 0;
    if (!is_emoji(first) || second == AS_TEXT)
        return false;
    if (has_property(first, UCHAR_REGIONAL_INDICATOR))
        return has_property(second, UCHAR_REGIONAL_INDICATOR);
    return has_property(first, UCHAR_EXTENDED_PICTOGRAPHIC) ||
           has_property(first, UCHAR_EMOJI_PRESENTATION) || g_utf8_strchr(text, -1, KEYCAP);
}

static bool is_one_cluster(const char *text)
{
    UErrorCode status = U_ZERO_ERROR;
    UText *utext = utext_openUTF8(NULL, text, -1, &status);
    UBreakIterator *clusters = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &status);
    ubrk_setUText(clusters, utext, &status);
    bool one = U_SUCCESS(status) && ubrk_next(clusters) == (int32_t)strlen(text);
    ubrk_close(clusters);
    utext_close(utext);
    return one;
}

char *reaction_clean(const char *text)
{
    gsize length = strlen(text);
    if (length == 0 || length > REACTION_BYTES_MAX || !g_utf8_validate(text, (gssize)length, NULL))
        return NULL;
    g_autofree char *composed = g_utf8_normalize(text, -1, G_NORMALIZE_NFC);
    return composed && is_picture(composed) && is_one_cluster(composed) ? g_steal_pointer(&composed)
                                                                        : NULL;
}

/* Behind those that say only in which manner the character before is drawn. */
static const char *skip_manner(const char *text)
{
    while (g_str_has_prefix(text, AS_PICTURE_UTF8))
        text += strlen(AS_PICTURE_UTF8);
    return text;
}

/* Whether two of them are the same, drawn in another manner or not (U+FE0F). */
static bool reaction_equal(const char *one, const char *other)
{
    for (;;) {
        one = skip_manner(one);
        other = skip_manner(other);
        if (*one != *other || !*one)
            return *one == *other;
        one++;
        other++;
    }
}

static bool is_there(const struct reactions *set, const char *emoji)
{
    for (size_t i = 0; set->emoji[i]; i++) {
        if (reaction_equal(set->emoji[i], emoji))
            return true;
    }
    return false;
}

bool reactions_parse(xmpp_stanza_t *message, struct reactions *ret)
{
    xmpp_stanza_t *element = stanza_child_having(message, "reactions", NS_REACTIONS, "id");
    if (!element)
        return false;
    *ret = (struct reactions){.id = stanza_attr(element, "id")};
    size_t count = 0, looked_at = 0;
    for (xmpp_stanza_t *child = stanza_first(element);
         child && count < REACTIONS_MAX && looked_at < LOOKED_AT_MAX;
         child = stanza_next(child), looked_at++) {
        if (!stanza_is(child, "reaction", NS_REACTIONS))
            continue;
        g_autofree char *stripped = g_strstrip(g_strdup(stanza_text(child)));
        g_autofree char *emoji = reaction_clean(stripped);
        if (emoji && !is_there(ret, emoji))
            ret->emoji[count++] = g_steal_pointer(&emoji);
    }
    return true;
}

void reactions_clear(struct reactions *set)
{
    for (size_t i = 0; set->emoji[i]; i++)
        g_clear_pointer(&set->emoji[i], g_free);
}

void reactions_add(xmpp_stanza_t *message, const char *id, const char *const *emoji)
{
    xmpp_stanza_t *element = stanza_add(message, "reactions", NS_REACTIONS);
    stanza_set(element, "id", id);
    for (size_t i = 0; emoji[i]; i++)
        stanza_add_text(element, "reaction", NS_REACTIONS, emoji[i]);
}
