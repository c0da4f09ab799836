/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Types and fields as JSON Schema; every event of the daemon is described. */
#include "config.h"

#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/core/event.h"
#include "bridge/describe/schema.h"
#include "tests/unit/unit.h"

/* SCHEMA is taken. */
static void assert_schema(json_t *schema, const char *wanted)
{
    char *text = json_dumps(schema, JSON_COMPACT);
    ck_assert_str_eq(text, wanted);
    free(text);
    json_decref(schema);
}

START_TEST(types_are_read)
{
    assert_schema(schema_of_type("text"), "{\"type\":\"string\"}");
    assert_schema(schema_of_type("any"), "{}");
    assert_schema(schema_of_type("time?"),
                  "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}");
    assert_schema(schema_of_type("=a|b"), "{\"type\":\"string\",\"enum\":[\"a\",\"b\"]}");
    assert_schema(schema_of_type("=a?"), "{\"type\":[\"string\",\"null\"],\"enum\":[\"a\",null]}");
    assert_schema(schema_of_type("[User]"),
                  "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/User\"}}");
    assert_schema(schema_of_type("User?"),
                  "{\"anyOf\":[{\"$ref\":\"#/components/schemas/User\"},{\"type\":\"null\"}]}");
}
END_TEST

START_TEST(malformed_types_are_not)
{
    static const char *const bad[] = {"", "?", "strin", "[text", "Nobody", "[Nobody]?", "="};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        ck_assert_msg(!schema_type_is_good(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(fields_are_described)
{
    static const char *const words[] = {"x", "y", NULL};
    static const struct field fields[] = {
        {.name = "id", .type = FIELD_UUID, .flags = FIELD_REQUIRED | FIELD_IN_PATH},
        {.name = "name", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .minimum = 1, .maximum = 9},
        {.name = "count", .type = FIELD_INTEGER, .minimum = -1, .maximum = 5},
        {.name = "kind", .type = FIELD_CHOICE, .choices = words},
        {0},
    };
    static const struct field ways[] = {
        {.name = "number", .type = FIELD_INTEGER, .flags = FIELD_ONE_OF, .minimum = 1},
        {.name = "all", .type = FIELD_BOOLEAN, .flags = FIELD_ONE_OF},
        {0},
    };
    assert_schema(schema_of_field(&fields[0], true), "{\"type\":\"string\",\"format\":\"uuid\"}");
    assert_schema(schema_of_field(&fields[2], false),
                  "{\"type\":\"integer\",\"minimum\":-1,\"maximum\":5}");
    assert_schema(schema_of_fields(fields, FIELD_IN_PATH),
                  "{\"type\":\"object\",\"properties\":{"
                  "\"name\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":9,"
                  "\"pattern\":\"^[^\\\\u0000-\\\\u0008\\\\u000B\\\\u000C\\\\u000E-"
                  "\\\\u001F\\\\uFFFE\\\\uFFFF]*$\"},"
                  "\"count\":{\"type\":[\"integer\",\"null\"],\"minimum\":-1,\"maximum\":5},"
                  "\"kind\":{\"type\":[\"string\",\"null\"],\"enum\":[\"x\",\"y\",null]}},"
                  "\"required\":[\"name\"],\"additionalProperties\":false}");
    assert_schema(
        schema_of_fields(ways, 0),
        "{\"type\":\"object\",\"properties\":{\"number\":{\"type\":[\"integer\",\"null\"],"
        "\"minimum\":1,\"format\":\"int64\",\"maximum\":9223372036854775807},"
        "\"all\":{\"type\":[\"boolean\",\"null\"]}},\"required\":[],"
        "\"oneOf\":[{\"required\":[\"number\"],\"properties\":{\"number\":{\"not\":{\"type\":"
        "\"null\"}}}},"
        "{\"required\":[\"all\"],\"properties\":{\"all\":{\"not\":{\"type\":\"null\"}}}}],"
        "\"additionalProperties\":false}");
}
END_TEST

START_TEST(named_schemas_hold_together)
{
    json_t *all = schema_all();
    json_t *user = json_object_get(all, "User");
    ck_assert_ptr_nonnull(json_object_get(json_object_get(user, "properties"), "jid"));
    json_t *problem = json_object_get(all, "Problem");
    json_t *properties = json_object_get(problem, "properties");
    ck_assert_ptr_nonnull(json_object_get(properties, "errors")); /* optional: without the "?" */
    ck_assert_uint_eq(json_array_size(json_object_get(problem, "required")), 4);
    json_decref(all);
}
END_TEST

START_TEST(every_event_is_described)
{
    unsigned count = 0;
    for (const struct schema_frame *frame = schema_frames(); frame->name; frame++) {
        ck_assert_msg(schema_type_is_good(frame->payload), "%s", frame->name);
        if (!frame->is_event)
            continue;
        ck_assert_msg(event_type_from_name(frame->name) < EVENT_TYPE_MAX, "%s", frame->name);
        count++;
    }
    ck_assert_msg(count == EVENT_TYPE_MAX, "schema.def has %u events of %d", count, EVENT_TYPE_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("describe/schema");
    TCase *tests = tcase_create("schema");
    tcase_add_test(tests, types_are_read);
    tcase_add_test(tests, malformed_types_are_not);
    tcase_add_test(tests, fields_are_described);
    tcase_add_test(tests, named_schemas_hold_together);
    tcase_add_test(tests, every_event_is_described);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
