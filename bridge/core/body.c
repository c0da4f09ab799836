/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strict JSON reading on top of jansson. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/core/body.h"

/* ---- Plain objects ---------------------------------------------------------------------------
 *
 * Most bodies are an object of a few strings without escapes, and frames have one in another. Those
 * are read here: jansson takes a hundred instructions for each byte of them. Whatever else a text
 * may be, or be wrong in, is left to jansson. */

#define PLAIN_MEMBERS_MAX 16
#define PLAIN_DEPTH_MAX 2

/* What is left of a text. */
struct plain {
    const char *next, *end;
};

/* What follows after white space; NUL: nothing. */
static char plain_peek(struct plain *plain)
{
    static const char spaces[] = {' ', '\t', '\n', '\r'};
    while (plain->next < plain->end && memchr(spaces, *plain->next, sizeof spaces))
        plain->next++;
    return plain->next < plain->end ? *plain->next : '\0';
}

static bool plain_take(struct plain *plain, char c)
{
    if (plain_peek(plain) != c)
        return false;
    plain->next++;
    return true;
}

/* The string that follows; borrowed from the text. */
static bool plain_string(struct plain *plain, const char **ret_text, size_t *ret_length)
{
    if (!plain_take(plain, '"'))
        return false;
    const char *p = plain->next;
    while (p < plain->end && *p != '"' && *p != '\\' && (guchar)*p >= ' ')
        p++;
    if (p == plain->end || *p != '"')
        return false;
    *ret_text = plain->next;
    *ret_length = (size_t)(p - plain->next);
    plain->next = p + 1;
    return true;
}

static json_t *plain_object(struct plain *plain, unsigned depth);

/* NULL: no string and no plain object. */
static json_t *plain_value(struct plain *plain, unsigned depth)
{
    const char *text;
    size_t length;
    if (plain_peek(plain) == '{')
        return depth < PLAIN_DEPTH_MAX ? plain_object(plain, depth + 1) : NULL;
    return plain_string(plain, &text, &length) ? json_stringn_nocheck(text, length) : NULL;
}

/* False: it is something else, or there are too many, or one of them twice. */
static bool plain_members(struct plain *plain, unsigned depth, json_t *object)
{
    const char *name;
    size_t length;
    for (size_t count = 1; count <= PLAIN_MEMBERS_MAX; count++) {
        if (!plain_string(plain, &name, &length) || !plain_take(plain, ':'))
            return false;
        json_t *value = plain_value(plain, depth);
        if (json_object_setn_new_nocheck(object, name, length, value) != 0 ||
            json_object_size(object) != count)
            return false;
        if (!plain_take(plain, ','))
            return plain_take(plain, '}');
    }
    return false;
}

static json_t *plain_object(struct plain *plain, unsigned depth)
{
    json_t *object = json_object();
    if (plain_take(plain, '{') && plain_members(plain, depth, object))
        return object;
    json_decref(object);
    return NULL;
}

/* NULL: the text is something else. */
static json_t *plain_parse(const char *text, size_t length)
{
    struct plain plain = {text, text + length};
    if (plain_peek(&plain) != '{' || !g_utf8_validate_len(text, length, NULL))
        return NULL;
    json_t *object = plain_object(&plain, 1);
    if (!object || (plain_peek(&plain) == '\0' && plain.next == plain.end))
        return object;
    json_decref(object);
    return NULL;
}

/* ---- All others ------------------------------------------------------------------------------ */

/* Looks before jansson does, which recurses once per level and takes 0.3 µs per byte of many small
 * values. Strings are skipped; what is not JSON at all is left to the parser. NULL: go on. */
static const char *find_excess(const char *text, size_t length)
{
    unsigned depth = 0;
    unsigned values = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        if (in_string)
            continue;
        bool opens = c == '{' || c == '[';
        if (opens && ++depth > BODY_DEPTH_MAX)
            return "the JSON is nested too deeply";
        if ((opens || c == ',') && ++values > BODY_VALUES_MAX)
            return "the JSON has too many values";
        if ((c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return NULL;
}

static bool body_refuse(enum error_code code, const char *detail, enum error_code *ret_code,
                        const char **ret_detail)
{
    *ret_code = code;
    *ret_detail = detail;
    return false;
}

bool body_parse(const char *text, size_t length, json_t **ret_json, enum error_code *ret_code,
                const char **ret_detail)
{
    json_t *json = plain_parse(text, length);
    const char *excess = json ? NULL : find_excess(text, length);
    if (excess)
        return body_refuse(ERROR_BAD_REQUEST, excess, ret_code, ret_detail);
    json_error_t error;
    if (!json)
        json = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY,
                          &error);
    if (json) {
        *ret_json = json;
        return true;
    }
    enum json_error_code code = json_error_code(&error);
    if (code == json_error_null_byte_in_key || code == json_error_null_character)
        return body_refuse(ERROR_UNPROCESSABLE, "a string holds NUL", ret_code, ret_detail);
    if (g_str_has_prefix(error.text, "invalid Unicode"))
        return body_refuse(ERROR_UNPROCESSABLE, "a string holds a lone surrogate", ret_code,
                           ret_detail);
    if (code == json_error_duplicate_key)
        return body_refuse(ERROR_BAD_REQUEST, "a member appears twice", ret_code, ret_detail);
    if (code == json_error_invalid_utf8)
        return body_refuse(ERROR_BAD_REQUEST, "the text is not UTF-8", ret_code, ret_detail);
    return body_refuse(ERROR_BAD_REQUEST, "the text is not JSON", ret_code, ret_detail);
}
