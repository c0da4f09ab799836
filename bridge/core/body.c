/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A JSON reader for what apps send: most of it is a handful of members, so a tree of separate
 * objects and tables would cost more than all that is done with it. Values are counted before they
 * are read; the block for them and the text is made once. The text ends with NUL, which is legal
 * nowhere in JSON, so nothing has to look for the end. */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/core/body.h"

#define COMPARED_MAX 16 /* members of an object that are compared each with each */

struct body {
    int references;
    unsigned count;        /* values in use */
    unsigned room;
    struct value values[]; /* `room` of them, then the text */
};

struct parser {
    struct body *body;
    char *at;
    unsigned depth;
    enum error_code code;
    const char *detail;
};

/* ---- Before -------------------------------------------------------------------------------------- */

/* An upper bound for the number of values: each but the first follows a bracket or a comma. Text if
 * there are too many, or they are nested too deeply; else NULL. Strings are skipped; what is not
 * JSON at all is left to the parser, which gets no further than this does. */
static const char *count_values(const char *text, size_t length, unsigned *ret_count)
{
    unsigned depth = 0;
    *ret_count = 1;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '"') {
            for (i++; i < length && text[i] != '"'; i++)
                i += text[i] == '\\';
            continue;
        }
        bool opens = c == '{' || c == '[';
        if (opens && ++depth > BODY_DEPTH_MAX)
            return "the JSON is nested too deeply";
        if ((opens || c == ',') && ++*ret_count > BODY_VALUES_MAX + 1)
            return "the JSON has too many values";
        if ((c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return NULL;
}

/* NUL, which g_utf8_validate_len takes for an error, is left to the parser. */
static bool is_utf8(const char *text, size_t length)
{
    const char *stopped;
    return g_utf8_validate_len(text, length, &stopped) || *stopped == '\0';
}

/* ---- Scalars ------------------------------------------------------------------------------------- */

static bool fail(struct parser *parser, enum error_code code, const char *detail)
{
    parser->code = code;
    parser->detail = detail;
    return false;
}

static bool fail_syntax(struct parser *parser)
{
    return fail(parser, ERROR_BAD_REQUEST, "the text is not JSON");
}

static void skip_space(struct parser *parser)
{
    while (*parser->at == ' ' || *parser->at == '\t' || *parser->at == '\n' || *parser->at == '\r')
        parser->at++;
}

/* Four hexadecimal digits at TEXT; negative if they are not. */
static int read_hex(const char *text)
{
    int number = 0;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(text[i]);
        if (digit < 0)
            return -1;
        number = number << 4 | digit;
    }
    return number;
}

/* The character at *in, which is behind "\u", goes to *out. */
static bool read_unicode(struct parser *parser, char **in, char **out)
{
    int unit = read_hex(*in);
    if (unit < 0)
        return fail_syntax(parser);
    gunichar c = (gunichar)unit;
    *in += 4;
    if (c >= 0xd800 && c <= 0xdfff) {
        int low = (*in)[0] == '\\' && (*in)[1] == 'u' ? read_hex(*in + 2) : -1;
        if (c > 0xdbff || low < 0xdc00 || low > 0xdfff)
            return fail(parser, ERROR_UNPROCESSABLE, "a string holds a lone surrogate");
        c = 0x10000 + ((c - 0xd800) << 10) + ((gunichar)low - 0xdc00);
        *in += 6;
    }
    *out += g_unichar_to_utf8(c, *out);
    return true;
}

static bool read_escape(struct parser *parser, char **in, char **out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char letter = *(*in)++;
    if (letter == 'u')
        return read_unicode(parser, in, out);
    const char *known = letter ? strchr(letters, letter) : NULL;
    if (!known)
        return fail_syntax(parser);
    *(*out)++ = meanings[known - letters];
    return true;
}

static bool is_plain(char c)
{
    return (guchar)c >= 0x20 && c != '"' && c != '\\';
}

/* A string is never longer than what it was written as. */
static bool read_string(struct parser *parser, const char **ret_text, size_t *ret_length)
{
    char *start = ++parser->at;
    char *in = start;
    while (is_plain(*in))
        in++;
    char *out = in;
    while (*in != '"') {
        if (is_plain(*in))
            *out++ = *in++;
        else if (*in++ != '\\')
            return fail_syntax(parser);
        else if (!read_escape(parser, &in, &out))
            return false;
    }
    parser->at = in + 1;
    *out = '\0';
    *ret_text = start;
    *ret_length = (size_t)(out - start);
    return true;
}

static bool skip_digits(char **p)
{
    bool any = g_ascii_isdigit(**p);
    while (g_ascii_isdigit(**p))
        (*p)++;
    return any;
}

static bool skip_fraction(char **p)
{
    bool fine = true;
    if (**p == '.') {
        (*p)++;
        fine = skip_digits(p);
    }
    if (fine && (**p == 'e' || **p == 'E')) {
        (*p)++;
        *p += **p == '+' || **p == '-';
        fine = skip_digits(p);
    }
    return fine;
}

/* Numbers that we cannot hold are refused like what is no number. */
static bool read_number(struct parser *parser, struct value *value)
{
    char *start = parser->at;
    char *p = start + (*start == '-');
    bool zero = *p == '0';
    if (!skip_digits(&p) || (zero && g_ascii_isdigit(start[(*start == '-') + 1])))
        return fail_syntax(parser);
    bool whole = *p != '.' && *p != 'e' && *p != 'E';
    if (!skip_fraction(&p))
        return fail_syntax(parser);
    parser->at = p;
    value->type = whole ? VALUE_INTEGER : VALUE_REAL;
    errno = 0;
    if (whole)
        value->integer = g_ascii_strtoll(start, NULL, 10);
    bool held = whole ? errno == 0 : isfinite(g_ascii_strtod(start, NULL));
    return held || fail_syntax(parser);
}

