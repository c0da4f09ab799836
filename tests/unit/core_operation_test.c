/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Operations that are their query or their change: what is bound, what is answered, and which rows
 * cannot be. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/operation.h"
#include "bridge/core/part.h"
#include "bridge/core/relation.h"
#include "bridge/core/request.h"
#include "bridge/loop/loop.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

#define ALICE_ID "00000000-0000-7000-8000-00000000000a"
#define OTHER_ID "00000000-0000-7000-8000-00000000000b"

static struct {
    struct core core;
    struct options *options;
    struct account account;
    struct request request;
    json_t *body;
    unsigned status;
    enum error_code code;
    char *answer;
    GString *followed; /* what was told, in its order */
} t;

static void on_reply(struct request *request, unsigned status, struct buffer *json)
{
    (void)request;
    ck_assert_uint_eq(t.status, 0); /* once */
    size_t length;
    t.status = status;
    t.answer = buffer_take(json, &length);
}

static void on_fail(struct request *request, enum error_code code, struct buffer *problem)
{
    (void)request;
    t.code = code;
    buffer_clear(problem);
}

static void on_related(struct core *core, const struct uuid *user)
{
    (void)core;
    char id[UUID_TEXT_SIZE];
    uuid_format(user, id);
    g_string_append_printf(t.followed, "related %s;", id);
}

static void on_watched(struct core *core, const struct uuid *user,
                       const struct change_watcher *watcher)
{
    (void)core;
    (void)user;
    g_string_append_printf(t.followed, "%s %s %" G_GINT64_FORMAT ";", watcher->jid,
                           watcher->shown ? "sees" : "loses", watcher->last_seen);
}

static const struct part listener = {
    .name = "listener", .related = on_related, .watched = on_watched};

static void start(void)
{
    memset(&t, 0, sizeof t);
    loop_start();
    t.options = options_new();
    g_free(t.options->xmpp_domain);
    t.options->xmpp_domain = g_strdup("app.example.org");
    t.core.options = t.options;
    t.core.archive = (void *)&t.core; /* the fake one does not look at it */
    part_add(&t.core, &listener, NULL);
    t.followed = g_string_new(NULL);
    t.core.accounts = accounts_new();
    relations_init(&t.core);
    ck_assert(uuid_parse(ALICE_ID, &t.account.id));
    uuid_format(&t.account.id, t.account.id_text);
}

static void stop(void)
{
    t.core.archive = NULL;
    fake_clear();
    part_remove(&t.core, &listener);
    relations_clear(&t.core);
    accounts_free(t.core.accounts);
    loop_stop();
    json_decref(t.body);
    g_free(t.answer);
    g_string_free(t.followed, TRUE);
    options_free(t.options);
}

/* BODY has all fields, as that of a command has. */
static void run(const struct operation *operation, const char *body)
{
    static const struct request_transport transport = {.reply = on_reply, .fail = on_fail};
    struct field_problem problem;
    json_decref(t.body);
    g_clear_pointer(&t.answer, g_free);
    t.status = 0;
    t.code = ERROR_NONE;
    t.body = json_loads(body, 0, NULL);
    t.request = (struct request){
        .transport = &transport, .operation = operation, .core = &t.core, .account = &t.account};
    struct field_source source = {.object = t.body, .everything_in_object = true};
    ck_assert_msg(fields_check(operation->fields, &source, t.request.values, &problem), "%s %s",
                  problem.pointer, problem.detail);
    g_autofree char *mistake = operation_problem(operation);
    ck_assert_msg(!mistake, "%s", mistake);
    operation_run(&t.request);
}

/* ---- Reads ----------------------------------------------------------------------------------- */

static const struct field list_fields[] = {
    FIELD_PAGE_LIMIT(100),
    {.name = "before", .type = FIELD_UUID},
    {0},
};
static const struct operation list = {
    .method = "GET", .fields = list_fields, .read = QUERY_RELATION_BLOCKED};

