/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strict JSON reading on top of jansson. */
#include "config.h"

#include <glib.h>

#include "bridge/core/body.h"

/* jansson recurses once per level, in parsing and in freeing: look before it does. Brackets inside
 * of strings are skipped; what is not JSON at all is left to the parser. */
static bool is_too_deep(const char *text, size_t length)
{
    unsigned depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (in_string && c == '\\')
            i++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == '{' || c == '[') && ++depth > BODY_DEPTH_MAX)
            return true;
        else if (!in_string && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return false;
}

static bool fail(enum error_code code, const char *detail, enum error_code *ret_code,
                 const char **ret_detail)
{
    *ret_code = code;
    *ret_detail = detail;
    return false;
}

bool body_parse(const char *text, size_t length, json_t **ret_json, enum error_code *ret_code,
                const char **ret_detail)
{
    if (is_too_deep(text, length))
        return fail(ERROR_BAD_REQUEST, "the JSON is nested too deeply", ret_code, ret_detail);
    json_error_t error;
    json_t *json =
        json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
    if (json) {
        *ret_json = json;
        return true;
    }
    enum json_error_code code = json_error_code(&error);
    if (code == json_error_null_byte_in_key || code == json_error_null_character)
        return fail(ERROR_UNPROCESSABLE, "a string holds NUL", ret_code, ret_detail);
    if (g_str_has_prefix(error.text, "invalid Unicode"))
        return fail(ERROR_UNPROCESSABLE, "a string holds a lone surrogate", ret_code, ret_detail);
    if (code == json_error_duplicate_key)
        return fail(ERROR_BAD_REQUEST, "a member appears twice", ret_code, ret_detail);
    if (code == json_error_invalid_utf8)
        return fail(ERROR_BAD_REQUEST, "the text is not UTF-8", ret_code, ret_detail);
    return fail(ERROR_BAD_REQUEST, "the text is not JSON", ret_code, ret_detail);
}