static bool read_word(struct parser *parser, const char *word)
{
    size_t length = strlen(word);
    if (strncmp(parser->at, word, length) != 0)
        return fail_syntax(parser);
    parser->at += length;
    return true;
}

/* ---- Containers ---------------------------------------------------------------------------------- */

static bool read_value(struct parser *parser, struct value *value);

static struct value *add_value(struct parser *parser)
{
    struct body *body = parser->body;
    g_return_val_if_fail(body->count < body->room, NULL); /* see count_values */
    struct value *value = &body->values[body->count++];
    *value = (struct value){0};
    return value;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Many names are sorted: comparing each with each would be a way to keep us busy. */
static bool has_twins(const struct value *object, unsigned count)
{
    g_autofree const char **names = count > COMPARED_MAX ? g_new(const char *, count) : NULL;
    size_t n = 0;
    for (const struct value *a = object->first; a; a = a->next) {
        if (names) {
            names[n++] = a->name;
            continue;
        }
        for (const struct value *b = a->next; b; b = b->next) {
            if (strcmp(a->name, b->name) == 0)
                return true;
        }
    }
    if (names)
        qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(names[i - 1], names[i]) == 0)
            return true;
    }
    return false;
}

static bool read_name(struct parser *parser, struct value *member)
{
    size_t length;
    if (*parser->at != '"')
        return fail_syntax(parser);
    if (!read_string(parser, &member->name, &length))
        return false;
    if (strlen(member->name) != length)
        return fail(parser, ERROR_UNPROCESSABLE, "a string holds NUL");
    skip_space(parser);
    if (*parser->at != ':')
        return fail_syntax(parser);
    parser->at++;
    skip_space(parser);
    return true;
}

/* What is between the brackets of CONTAINER, and the closing one. */
static bool read_members(struct parser *parser, struct value *container, unsigned *ret_count)
{
    bool is_object = container->type == VALUE_OBJECT;
    char close = is_object ? '}' : ']';
    struct value **link = &container->first;
    *ret_count = 0;
    parser->at++;
    skip_space(parser);
    if (*parser->at == close) {
        parser->at++;
        return true;
    }
    for (;; parser->at++, skip_space(parser)) {
        struct value *member = add_value(parser);
        if (!member || (is_object && !read_name(parser, member)) || !read_value(parser, member))
            return false;
        ++*ret_count;
        *link = member;
        link = &member->next;
        skip_space(parser);
        if (*parser->at == ',')
            continue;
        if (*parser->at != close)
            return fail_syntax(parser);
        parser->at++;
        return true;
    }
}

static bool read_container(struct parser *parser, struct value *value, enum value_type type)
{
    unsigned count;
    value->type = type;
    if (++parser->depth > BODY_DEPTH_MAX)
        return fail_syntax(parser); /* count_values has seen to it */
    if (!read_members(parser, value, &count))
        return false;
    parser->depth--;
    if (type == VALUE_OBJECT && has_twins(value, count))
        return fail(parser, ERROR_BAD_REQUEST, "a member appears twice");
    return true;
}

/* VALUE is zeroed, but for its name. */
static bool read_value(struct parser *parser, struct value *value)
{
    switch (*parser->at) {
    case '{':
        return read_container(parser, value, VALUE_OBJECT);
    case '[':
        return read_container(parser, value, VALUE_ARRAY);
    case '"':
        value->type = VALUE_STRING;
        return read_string(parser, &value->text, &value->length);
    case 't':
        value->type = VALUE_TRUE;
        return read_word(parser, "true");
    case 'f':
        value->type = VALUE_FALSE;
        return read_word(parser, "false");
    case 'n':
        return read_word(parser, "null");
    default:
        return read_number(parser, value);
    }
}

/* ---- The whole ----------------------------------------------------------------------------------- */

static bool read_all(struct parser *parser, const char *end)
{
    skip_space(parser);
    if (!read_value(parser, add_value(parser)))
        return false;
    skip_space(parser);
    return parser->at == end || fail_syntax(parser);
}

bool body_parse(const char *text, size_t length, struct body **ret_body, enum error_code *ret_code,
                const char **ret_detail)
{
    unsigned room;
    const char *fault = count_values(text, length, &room);
    if (!fault && !is_utf8(text, length))
        fault = "the text is not UTF-8";
    if (fault) {
        *ret_code = ERROR_BAD_REQUEST;
        *ret_detail = fault;
        return false;
    }
    struct body *body = g_malloc(sizeof *body + room * sizeof body->values[0] + length + 1);
    body->references = 1;
    body->count = 0;
    body->room = room;
    char *copy = (char *)&body->values[room];
    memcpy(copy, text, length);
    copy[length] = '\0';
    struct parser parser = {.body = body, .at = copy};
    if (read_all(&parser, copy + length)) {
        *ret_body = body;
        return true;
    }
    *ret_code = parser.code;
    *ret_detail = parser.detail;
    body_unref(body);
    return false;
}

struct body *body_ref(struct body *body)
{
    body->references++;
    return body;
}

void body_unref(struct body *body)
{
    if (body && --body->references == 0)
        g_free(body);
}

struct value *body_value(struct body *body)
{
    return body ? &body->values[0] : NULL;
}

struct value *value_member(const struct value *object, const char *name)
{
    if (!object || object->type != VALUE_OBJECT)
        return NULL;
    for (struct value *member = object->first; member; member = member->next) {
        if (strcmp(member->name, name) == 0)
            return member;
    }
    return NULL;
}

void value_remove(struct value *object, const struct value *member)
{
    for (struct value **link = &object->first; *link; link = &(*link)->next) {
        if (*link == member) {
            *link = member->next;
            return;
        }
    }
}
