/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Request bodies and fields: no crash; values that pass keep the bounds and are safe for XML, and
 * every problem is one that can be told. The first line is path and query, the rest is the body. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/text.h"
#include "bridge/core/body.h"
#include "bridge/core/request.h"

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
    problem_write(&buf, &(struct problem){.code = problem->code,
                                          .detail = problem->detail,
                                          .pointer = problem->pointer,
                                          .request_id = "id"});
    json_t *json = json_loads(buf.data, 0, NULL);
    if (buf.overflow || !json)
        abort();
    json_decref(json);
    buffer_clear(&buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    const char *end = size > 0 ? memchr(text, '\n', size) : NULL;
    size_t line = end ? (size_t)(end - text) : 0;
    g_autofree char *parameter = g_strndup(text, line);
    json_t *body = NULL;
    enum error_code code = ERROR_NONE;
    const char *detail = NULL;
    size_t skip = end ? line + 1 : 0;
    if (!body_parse(text + skip, size - skip, &body, &code, &detail)) {
        if (body || !detail || (code != ERROR_BAD_REQUEST && code != ERROR_UNPROCESSABLE))
            abort();
        return 0;
    }
    for (int frame = 0; frame < 2; frame++) {
        struct field_value values[REQUEST_VALUES_MAX];
        struct field_problem problem;
        struct field_source source = {.object = body,
                                      .everything_in_object = frame == 1,
                                      .idempotency_key = frame ? NULL : parameter,
                                      .parameter = find_parameter,
                                      .data = parameter};
        if (fields_check(fields, &source, values, &problem))
            check_values(values);
        else
            check_problem(&problem);
    }
    json_decref(body);
    return 0;
}
