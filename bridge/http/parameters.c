/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Path and query parameters of a request. */
#include "config.h"

#include <string.h>

#include "bridge/http/exchange.h"
#include "bridge/http/parameters.h"
#include "bridge/http/spoken.h"

#define NAME_SIZE 32 /* of the name of a parameter, as far as it matters */

/* TEXT without its %XX; NULL: one of them is not whole. The result may hold NUL, which no text
 * field accepts. */
static char *text_decode(const char *text, size_t length, size_t *ret_length)
{
    g_autoptr(GBytes) bytes = g_uri_unescape_bytes(text, (gssize)length, NULL, NULL);
    if (!bytes)
        return NULL;
    const char *plain = g_bytes_get_data(bytes, ret_length);
    char *decoded = g_malloc0(*ret_length + 1);
    memcpy(decoded, plain, *ret_length);
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

/* What is in no name becomes a question mark, which the name of no field has. */
static void name_read(const char *key, size_t length, char ret_name[NAME_SIZE])
{
    size_t size = length;
    g_autofree char *decoded = text_decode(key, length, &size);
    const char *name = decoded ? decoded : key;
    size = MIN(size, NAME_SIZE - 1);
    for (size_t i = 0; i < size; i++) {
        bool is_plain = g_ascii_isalnum(name[i]) || name[i] == '_' || name[i] == '-';
        ret_name[i] = is_plain ? name[i] : '?';
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
    if (index < 0 && strcmp(name, DIALECT_PARAMETER) == 0)
        return MHD_YES; /* every route has it: see spoken.c */
    if (index < 0 || exchange->texts[index]) {
        exchange_fail(exchange, ERROR_UNPROCESSABLE,
                      index < 0 ? "is not known here" : "is given twice", pointer);
        return MHD_NO;
    }
    exchange->texts[index] =
        value ? text_decode(value, value_size, &exchange->lengths[index]) : NULL;
    if (exchange->texts[index])
        return MHD_YES;
    exchange_fail(exchange, ERROR_UNPROCESSABLE, "is malformed", pointer);
    return MHD_NO;
}

char *parameter_text(struct MHD_Connection *mhd, const char *name)
{
    const char *raw = NULL;
    size_t length = 0;
    size_t decoded_length;
    if (MHD_lookup_connection_value_n(mhd, MHD_GET_ARGUMENT_KIND, name, strlen(name), &raw,
                                      &length) != MHD_YES)
        return NULL;
    g_autofree char *text = raw ? text_decode(raw, length, &decoded_length) : NULL;
    bool whole = text && strlen(text) == decoded_length;
    return whole ? g_steal_pointer(&text) : g_strdup("");
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

/* A header that comes twice says nothing that could be relied on: its first line counts. */
static void read_headers(struct exchange *exchange)
{
    const struct field *fields = exchange->match.operation->fields;
    for (int i = 0; fields && fields[i].name; i++) {
        if (!(fields[i].flags & FIELD_IN_HEADER))
            continue;
        g_autofree char *name = g_strdelimit(g_strdup(fields[i].name), "_", '-');
        const char *text = MHD_lookup_connection_value(exchange->mhd, MHD_HEADER_KIND, name);
        if (!text)
            continue;
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
    read_headers(exchange);
    read_last_event(exchange);
    int dialect = field_index(match->operation, DIALECT_PARAMETER, FIELD_IN_QUERY);
    const char *spoken = spoken_find(exchange);
    if (spoken && dialect >= 0 && !exchange->texts[dialect]) {
        exchange->texts[dialect] = g_strdup(spoken);
        exchange->lengths[dialect] = strlen(spoken);
    }
    return exchange->code == ERROR_NONE;
}

const char *parameter_find(void *data, const struct field *field, size_t *ret_length)
{
    struct exchange *exchange = data;
    ptrdiff_t index = field - exchange->request.operation->fields;
    *ret_length = exchange->lengths[index];
    return exchange->texts[index];
}
