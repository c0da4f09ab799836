/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One pass over the code points with ICU's properties decides; normalization and the cut follow. */
#include "config.h"

#include <string.h>
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

#include "xep/name.h"

#define INPUT_MAX 8192
#define MARKS_MAX 8 /* on one character: stacks of Tibetan have as many */
#define TAGS_MAX 16 /* of a flag */

#define ZERO_WIDTH_NON_JOINER 0x200c
#define ZERO_WIDTH_JOINER 0x200d
#define BRAILLE_BLANK 0x2800
#define NULL_NOTEHEAD 0x1d159 /* drawn empty, too */
#define BLACK_FLAG 0x1f3f4

struct scan {
    GString *out;
    enum name_shape shape;
    gunichar base;   /* the last character that can be seen; 0: none yet, or spaces since */
    gunichar space;  /* stands between the last character and the next, if one comes; 0: none */
    gunichar joiner; /* likewise */
    unsigned marks;  /* on base */
    unsigned tags;   /* behind base */
    bool varied;     /* base has a variation selector */
    bool visible;    /* anything */
    bool clean;      /* nothing was taken out */
};

/* ---- Classes --------------------------------------------------------------------------------- */

static bool is_break(gunichar c)
{
    return (c >= 0xa && c <= 0xd) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

static bool is_space(gunichar c)
{
    return c == '\t' || c == BRAILLE_BLANK || c == NULL_NOTEHEAD ||
           u_charType((UChar32)c) == U_SPACE_SEPARATOR;
}

static bool is_selector(gunichar c)
{
    return u_hasBinaryProperty((UChar32)c, UCHAR_VARIATION_SELECTOR);
}

static bool is_joiner(gunichar c)
{
    return c == ZERO_WIDTH_JOINER || c == ZERO_WIDTH_NON_JOINER;
}

static bool is_tag(gunichar c)
{
    return c >= 0xe0020 && c <= 0xe007f;
}

static bool is_hidden(gunichar c)
{
    return u_hasBinaryProperty((UChar32)c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT) ||
           u_hasBinaryProperty((UChar32)c, UCHAR_NONCHARACTER_CODE_POINT) ||
           (c >= 0xfff9 && c <= 0xfffb) || u_charType((UChar32)c) == U_CONTROL_CHAR;
}

static bool is_mark(gunichar c)
{
    int8_t type = u_charType((UChar32)c);
    return type == U_NON_SPACING_MARK || type == U_ENCLOSING_MARK ||
           type == U_COMBINING_SPACING_MARK;
}

static bool is_pictograph(gunichar c)
{
    return u_hasBinaryProperty((UChar32)c, UCHAR_EXTENDED_PICTOGRAPHIC) ||
           u_hasBinaryProperty((UChar32)c, UCHAR_EMOJI_MODIFIER);
}

/* Whether joiners change how a letter looks: in scripts whose letters join, and in Indic ones. */
static bool is_joining(gunichar c)
{
    int joins = u_getIntPropertyValue((UChar32)c, UCHAR_JOINING_TYPE);
    if (joins != U_JT_NON_JOINING && joins != U_JT_TRANSPARENT)
        return true;
    return c > 0x7f && u_isalpha((UChar32)c) &&
           u_getIntPropertyValue((UChar32)c, UCHAR_INDIC_SYLLABIC_CATEGORY) != U_INSC_OTHER;
}

static bool takes_selector(gunichar c)
{
    int8_t type = u_charType((UChar32)c);
    return u_hasBinaryProperty((UChar32)c, UCHAR_EMOJI) || type == U_OTHER_LETTER ||
           type == U_MATH_SYMBOL;
}

/* ---- The pass -------------------------------------------------------------------------------- */

static bool joiner_is_right(const struct scan *scan, gunichar next)
{
    if (is_joining(scan->base))
        return u_isalpha((UChar32)next) || is_mark(next);
    return scan->joiner == ZERO_WIDTH_JOINER && is_pictograph(scan->base) && is_pictograph(next);
}

/* Writes what waited for a next character, C. */
static void scan_flush(struct scan *scan, gunichar c)
{
    if (scan->space && scan->visible)
        g_string_append_unichar(scan->out, scan->space);
    else if (scan->joiner && joiner_is_right(scan, c))
        g_string_append_unichar(scan->out, scan->joiner);
    else if (scan->joiner)
        scan->clean = false;
    scan->space = scan->joiner = 0;
}

static void scan_add_space(struct scan *scan, gunichar c)
{
    bool line = scan->shape == NAME_LINE;
    if (line && c == '\t')
        scan->clean = false;
    if (scan->visible && !line)
        g_string_append_unichar(scan->out, c);
    else
        scan->space = scan->space || u_charType((UChar32)c) != U_SPACE_SEPARATOR ? ' ' : c;
    scan->base = scan->joiner = 0;
}

static void scan_add_break(struct scan *scan)
{
    if (scan->shape == NAME_LINE) {
        scan_add_space(scan, ' ');
        scan->clean = false;
        return;
    }
    if (scan->visible)
        g_string_append_c(scan->out, '\n');
    scan->base = scan->space = scan->joiner = 0;
}

/* What cannot be seen; yields whether it stays (at once, or with the next character). */
static bool scan_add_hidden(struct scan *scan, gunichar c)
{
    if (!scan->base)
        return false;
    if (is_joiner(c)) {
        bool first = !scan->joiner && (is_joining(scan->base) || is_pictograph(scan->base));
        scan->joiner = first ? c : scan->joiner;
        return first;
    }
    bool selects = is_selector(c) && !scan->varied && takes_selector(scan->base);
    bool tags = is_tag(c) && scan->base == BLACK_FLAG && scan->tags < TAGS_MAX;
    if ((!selects && !tags) || scan->joiner)
        return false;
    scan->varied = scan->varied || selects;
    scan->tags += tags;
    g_string_append_unichar(scan->out, c);
    return true;
}

static bool scan_add_mark(struct scan *scan, gunichar c)
{
    if (!scan->base || scan->marks >= MARKS_MAX)
        return false;
    scan_flush(scan, c);
    scan->marks++;
    g_string_append_unichar(scan->out, c);
    return true;
}

static void scan_add(struct scan *scan, gunichar c)
{
    if (is_break(c)) {
        scan_add_break(scan);
    } else if (is_space(c)) {
        scan_add_space(scan, c);
    } else if (is_hidden(c)) {
        scan->clean = scan_add_hidden(scan, c) && scan->clean;
    } else if (is_mark(c)) {
        scan->clean = scan_add_mark(scan, c) && scan->clean;
    } else {
        scan_flush(scan, c);
        g_string_append_unichar(scan->out, c);
        scan->base = c;
        scan->marks = scan->tags = 0;
        scan->varied = false;
        scan->visible = true;
    }
}

/* Yields what is left of TEXT, in NFC; *RET_CLEAN: nothing but spaces was taken out. */
static char *scan_text(const char *text, enum name_shape shape, bool *ret_clean)
{
    const char *end;
    g_utf8_validate_len(text, strnlen(text, INPUT_MAX), &end);
    g_autofree char *composed = g_utf8_normalize(text, end - text, G_NORMALIZE_NFC);
    struct scan scan = {.out = g_string_new(NULL), .shape = shape, .clean = *end == '\0'};
    for (const char *p = composed; *p; p += g_utf8_skip[(guchar)*p])
        if (p[0] != '\r' || p[1] != '\n') /* the line feed says the same */
            scan_add(&scan, g_utf8_get_char(p));
    *ret_clean = scan.clean && scan.visible;
    /* What was taken out may have stood between a letter and its accent. */
    char *left = g_utf8_normalize(scan.out->str, -1, G_NORMALIZE_NFC);
    g_string_free(scan.out, TRUE);
    return left;
}

/* ---- The rest -------------------------------------------------------------------------------- */

/* Where to cut TEXT so that at most MAX bytes stay. */
static size_t find_cut(const char *text, size_t max)
{
    static UBreakIterator *graphemes;
    UErrorCode status = U_ZERO_ERROR;
    UText source = UTEXT_INITIALIZER;
    size_t cut = 0;
    if (!graphemes)
        graphemes = ubrk_open(UBRK_CHARACTER, "", NULL, 0, &status);
    utext_openUTF8(&source, text, -1, &status);
    if (U_SUCCESS(status))
        ubrk_setUText(graphemes, &source, &status);
    while (U_SUCCESS(status)) {
        int32_t next = ubrk_next(graphemes);
        if (next == UBRK_DONE || (size_t)next > max)
            break;
        cut = (size_t)next;
    }
    utext_close(&source);
    return cut;
}

/* Takes spaces, line breaks and joiners away from the end of TEXT. */
static void trim_end(char *text)
{
    char *end = text + strlen(text);
    while (end > text) {
        char *last = g_utf8_prev_char(end);
        gunichar c = g_utf8_get_char(last);
        if (!is_space(c) && !is_break(c) && !is_joiner(c))
            break;
        end = last;
    }
    *end = '\0';
}

char *name_clean(const char *text, size_t max, enum name_shape shape)
{
    bool clean;
    char *name = scan_text(text, shape, &clean);
    if (strlen(name) > max)
        name[find_cut(name, max)] = '\0';
    trim_end(name);
    if (!*name)
        g_clear_pointer(&name, g_free);
    return name;
}

bool name_is_fine(const char *text, enum name_shape shape)
{
    bool clean;
    g_free(scan_text(text, shape, &clean));
    return clean;
}
