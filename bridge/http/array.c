/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists as bare arrays, for clients that know no envelope and say so: Accept: application/json;
 * profile=array. Where the list goes on is then in a Link header (RFC 8288). */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/core/field.h"
#include "bridge/http/array.h"
#include "bridge/http/exchange.h"

/* Whether one element of an Accept header is meant. */
static bool is_array_range(const char *range)
{
    g_auto(GStrv) parts = g_strsplit(range, ";", -1);
    bool is_array = false;
    for (guint i = 0; parts[i]; i++) {
        const char *part = g_strstrip(parts[i]);
        if (i == 0 && g_ascii_strcasecmp(part, "application/json") != 0)
            return false;
        is_array = is_array || g_ascii_strcasecmp(part, "profile=array") == 0 ||
                   g_ascii_strcasecmp(part, "profile=\"array\"") == 0;
    }
    return is_array;
}

bool array_is_asked(const struct exchange *exchange)
{
    const struct operation *operation = exchange->request.operation;
    if (!operation || !(operation->flags & OPERATION_LISTS) || exchange->code != ERROR_NONE ||
        !exchange->head.accept || !strchr(exchange->head.accept, '='))
        return false;
    g_auto(GStrv) ranges = g_strsplit(exchange->head.accept, ",", -1);
    bool asked = false;
    for (guint i = 0; ranges[i] && !asked; i++)
        asked = is_array_range(ranges[i]);
    return asked;
}

/* One past the array that begins at START, in text that we wrote ourselves; NULL if it has no end.
 */
static char *end_of_array(char *start)
{
    int depth = 0;
    bool in_text = false;
    for (char *p = start; *p; p++) {
        if (in_text && *p == '\\' && p[1])
            p++;
        else if (*p == '"')
            in_text = !in_text;
        else if (!in_text && (*p == '[' || *p == '{'))
            depth++;
        else if (!in_text && (*p == ']' || *p == '}') && --depth == 0)
            return p + 1;
    }
    return NULL;
}

struct link {
    GString *text;
    bool forward; /* the page was asked for with `after` */
};

static bool is_place(const char *name)
{
    return strcmp(name, "before") == 0 || strcmp(name, "after") == 0 || strcmp(name, "around") == 0;
}

/* VALUE may be encoded already. */
static void add_query(GString *link, const char *name, const char *value)
{
    g_autofree char *escaped = g_uri_escape_string(value, "%!$'()*+,;:@/?", FALSE);
    g_string_append_printf(link, "%c%s=%s", link->len > 1 ? '&' : '?', name, escaped);
}

static enum MHD_Result on_query(void *data, enum MHD_ValueKind kind, const char *name,
                                const char *value)
{
    (void)kind;
    struct link *link = data;
    link->forward = link->forward || strcmp(name, "after") == 0;
    if (value && !is_place(name))
        add_query(link->text, name, value);
    return MHD_YES;
}

static bool has_field(const struct operation *operation, const char *name)
{
    for (const struct field *field = operation->fields; field && field->name; field++) {
        if (strcmp(field->name, name) == 0)
            return true;
    }
    return false;
}

/* The request's own query, but for the place to go on from. */
static char *link_to(const struct exchange *exchange, const char *next)
{
    struct link link = {.text = g_string_new("<")};
    MHD_get_connection_values(exchange->mhd, MHD_GET_ARGUMENT_KIND, on_query, &link);
    bool forward = link.forward || !has_field(exchange->request.operation, "before");
    add_query(link.text, forward ? "after" : "before", next);
    g_string_append(link.text, ">; rel=\"next\"");
    return g_string_free(link.text, FALSE);
}

char *array_unwrap(struct exchange *exchange)
{
    static const char member[] = "{\"items\"";
    char *text = exchange->content;
    char *start = g_str_has_prefix(text, member) ? strchr(text, '[') : NULL;
    char *end = start ? end_of_array(start) : NULL;
    if (!end || (*end != ',' && *end != '}'))
        return NULL;
    json_t *rest = NULL;
    if (*end == ',') {
        *end = '{';
        rest = json_loads(end, 0, NULL);
    }
    const char *next = json_string_value(json_object_get(rest, "next"));
    char *link = next ? link_to(exchange, next) : NULL;
    json_decref(rest);
    exchange->content_length = (size_t)(end - start);
    memmove(text, start, exchange->content_length);
    return link;
}
