/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client's dialect makes of the JSON on both ways. Who names none costs nothing. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/dialect/dialect.h"
#include "bridge/dialect/shape.h"
#include "bridge/http/parameters.h"
#include "bridge/http/spoken.h"

const char *spoken_name(struct exchange *exchange)
{
    if (!exchange->asked_dialect)
        exchange->asked_dialect = parameter_text(exchange->mhd, DIALECT_PARAMETER);
    if (!exchange->asked_dialect)
        exchange->asked_dialect = g_strdup(exchange->head.dialect);
    return exchange->asked_dialect;
}

const char *spoken_find(struct exchange *exchange)
{
    const char *name = spoken_name(exchange);
    exchange->spoken = dialect_find(name);
    if (name && !exchange->spoken)
        exchange_fail(exchange, ERROR_UNPROCESSABLE, "is not one of the permitted values",
                      "/" DIALECT_PARAMETER);
    return name;
}

/* ---- Requests -------------------------------------------------------------------------------- */

static bool body_has_field(const struct operation *operation, const char *name)
{
    for (const struct field *field = operation->fields; field && field->name; field++) {
        if (!(field->flags & FIELD_IN_HEAD) && strcmp(field->name, name) == 0)
            return true;
    }
    return false;
}

void spoken_read(struct exchange *exchange)
{
    json_t *body = exchange->request.body;
    const char *name;
    void *next;
    json_t *value;
    if (!exchange->spoken || !exchange->spoken->rules || !json_is_object(body))
        return;
    json_t *renamed = json_object();
    json_object_foreach_safe(body, next, name, value)
    {
        g_autofree char *ours = shape_snake(name);
        if (strcmp(ours, name) == 0 || json_object_get(body, ours) ||
            !body_has_field(exchange->request.operation, ours))
            continue;
        json_object_set(renamed, ours, value);
        json_object_del(body, name);
    }
    json_object_update(body, renamed);
    json_decref(renamed);
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* The other status of what is invalid, which the problem says, too. The caller frees it. */
static char *problem_shape(struct exchange *exchange)
{
    unsigned status = exchange->spoken->invalid_status;
    bool invalid =
        exchange->code == ERROR_UNPROCESSABLE || exchange->code == ERROR_UNSUPPORTED_TYPE;
    json_t *problem = status > 0 && invalid
                          ? json_loadb(exchange->content, exchange->content_length, 0, NULL)
                          : NULL;
    if (!problem)
        return NULL;
    exchange->status = status;
    json_object_set_new(problem, "status", json_integer(status));
    char *dumped = json_dumps(problem, SHAPE_DUMP);
    json_decref(problem);
    char *text = g_strdup(dumped);
    free(dumped);
    return text;
}

void spoken_reply(struct exchange *exchange)
{
    const struct operation *operation = exchange->request.operation;
    char *text = NULL;
    if (!exchange->spoken || !exchange->spoken->rules || exchange->content_length == 0)
        return;
    if (exchange->code != ERROR_NONE)
        text = problem_shape(exchange);
    else if (operation && operation->reply)
        text = shape_text(exchange->spoken->rules, operation->reply, exchange->content,
                          exchange->content_length);
    if (!text)
        return;
    g_free(exchange->content);
    exchange->content = text;
    exchange->content_length = strlen(text);
}