START_TEST(a_read_binds_fields_by_name)
{
    start();
    run(&list, "{}");
    ck_assert_int_eq(fake_asked(), QUERY_RELATION_BLOCKED);
    ck_assert_str_eq(fake_value(0), ALICE_ID);
    ck_assert_str_eq(fake_value(1), "50");
    ck_assert_ptr_null(fake_value(2));
    fake_answer(1, 1, (const char *const[]){"{\"items\":[]}"});
    ck_assert_uint_eq(t.status, 200);
    ck_assert_str_eq(t.answer, "{\"items\":[]}");
    run(&list, "{\"before\": \"" OTHER_ID "\", \"limit\": 7}");
    ck_assert_str_eq(fake_value(1), "7");
    ck_assert_str_eq(fake_value(2), OTHER_ID);
    fake_answer(0, 1, NULL);
    ck_assert_int_eq(t.code, ERROR_NOT_FOUND);
    run(&list, "{}");
    fake_fail(ERROR_UNAVAILABLE);
    ck_assert_int_eq(t.code, ERROR_UNAVAILABLE);
    stop();
}
END_TEST

static bool write_rows(struct buffer *json, const struct request *request, const struct rows *rows)
{
    buffer_append_printf(json, "[%d,%d]", rows_count(rows), (int)request_integer(request, "limit"));
    return rows_count(rows) < 2;
}

START_TEST(rows_may_be_written_as_the_row_says)
{
    start();
    struct operation pair = list;
    pair.write = write_rows;
    run(&pair, "{\"limit\": 3}");
    fake_answer(0, 1, NULL);
    ck_assert_str_eq(t.answer, "[0,3]");
    run(&pair, "{}");
    fake_answer(2, 1, (const char *const[]){"a", "b"});
    ck_assert_int_eq(t.code, ERROR_NOT_FOUND);
    stop();
}
END_TEST

/* ---- Changes --------------------------------------------------------------------------------- */

static const struct field change_fields[] = {
    {.name = "jid", .type = FIELD_TEXT, .flags = FIELD_JID, .minimum = 1, .maximum = 100},
    {.name = "name", .type = FIELD_TEXT, .flags = FIELD_LINE | FIELD_NULLABLE, .maximum = 100},
    {.name = "until", .type = FIELD_TEXT, .flags = FIELD_UNTIL | FIELD_NULLABLE, .maximum = 40},
    {.name = "loud", .type = FIELD_BOOLEAN},
    {.name = "user", .type = FIELD_USER, .minimum = 1, .maximum = 100},
    {.name = "groups", .type = FIELD_TEXTS, .flags = FIELD_LINE, .maximum = 3},
    {0},
};
static const struct operation change = {.method = "POST",
                                        .fields = change_fields,
                                        .change = "block",
                                        .member = "block",
                                        .flags = OPERATION_CREATES};

static struct change_write *arguments_are(const char *expected)
{
    struct change_write *write = (struct change_write *)(void *)fake_take_write();
    ck_assert_str_eq(write->name, "block");
    ck_assert(uuid_equal(&write->user, &t.account.id));
    json_t *wanted = json_loads(expected, 0, NULL), *given = json_loads(write->arguments, 0, NULL);
    ck_assert_msg(json_equal(wanted, given), "%s", write->arguments);
    json_decref(wanted);
    json_decref(given);
    return write;
}

START_TEST(a_change_gets_what_is_meant)
{
    start();
    run(&change, "{\"jid\": \"Romeo@EXAMPLE.org\", \"name\": \" a  b \", \"user\": 7,"
                 " \"until\": \"2026-05-04T11:00:00+02:00\", \"loud\": false}");
    struct change_write *write =
        arguments_are("{\"jid\": \"romeo@example.org\", \"domain\": \"app.example.org\","
                      " \"name\": \"a b\", \"user\": 7, \"loud\": false,"
                      " \"until\": \"2026-05-04T09:00:00.000Z\"}");
    write->result = g_strdup("{\"block\": {\"a\": 1}, \"more\": 2}");
    fake_settle(&write->write, OUTCOME_DONE);
    ck_assert_uint_eq(t.status, 201);
    ck_assert_str_eq(t.answer, "{\"a\":1}");
    run(&change, "{\"name\": null, \"until\": \"forever\", \"user\": \"7\","
                 " \"groups\": [\" a  b \", \"c\"]}");
    write = arguments_are("{\"name\": null, \"until\": \"forever\", \"user\": \"7\","
                          " \"groups\": [\"a b\", \"c\"], \"domain\": \"app.example.org\"}");
    fake_settle(&write->write, OUTCOME_CONFLICT);
    ck_assert_int_eq(t.code, ERROR_CONFLICT);
    stop();
}
END_TEST

