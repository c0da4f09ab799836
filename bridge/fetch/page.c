/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libxml2 tells of each element as it meets it, so that no page, however deep, makes a tree. */
#include "config.h"

#include <glib.h>
#include <libxml/HTMLparser.h>
#include <string.h>

#include "bridge/fetch/page.h"

#define TITLE_MAX 300 /* code points */
#define DESCRIPTION_MAX 1000
#define IMAGE_MAX 2048 /* bytes */
#define PIECE 4096
#define BEGINNING 1024 /* bytes in which a page says its charset */

/* The first of each row that is there counts; earlier ones are worth more. */
enum said {
    SAID_OG_TITLE,
    SAID_TWITTER_TITLE,
    SAID_TITLE,
    SAID_OG_DESCRIPTION,
    SAID_TWITTER_DESCRIPTION,
    SAID_DESCRIPTION,
    SAID_OG_SITE,
    SAID_OG_IMAGE,
    SAID_TWITTER_IMAGE,
    SAID_BASE,
    SAID_MAX
};

static const char *const names[SAID_MAX] = {
    [SAID_OG_TITLE] = "og:title",
    [SAID_TWITTER_TITLE] = "twitter:title",
    [SAID_OG_DESCRIPTION] = "og:description",
    [SAID_TWITTER_DESCRIPTION] = "twitter:description",
    [SAID_DESCRIPTION] = "description",
    [SAID_OG_SITE] = "og:site_name",
    [SAID_OG_IMAGE] = "og:image",
    [SAID_TWITTER_IMAGE] = "twitter:image",
};

struct reading {
    char *said[SAID_MAX];
    GString *title;
    bool in_title, over;
};

/* ---- Charset --------------------------------------------------------------------------------- */

static bool is_charset_letter(char letter)
{
    return g_ascii_isalnum(letter) || letter == '-' || letter == '_';
}

/* What stands behind "charset=" in TEXT. */
static char *charset_find(const char *text)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);
    const char *at = strstr(lower, "charset=");
    if (!at)
        return NULL;
    at += strlen("charset=");
    at += strspn(at, "\"' ");
    size_t length = 0;
    while (length < 32 && is_charset_letter(at[length]))
        length++;
    return length > 0 ? g_strndup(at, length) : NULL;
}

char *page_charset(const char *type, const void *data, size_t length)
{
    char *charset = type ? charset_find(type) : NULL;
    if (charset)
        return charset;
    g_autofree char *beginning = g_strndup(data, MIN(length, BEGINNING));
    charset = charset_find(beginning);
    return charset ? charset : g_strdup("UTF-8");
}

/* ---- Elements -------------------------------------------------------------------------------- */

static const char *attribute_find(const xmlChar **attributes, const char *name)
{
    for (; attributes && attributes[0]; attributes += 2) {
        if (g_ascii_strcasecmp((const char *)attributes[0], name) == 0)
            return (const char *)attributes[1];
    }
    return NULL;
}

static void meta_read(struct reading *reading, const xmlChar **attributes)
{
    const char *content = attribute_find(attributes, "content");
    const char *name = attribute_find(attributes, "property");
    if (!name)
        name = attribute_find(attributes, "name");
    for (size_t i = 0; name && content && i < SAID_MAX; i++) {
        if (names[i] && g_ascii_strcasecmp(name, names[i]) == 0 && !reading->said[i])
            reading->said[i] = g_strdup(content);
    }
}

static void on_element(void *data, const xmlChar *name, const xmlChar **attributes)
{
    struct reading *reading = data;
    const char *element = (const char *)name;
    if (strcmp(element, "meta") == 0)
        meta_read(reading, attributes);
    else if (strcmp(element, "base") == 0 && !reading->said[SAID_BASE])
        reading->said[SAID_BASE] = g_strdup(attribute_find(attributes, "href"));
    else if (strcmp(element, "body") == 0)
        reading->over = true;
    if (strcmp(element, "title") == 0 && !reading->said[SAID_TITLE])
        reading->in_title = true;
}

