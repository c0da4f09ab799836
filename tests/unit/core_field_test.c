/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Field lists, request bodies and problems. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "bridge/core/body.h"
#include "bridge/core/request.h"
#include "tests/unit/unit.h"

static const char *const colours[] = {"red", "green", NULL};
static const struct field fields[] = {
    {.name = "id", .type = FIELD_UUID, .flags = FIELD_IN_PATH | FIELD_REQUIRED},
    {.name = "limit", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .minimum = 1, .maximum = 100},
    {.name = "all", .type = FIELD_BOOLEAN, .flags = FIELD_IN_QUERY},
    {.name = "content", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .minimum = 1, .maximum = 8},
    {.name = "client_id", .type = FIELD_TEXT, .flags = FIELD_IDEMPOTENCY, .maximum = 16},
    {.name = "colour", .type = FIELD_CHOICE, .choices = colours},
    {.name = "user", .type = FIELD_USER, .minimum = 1, .maximum = 8},
    {.name = "until", .type = FIELD_TEXT, .flags = FIELD_NULLABLE, .minimum = 1, .maximum = 8},
    {.name = NULL}};
enum { ID, LIMIT, ALL, CONTENT, CLIENT_ID, COLOUR, USER, UNTIL, FIELDS };

static struct {
    const char *texts[FIELDS];
} parameters;

static const char *find_parameter(void *data, const struct field *field, size_t *ret_length)
{
    (void)data;
    const char *text = parameters.texts[field - fields];
    *ret_length = text ? strlen(text) : 0;
    return text;
}

static struct field_value values[FIELDS];
static struct field_problem problem;
static json_t *body;

/* Checks BODY as a REST request (with the path and query of PARAMETERS) or as a frame. */
static bool check(const char *text, bool frame, const char *key)
{
    enum error_code code;
    const char *detail;
    json_decref(body);
    body = NULL;
    ck_assert(!text || body_parse(text, strlen(text), &body, &code, &detail));
    struct field_source source = {.object = body,
                                  .everything_in_object = frame,
                                  .idempotency_key = key,
                                  .parameter = find_parameter};
    memset(&problem, 0, sizeof problem);
    return fields_check(fields, &source, values, &problem);
}

static void set_up(void)
{
    memset(&parameters, 0, sizeof parameters);
    parameters.texts[ID] = "01890a5d-ac96-774b-bcce-b302099a8057";
}

static void tear_down(void)
{
    json_decref(body);
    body = NULL;
}

START_TEST(values_arrive_typed)
{
    parameters.texts[LIMIT] = "20";
    parameters.texts[ALL] = "true";
    ck_assert(check("{\"content\":\"hi\",\"colour\":\"green\"}", false, "key"));
    ck_assert_int_eq(values[LIMIT].integer, 20);
    ck_assert_int_eq(values[ALL].integer, 1);
    ck_assert_str_eq(values[CONTENT].text, "hi");
    ck_assert_uint_eq(values[CONTENT].length, 2);
    ck_assert_str_eq(values[CLIENT_ID].text, "key");
    ck_assert_str_eq(values[COLOUR].text, "green");
    ck_assert_int_eq(values[ID].uuid.bytes[0], 0x01);
    ck_assert(check("{\"content\":\"hi\",\"client_id\":\"own\",\"colour\":null}", false, "own"));
    ck_assert_str_eq(values[CLIENT_ID].text, "own");
    ck_assert(!values[COLOUR].present);
    ck_assert(!check("{\"content\":\"hi\",\"client_id\":\"own\"}", false, "key"));
    ck_assert_str_eq(problem.pointer, "/client_id");
}
END_TEST

START_TEST(a_whole_number_may_be_written_with_a_point)
{
    ck_assert(check("{\"content\":\"x\",\"user\":42.0}", false, NULL));
    ck_assert_int_eq(values[USER].integer, 42);
    ck_assert(check("{\"content\":\"x\",\"user\":1e3}", false, NULL));
    ck_assert_int_eq(values[USER].integer, 1000);
    ck_assert(!check("{\"content\":\"x\",\"user\":1.5}", false, NULL));
    ck_assert(!check("{\"content\":\"x\",\"user\":1e300}", false, NULL));
    ck_assert(!check("{\"content\":\"x\",\"user\":-1e300}", false, NULL));
}
END_TEST