START_TEST(what_follows_a_change_is_done_once)
{
    start();
    static const char follows[] =
        "{\"relations\": [\"" ALICE_ID "\"], \"watchers\": [\"romeo@example.org\"],"
        " \"shown\": true, \"last_seen\": 5}";
    static const struct {
        enum write_outcome outcome;
        const char *told;
    } cases[] = {
        {OUTCOME_DONE, "related " ALICE_ID ";romeo@example.org sees 5;"},
        {OUTCOME_REPEATED, "related " ALICE_ID ";"}, /* its first answer may have been lost */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        run(&change, "{}");
        struct change_write *write = (struct change_write *)(void *)fake_take_write();
        write->result = g_strdup("{\"block\": {}}");
        write->follows = g_strdup(follows);
        fake_settle(&write->write, cases[i].outcome);
        ck_assert_str_eq(t.followed->str, cases[i].told);
        ck_assert_uint_eq(t.status, i == 0 ? 201 : 200);
        g_string_truncate(t.followed, 0);
    }
    run(&change, "{}");
    fake_refuse(fake_take_write(), ERROR_UNAVAILABLE);
    ck_assert_int_eq(t.code, ERROR_UNAVAILABLE);
    ck_assert_str_eq(t.followed->str, "");
    stop();
}
END_TEST

/* ---- Mistakes -------------------------------------------------------------------------------- */

static void nothing(struct request *request)
{
    (void)request;
}

START_TEST(rows_that_cannot_be_are_named)
{
    static const struct field misnamed[] = {
        FIELD_PAGE_LIMIT(100), {.name = "befor", .type = FIELD_UUID}, {0}};
    static const struct field mistyped[] = {
        FIELD_PAGE_LIMIT(100), {.name = "before", .type = FIELD_BOOLEAN}, {0}};
    static const struct field one_more[] = {FIELD_PAGE_LIMIT(100),
                                            {.name = "before", .type = FIELD_UUID},
                                            {.name = "more", .type = FIELD_UUID},
                                            {0}};
    static const struct field twice[] = {
        {.name = "a", .type = FIELD_UUID}, {.name = "a", .type = FIELD_UUID}, {0}};
    static const struct operation rows[] = {
        {.fields = misnamed, .read = QUERY_RELATION_BLOCKED},
        {.fields = mistyped, .read = QUERY_RELATION_BLOCKED},
        {.fields = one_more, .read = QUERY_RELATION_BLOCKED},
        {.fields = list_fields, .read = QUERY_RELATION_BLOCKED, .flags = OPERATION_ANONYMOUS},
        {.fields = list_fields, .read = QUERY_RELATION_BLOCKED, .change = "block"},
        {.fields = list_fields, .read = QUERY_RELATION_BLOCKED, .handle = nothing},
        {.fields = list_fields, .change = "block", .flags = OPERATION_SERVER_KEY},
        {.fields = list_fields},
        {.fields = twice, .handle = nothing},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *problem = operation_problem(&rows[i]);
        ck_assert_msg(problem != NULL, "row %zu", i);
    }
    ck_assert_ptr_null(operation_problem(&list));
    ck_assert_ptr_null(operation_problem(&change));
}
END_TEST

UNIT_MAIN("core_operation", a_read_binds_fields_by_name, rows_may_be_written_as_the_row_says,
          a_change_gets_what_is_meant, what_follows_a_change_is_done_once,
          rows_that_cannot_be_are_named)
