/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Request bodies and fields: no crash; bodies are read as another reader does; values that pass keep the bounds and are safe for XML, and
 * every problem is one that can be told. The first line is path and query, the rest is the body. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/text.h"
#include "bridge/core/body.h"
#include "bridge/core/request.h"
#include "tests/unit/value_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const choices[] = {"text", "media", NULL};
static const struct field fields[] = {
    {.name = "id", .type = FIELD_UUID, .flags = FIELD_IN_PATH | FIELD_REQUIRED},
    {.name = "limit", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .minimum = 1, .maximum = 100},
    {.name = "all", .type = FIELD_BOOLEAN, .flags = FIELD_IN_QUERY},
    {.name = "content", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .minimum = 1, .maximum = 64},
    {.name = "client_id", .type = FIELD_TEXT, .flags = FIELD_IDEMPOTENCY, .maximum = 16},
    {.name = "type", .type = FIELD_CHOICE, .choices = choices},
    {.name = NULL}};

static const char *find_parameter(void *data, const struct field *field, size_t *ret_length)
{
    (void)field;
    const char *text = data;
    *ret_length = strlen(text);
    return text;
}

static void check_values(const struct field_value *values)
{
    for (size_t i = 0; fields[i].name; i++) {
        const struct field *field = &fields[i];
        if ((field->flags & FIELD_REQUIRED) && !values[i].present)
            abort();
        if (values[i].text && (strlen(values[i].text) != values[i].length ||
                               !text_is_xml_safe(values[i].text, values[i].length)))
            abort();
        if (values[i].present && field->type == FIELD_TEXT &&
            ((gint64)values[i].length < field->minimum ||
             (gint64)values[i].length > field->maximum))
            abort();
        if (values[i].present && field->type == FIELD_INTEGER &&
            (values[i].integer < field->minimum || values[i].integer > field->maximum))
            abort();
    }
}

static void check_problem(const struct field_problem *problem)
{
    struct buffer buf = BUFFER_INIT(4096);
    problem_write(&buf, problem->code, problem->detail, problem->pointer, "id");
    json_t *json = json_loads(buf.data, 0, NULL);
    if (buf.overflow || !json)
        abort();
    json_decref(json);
    buffer_clear(&buf);
}

static unsigned count_reals(const struct value *value)
{
    unsigned count = value->type == VALUE_REAL;
    for (const struct value *inside = value->first; inside; inside = inside->next)
        count += count_reals(inside);
    return count;
}

/* Aborts if another reader makes something else of TEXT. Only we have limits. */
static void compare(const char *text, size_t length, struct body *body)
{
    size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY;
    json_t *theirs = json_loadb(text, length, flags, NULL);
    json_t *ours = value_to_json(body_value(body));
    if (body && (!theirs || (count_reals(body_value(body)) == 0 && !json_equal(ours, theirs))))
        abort();
    if (!body && theirs && length < 2 * BODY_DEPTH_MAX && !memchr(text, '\0', length))
        abort(); /* they take NUL for the end */
    json_decref(ours);
    json_decref(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size > 0 ? memchr(text, '\n', size) : NULL;
    size_t line = end ? (size_t)(end - text) : 0;
    g_autofree char *parameter = g_strndup(text, line);
    g_autoptr(trestle_body) body = NULL;
    enum error_code code = ERROR_NONE;
    const char *detail = NULL;
    size_t skip = end ? line + 1 : 0;
    bool read = body_parse(text + skip, size - skip, &body, &code, &detail);
    compare(text + skip, size - skip, body);
    if (!read) {
        if (body || !detail || (code != ERROR_BAD_REQUEST && code != ERROR_UNPROCESSABLE))
            abort();
        return 0;
    }
    for (int frame = 0; frame < 2; frame++) {
        struct field_value values[REQUEST_VALUES_MAX];
        struct field_problem problem;
        struct field_source source = {.object = body_value(body),
                                      .everything_in_object = frame == 1,
                                      .idempotency_key = frame ? NULL : parameter,
                                      .parameter = find_parameter,
                                      .data = parameter};
        if (fields_check(fields, &source, values, &problem))
            check_values(values);
        else
            check_problem(&problem);
    }
    return 0;
}