START_TEST(one_of_several_is_exactly_one)
{
    static const struct field ways[] = {
        {.name = "a", .type = FIELD_TEXT, .flags = FIELD_ONE_OF, .minimum = 1, .maximum = 9},
        {.name = "b", .type = FIELD_INTEGER, .flags = FIELD_ONE_OF, .minimum = 1, .maximum = 9},
        {.name = "c", .type = FIELD_TEXT, .minimum = 1, .maximum = 9},
        {0}};
    static const struct {
        const char *text, *pointer; /* "": good */
    } cases[] = {
        {"{\"a\":\"x\"}", ""},  {"{\"b\":1,\"c\":\"x\",\"a\":null}", ""}, {"{}", "/a"},
        {"{\"a\":null}", "/a"}, {"{\"a\":\"x\",\"b\":1}", "/a"},          {"{\"b\":0}", "/b"},
        {"{\"d\":0}", "/d"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *object = json_loads(cases[i].text, 0, NULL);
        struct field_source source = {.object = object};
        struct field_problem fault = {0};
        bool good = fields_check(ways, &source, values, &fault);
        ck_assert_msg(good == !cases[i].pointer[0] && strcmp(fault.pointer, cases[i].pointer) == 0,
                      "%s: %s", cases[i].text, fault.pointer);
        json_decref(object);
    }
}
END_TEST

START_TEST(a_list_of_lines_holds_lines)
{
    static const struct field lists[] = {
        {.name = "lines", .type = FIELD_TEXTS, .flags = FIELD_LINE, .maximum = 2},
        {.name = "texts", .type = FIELD_TEXTS, .minimum = 1, .maximum = 2},
        {0}};
    static const struct {
        const char *text, *pointer; /* "": good */
    } cases[] = {{"{\"lines\":[],\"texts\":[\"a\\nb\"]}", ""},
                 {"{\"lines\":[\"a b\",\"\\u00e9\"]}", ""},
                 {"{\"lines\":[\"a\\u0007b\"]}", "/lines"},
                 {"{\"lines\":[\"a\\u202eb\"]}", "/lines"},
                 {"{\"lines\":[\"a\",\" \"]}", "/lines"},
                 {"{\"lines\":[\"\"]}", "/lines"},
                 {"{\"lines\":[\"a\",\"b\",\"c\"]}", "/lines"},
                 {"{\"lines\":[1]}", "/lines"},
                 {"{\"lines\":\"a\"}", "/lines"},
                 {"{\"texts\":[]}", "/texts"}};
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        json_t *object = json_loads(cases[i].text, 0, NULL);
        struct field_source source = {.object = object};
        struct field_problem fault = {0};
        bool good = fields_check(lists, &source, values, &fault);
        ck_assert_msg(good == !cases[i].pointer[0] && strcmp(fault.pointer, cases[i].pointer) == 0,
                      "%s: %s", cases[i].text, fault.pointer);
        json_decref(object);
    }
    g_autofree char *longest = g_strnfill(FIELD_LINES_EACH + 1, 'x');
    for (int more = 0; more < 2; more++) {
        json_t *object = json_pack("{s:[s]}", "lines", longest + 1 - more);
        struct field_source source = {.object = object};
        struct field_problem fault = {0};
        ck_assert_int_eq(fields_check(lists, &source, values, &fault), more == 0);
        json_decref(object);
    }
    json_t *mixed = json_pack("[s, i, s]", "a", 1, "b");
    g_autofree const char **texts = field_texts(mixed);
    g_autofree const char **none = field_texts(NULL);
    ck_assert(strcmp(texts[0], "a") == 0 && strcmp(texts[1], "b") == 0 && !texts[2] && !none[0]);
    json_decref(mixed);
}
END_TEST

START_TEST(a_user_is_a_text_or_a_whole_number)
{
    ck_assert(check("{\"content\":\"x\",\"user\":\"42\"}", false, NULL));
    ck_assert_str_eq(values[USER].text, "42");
    json_t *reference = field_user_json(&values[USER]);
    ck_assert_str_eq(json_string_value(reference), "42");
    json_decref(reference);
    ck_assert(check("{\"content\":\"x\",\"user\":42}", false, NULL));
    ck_assert_ptr_null(values[USER].text);
    ck_assert_int_eq(values[USER].integer, 42);
    reference = field_user_json(&values[USER]);
    ck_assert_int_eq(json_integer_value(reference), 42);
    json_decref(reference);
    ck_assert(check("{\"content\":\"x\",\"user\":null}", false, NULL));
    ck_assert(!values[USER].present);
    ck_assert_ptr_null(field_user_json(&values[USER]));
}
END_TEST