static void on_end(void *data, const xmlChar *name)
{
    struct reading *reading = data;
    if (!reading->in_title || strcmp((const char *)name, "title") != 0)
        return;
    reading->said[SAID_TITLE] = g_strdup(reading->title->str);
    reading->in_title = false;
}

static void on_text(void *data, const xmlChar *text, int length)
{
    struct reading *reading = data;
    if (reading->in_title && reading->title->len < 4 * TITLE_MAX)
        g_string_append_len(reading->title, (const char *)text, length);
}

/* ---- Facts ----------------------------------------------------------------------------------- */

/* TEXT in one line of at most MOST code points; NULL: it shows nothing. */
static char *line_make(const char *text, glong most)
{
    GString *line = g_string_new(NULL);
    bool blank = false;
    glong count = 0;
    if (!text || !g_utf8_validate(text, -1, NULL))
        text = "";
    for (const char *p = text; *p && count < most; p += g_utf8_skip[(guchar)*p]) {
        gunichar letter = g_utf8_get_char(p);
        if (g_unichar_isspace(letter) || g_unichar_iscntrl(letter)) {
            blank = line->len > 0;
            continue;
        }
        if (blank)
            g_string_append_c(line, ' ');
        blank = false;
        g_string_append_unichar(line, letter);
        count++;
    }
    return g_string_free(line, line->len == 0);
}

static char *first_line(struct reading *reading, enum said from, enum said to, glong most)
{
    for (enum said i = from; i <= to; i++) {
        char *line = line_make(reading->said[i], most);
        if (line)
            return line;
    }
    return NULL;
}

static char *image_url(struct reading *reading, const char *url)
{
    const char *said = reading->said[SAID_OG_IMAGE] ? reading->said[SAID_OG_IMAGE]
                                                    : reading->said[SAID_TWITTER_IMAGE];
    if (!said)
        return NULL;
    g_autofree char *base =
        reading->said[SAID_BASE]
            ? g_uri_resolve_relative(url, reading->said[SAID_BASE], G_URI_FLAGS_ENCODED, NULL)
            : NULL;
    char *image = g_uri_resolve_relative(base ? base : url, said, G_URI_FLAGS_ENCODED, NULL);
    if (image && strlen(image) <= IMAGE_MAX && !strpbrk(image, " \t\r\n"))
        return image;
    g_free(image);
    return NULL;
}

static void ignore_error(void *data, const char *text, ...)
{
    (void)data;
    (void)text;
}

void page_read(const char *text, size_t length, const char *url, struct page_facts *ret)
{
    xmlSAXHandler handler = {.startElement = on_element,
                             .endElement = on_end,
                             .characters = on_text,
                             .error = ignore_error,
                             .warning = ignore_error};
    struct reading reading = {.title = g_string_new(NULL)};
    htmlParserCtxtPtr parser =
        htmlCreatePushParserCtxt(&handler, &reading, NULL, 0, NULL, XML_CHAR_ENCODING_UTF8);
    if (parser)
        htmlCtxtUseOptions(parser, HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET |
                                       HTML_PARSE_IGNORE_ENC | HTML_PARSE_NOIMPLIED);
    for (size_t at = 0; parser && at < length && !reading.over; at += PIECE)
        htmlParseChunk(parser, text + at, (int)MIN(PIECE, length - at), 0);
    if (parser) {
        htmlParseChunk(parser, NULL, 0, 1);
        htmlFreeParserCtxt(parser);
    }
    ret->title = first_line(&reading, SAID_OG_TITLE, SAID_TITLE, TITLE_MAX);
    ret->description = first_line(&reading, SAID_OG_DESCRIPTION, SAID_DESCRIPTION, DESCRIPTION_MAX);
    ret->site = first_line(&reading, SAID_OG_SITE, SAID_OG_SITE, TITLE_MAX);
    ret->image = image_url(&reading, url);
    for (size_t i = 0; i < SAID_MAX; i++)
        g_free(reading.said[i]);
    g_string_free(reading.title, TRUE);
}

void page_facts_clear(struct page_facts *facts)
{
    g_clear_pointer(&facts->title, g_free);
    g_clear_pointer(&facts->description, g_free);
    g_clear_pointer(&facts->site, g_free);
    g_clear_pointer(&facts->image, g_free);
}
