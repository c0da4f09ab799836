/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Path and query parameters of a request. */
#include "config.h"

#include <string.h>

#include "bridge/http/exchange.h"
#include "bridge/http/parameters.h"

#define NAME_SIZE 32 /* of the name of a parameter, as far as it matters */

/* Decodes %XX (head_read has seen that each is complete). The result may hold NUL, which no text
 * field accepts. */
static char *text_decode(const char *text, size_t length, size_t *ret_length)
{
    char *decoded = g_malloc(length + 1);
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%' && i + 2 < length) {
            c = (char)(g_ascii_xdigit_value(text[i + 1]) << 4 | g_ascii_xdigit_value(text[i + 2]));
            i += 2;
        }
        decoded[count++] = c;
    }
    decoded[count] = '\0';
    *ret_length = count;
    return decoded;
}

/* Index of the field NAME with FLAG, or -1. */
static int field_index(const struct operation *operation, const char *name, unsigned flag)
{
    for (int i = 0; operation->fields && operation->fields[i].name; i++) {
        if ((operation->fields[i].flags & flag) && strcmp(operation->fields[i].name, name) == 0)
            return i;
    }
    return -1;
}

static bool is_complete(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '%' &&
            (i + 2 >= length || !g_ascii_isxdigit(text[i + 1]) || !g_ascii_isxdigit(text[i + 2])))
            return false;
    }
    return true;
}

/* What is in no name becomes a question mark, which the name of no field has. */
static void name_read(const char *key, size_t length, char ret_name[NAME_SIZE])
{
    size_t decoded = length;
    g_autofree char *whole =
        is_complete(key, length) ? text_decode(key, length, &decoded) : g_strndup(key, length);
    size_t size = MIN(decoded, NAME_SIZE - 1);
    for (size_t i = 0; i < size; i++) {
        bool is_plain = g_ascii_isalnum(whole[i]) || whole[i] == '_' || whole[i] == '-';
        ret_name[i] = is_plain ? whole[i] : '?';
    }
    ret_name[size] = '\0';
}

static enum MHD_Result on_query(void *data, enum MHD_ValueKind kind, const char *key,
                                size_t key_size, const char *value, size_t value_size)
{
    (void)kind;
    struct exchange *exchange = data;
    char name[NAME_SIZE];
    char pointer[sizeof name + 1];
    name_read(key, key_size, name);
    g_snprintf(pointer, sizeof pointer, "/%s", name);
    int index = field_index(exchange->match.operation, name, FIELD_IN_QUERY);
    if (index < 0 || exchange->texts[index]) {
        exchange_fail(exchange, ERROR_UNPROCESSABLE,
                      index < 0 ? "is not known here" : "is given twice", pointer);
        return MHD_NO;
    }
    if (!value || !is_complete(value, value_size)) {
        exchange_fail(exchange, ERROR_UNPROCESSABLE, "is malformed", pointer);
        return MHD_NO;
    }
    exchange->texts[index] = text_decode(value, value_size, &exchange->lengths[index]);
    return MHD_YES;
}

char *parameter_text(struct MHD_Connection *mhd, const char *name)
{
    const char *raw = NULL;
    size_t length = 0;
    size_t decoded_length;
    if (MHD_lookup_connection_value_n(mhd, MHD_GET_ARGUMENT_KIND, name, strlen(name), &raw,
                                      &length) != MHD_YES)
        return NULL;
    if (!raw || !is_complete(raw, length))
        return g_strdup("");
    char *text = text_decode(raw, length, &decoded_length);
    if (strlen(text) != decoded_length)
        text[0] = '\0';
    return text;
}

/* A browser that comes back repeats the query of the first time: the header is newer. */
static void read_last_event(struct exchange *exchange)
{
    const struct field *fields = exchange->match.operation->fields;
    const char *text = exchange->head.last_event_id;
    for (int i = 0; text && text[0] && fields && fields[i].name; i++) {
        if (!(fields[i].flags & FIELD_LAST_EVENT))
            continue;
        g_free(exchange->texts[i]);
        exchange->texts[i] = g_strdup(text);
        exchange->lengths[i] = strlen(text);
    }
}

bool parameters_read(struct exchange *exchange)
{
    const struct route_match *match = &exchange->match;
    for (size_t i = 0; i < match->parameter_count; i++) {
        int index = field_index(match->operation, match->parameters[i].name, FIELD_IN_PATH);
        if (index < 0 || index >= REQUEST_VALUES_MAX || exchange->texts[index])
            continue;
        exchange->texts[index] = text_decode(match->parameters[i].text, match->parameters[i].length,
                                             &exchange->lengths[index]);
    }
    MHD_get_connection_values_n(exchange->mhd, MHD_GET_ARGUMENT_KIND, on_query, exchange);
    read_last_event(exchange);
    return exchange->code == ERROR_NONE;
}

const char *parameter_find(void *data, const struct field *field, size_t *ret_length)
{
    struct exchange *exchange = data;
    ptrdiff_t index = field - exchange->request.operation->fields;
    *ret_length = exchange->lengths[index];
    return exchange->texts[index];
}