START_TEST(null_is_a_value_where_it_is_declared)
{
    ck_assert(check("{\"content\":\"x\",\"until\":null}", false, NULL));
    ck_assert(values[UNTIL].present);
    ck_assert_ptr_null(values[UNTIL].text);
    ck_assert(check("{\"content\":\"x\",\"until\":\"y\"}", false, NULL));
    ck_assert_str_eq(values[UNTIL].text, "y");
    ck_assert(check("{\"content\":\"x\"}", false, NULL));
    ck_assert(!values[UNTIL].present);
}
END_TEST

START_TEST(a_frame_carries_everything_in_its_payload)
{
    ck_assert(check("{\"id\":\"01890A5D-ac96-774b-bcce-b302099a8057\",\"limit\":5,\"all\":false,"
                    "\"content\":\"x\"}",
                    true, NULL));
    ck_assert_int_eq(values[LIMIT].integer, 5);
    ck_assert(values[ALL].present && values[ALL].integer == 0);
    ck_assert(!check("{\"id\":\"nonsense\",\"content\":\"x\"}", true, NULL));
    ck_assert_int_eq(problem.code, ERROR_UNPROCESSABLE);
    ck_assert_str_eq(problem.pointer, "/id");
}
END_TEST

static const struct {
    const char *body, *pointer;
} refused[] = {
    {"{}", "/content"},
    {"{\"content\":\"\"}", "/content"},
    {"{\"content\":null}", "/content"},
    {"{\"content\":\"123456789\"}", "/content"},
    {"{\"content\":5}", "/content"},
    {"{\"content\":[\"x\"]}", "/content"},
    {"{\"content\":\"a\\u0000\"}", "/content"},
    {"{\"content\":\"\\ufffe\"}", "/content"},
    {"{\"content\":\"\\u0007\"}", "/content"},
    {"{\"content\":\"x\",\"colour\":\"blue\"}", "/colour"},
    {"{\"content\":\"x\",\"colour\":true}", "/colour"},
    {"{\"content\":\"x\",\"user\":0}", "/user"},
    {"{\"content\":\"x\",\"user\":-5}", "/user"},
    {"{\"content\":\"x\",\"user\":1.5}", "/user"},
    {"{\"content\":\"x\",\"user\":true}", "/user"},
    {"{\"content\":\"x\",\"user\":[1]}", "/user"},
    {"{\"content\":\"x\",\"user\":\"\"}", "/user"},
    {"{\"content\":\"x\",\"user\":\"123456789\"}", "/user"},
    {"{\"content\":\"x\",\"until\":\"\"}", "/until"},
    {"{\"content\":\"x\",\"until\":7}", "/until"},
    {"{\"content\":\"x\",\"id\":\"y\"}", "/id"},
    {"{\"content\":\"x\",\"limit\":5}", "/limit"},
    {"{\"content\":\"x\",\"a/b~c\":1}", "/a~1b~0c"},
    {"[1]", ""},
    {"\"x\"", ""},
};

START_TEST(bad_bodies_are_unprocessable)
{
    ck_assert(!check(refused[_i].body, false, NULL));
    ck_assert_int_eq(problem.code, ERROR_UNPROCESSABLE);
    ck_assert_str_eq(problem.pointer, refused[_i].pointer);
    ck_assert_ptr_nonnull(problem.detail);
}
END_TEST

START_TEST(bad_parameters_are_told_apart)
{
    static const char *const limits[] = {"0",  "101", "x",   "",   "1x",
                                         " 1", "+1",  "1.0", "-1", "99999999999999999999"};
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        parameters.texts[LIMIT] = limits[i];
        ck_assert_msg(!check("{\"content\":\"x\"}", false, NULL), "%s", limits[i]);
        ck_assert_int_eq(problem.code, ERROR_UNPROCESSABLE);
    }
    parameters.texts[LIMIT] = NULL;
    parameters.texts[ALL] = "1";
    ck_assert(!check("{\"content\":\"x\"}", false, NULL));
    parameters.texts[ALL] = NULL;
    parameters.texts[ID] = "not-an-id";
    ck_assert(!check("{\"content\":\"x\"}", false, NULL));
    ck_assert_int_eq(problem.code, ERROR_NOT_FOUND);
    ck_assert_str_eq(problem.pointer, "");
}
END_TEST

START_TEST(long_names_are_cut_at_a_character)
{
    for (gsize length = 58; length < 64; length++) {
        g_autofree char *name = g_strnfill(length, 'n');
        g_autofree char *text =
            g_strdup_printf("{\"content\":\"x\",\"%s\u00e9\u00e9\u00e9\":1}", name);
        ck_assert(!check(text, false, NULL));
        ck_assert_uint_ge(strlen(problem.pointer), 61);
        ck_assert(g_utf8_validate(problem.pointer, -1, NULL));
    }
}
END_TEST

static const struct {
    const char *text;
    enum error_code code;
} unreadable[] = {
    {"", ERROR_BAD_REQUEST},
    {"{", ERROR_BAD_REQUEST},
    {"{}{}", ERROR_BAD_REQUEST},
    {"{'a':1}", ERROR_BAD_REQUEST},
    {"{\"a\":1,\"a\":2}", ERROR_BAD_REQUEST},
    {"\"\xc0\xaf\"", ERROR_BAD_REQUEST},
    {"\"\xed\xa0\x80\"", ERROR_BAD_REQUEST},
    {"{\"a\":NaN}", ERROR_BAD_REQUEST},
    {"\"\\ud800\"", ERROR_UNPROCESSABLE},
    {"\"\\udc00\\ud800\"", ERROR_UNPROCESSABLE},
    {"\"\\ud800\\u0041\"", ERROR_UNPROCESSABLE},
    {"{\"\\u0000\":1}", ERROR_UNPROCESSABLE},
};

START_TEST(unreadable_bodies_are_told_apart)
{
    json_t *json = NULL;
    enum error_code code = ERROR_NONE;
    const char *detail = NULL;
    const char *text = unreadable[_i].text;
    ck_assert(!body_parse(text, strlen(text), &json, &code, &detail));
    ck_assert_int_eq(code, unreadable[_i].code);
    ck_assert_ptr_nonnull(detail);
}
END_TEST

START_TEST(nesting_is_bounded)
{
    json_t *json = NULL;
    enum error_code code;
    const char *detail;
    g_autofree char *open = g_strnfill(BODY_DEPTH_MAX, '['),
                    *close = g_strnfill(BODY_DEPTH_MAX, ']');
    g_autofree char *deep = g_strconcat(open, close, NULL);
    ck_assert(body_parse(deep, strlen(deep), &json, &code, &detail));
    json_decref(json);
    g_autofree char *deeper = g_strconcat("[", deep, "]", NULL);
    ck_assert(!body_parse(deeper, strlen(deeper), &json, &code, &detail));
    const char *brackets = "\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[\"";
    ck_assert(body_parse(brackets, strlen(brackets), &json, &code, &detail));
    json_decref(json);
}
END_TEST

/* Texts that the fast way reads, and some that it must leave to jansson. */
static const char *const plain_texts[] = {
    "{\"a\":\"b\"}",
    " {\t\"a\" :\r\n\"b\" , \"c\":\"\" } ",
    "{\"\":\"\u00e9\U0001f600\"}",
    "{\"type\":\"send\",\"id\":\"1\",\"payload\":{\"content\":\"x\",\"client_id\":\"y\"}}",
    "{}",
    "{\"a\":{}}",
    "{\"a\":{\"b\":{\"c\":\"d\"}}}",
    "{\"a\":\"\\u00e9\\n\"}",
    "{\"a\":1,\"b\":null,\"c\":[\"d\"]}",
    "{\"a\":\"b\",}",
    "{\"a\":\"b\"",
    "{\"a\":\"b\"}x",
    "{\"a\" \"b\"}",
    "{\"a\":\"b\" \"c\":\"d\"}",
    "{\"a\":\"b\",\"a\":\"c\"}",
    "{\"a\":{\"b\":\"c\",\"b\":\"d\"}}",
    "{\"a\":\"\x01\"}",
    "{\"a\":\"\x7f\"}",
    "{\"a\":\"\xff\"}",
    "{\"a\":\"b\"}\x0b",
    "{\"0\":\"\",\"1\":\"\",\"2\":\"\",\"3\":\"\",\"4\":\"\",\"5\":\"\",\"6\":\"\",\"7\":\"\","
    "\"8\":\"\","
    "\"9\":\"\",\"10\":\"\",\"11\":\"\",\"12\":\"\",\"13\":\"\",\"14\":\"\",\"15\":\"\",\"16\":"
    "\"\"}",
};

START_TEST(plain_bodies_are_read_as_jansson_does)
{
    const char *text = plain_texts[_i];
    json_t *json = NULL;
    enum error_code code;
    const char *detail;
    json_t *expected = json_loads(text, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    bool good = body_parse(text, strlen(text), &json, &code, &detail);
    ck_assert_int_eq(good, expected != NULL);
    ck_assert(!good || json_equal(json, expected));
    json_decref(json);
    json_decref(expected);
}
END_TEST

START_TEST(nul_after_a_plain_body_is_no_json)
{
    static const char text[] = "{\"a\":\"b\"}";
    json_t *json = NULL;
    enum error_code code;
    const char *detail;
    ck_assert(!body_parse(text, sizeof text, &json, &code, &detail));
}
END_TEST

static unsigned allocations;

static void *count_allocation(size_t size)
{
    allocations++;
    return malloc(size);
}

/* What every message costs: the object with its table, and of each member an entry, the value and
 * the text. */
START_TEST(a_usual_body_takes_few_allocations)
{
    g_autofree char *content = g_strnfill(200, 'x');
    g_autofree char *text = g_strdup_printf("{\"content\":\"%s\",\"client_id\":\"y\"}", content);
    json_t *json = NULL;
    enum error_code code;
    const char *detail;
    json_set_alloc_funcs(count_allocation, free);
    ck_assert(body_parse(text, strlen(text), &json, &code, &detail));
    json_set_alloc_funcs(malloc, free);
    ck_assert_uint_le(allocations, 8);
    json_decref(json);
}
END_TEST

START_TEST(problems_have_the_promised_shape)
{
    struct buffer buf = BUFFER_INIT(4096);
    problem_write(&buf, &(struct problem){.code = ERROR_UNPROCESSABLE,
                                          .detail = "is too long",
                                          .pointer = "/content",
                                          .request_id = "r1"});
    ck_assert_str_eq(
        buf.data, "{\"type\":\"urn:trestle:problem:unprocessable\",\"title\":\"A field is not "
                  "acceptable\",\"status\":422,\"code\":\"unprocessable\",\"detail\":\"is too "
                  "long\",\"request_id\":\"r1\",\"errors\":[{\"pointer\":\"/content\",\"detail\":"
                  "\"is too long\"}]}");
    buffer_clear(&buf);
    problem_write(&buf, &(struct problem){.code = ERROR_NOT_FOUND,
                                          .detail = "no such conversation",
                                          .pointer = "/id"});
    struct buffer other = BUFFER_INIT(4096);
    problem_write(&other, &(struct problem){.code = ERROR_NOT_FOUND});
    ck_assert_str_eq(buf.data, other.data);
    buffer_clear(&buf);
    buffer_clear(&other);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("field");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, values_arrive_typed);
    tcase_add_test(tests, a_user_is_a_text_or_a_whole_number);
    tcase_add_test(tests, a_whole_number_may_be_written_with_a_point);
    tcase_add_test(tests, one_of_several_is_exactly_one);
    tcase_add_test(tests, a_list_of_lines_holds_lines);
    tcase_add_test(tests, null_is_a_value_where_it_is_declared);
    tcase_add_test(tests, a_frame_carries_everything_in_its_payload);
    tcase_add_loop_test(tests, bad_bodies_are_unprocessable, 0, (int)G_N_ELEMENTS(refused));
    tcase_add_test(tests, bad_parameters_are_told_apart);
    tcase_add_test(tests, long_names_are_cut_at_a_character);
    tcase_add_loop_test(tests, unreadable_bodies_are_told_apart, 0, (int)G_N_ELEMENTS(unreadable));
    tcase_add_test(tests, nesting_is_bounded);
    tcase_add_loop_test(tests, plain_bodies_are_read_as_jansson_does, 0,
                        (int)G_N_ELEMENTS(plain_texts));
    tcase_add_test(tests, nul_after_a_plain_body_is_no_json);
    tcase_add_test(tests, a_usual_body_takes_few_allocations);
    tcase_add_test(tests, problems_have_the_promised_shape);
    Suite *suite = suite_create("core_field");
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
