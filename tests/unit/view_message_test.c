/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages of messages: what the archive holds can be read, however long it is. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/view/message.h"
#include "bridge/view/message_page.h"
#include "tests/unit/core_fake_archive.h"
#include "tests/unit/unit.h"

#define COLUMNS (MESSAGE_PAGE_CONTENT + 1)
#define ROWS_MAX 102

static const char id_format[] = "018f0000-0000-7000-8000-%012d";

struct made {
    const struct message_page *page;
    json_t *json;
};

static void write_page(const struct rows *rows, enum error_code error, void *data)
{
    struct made *made = data;
    g_auto(buffer) buf = BUFFER_INIT(MESSAGE_PAGE_MAX);
    ck_assert_int_eq(error, ERROR_NONE);
    ck_assert(message_page_write(&buf, made->page, rows));
    ck_assert(!buf.overflow);
    made->json = json_loadb(buf.data, buf.length, 0, NULL);
    ck_assert_ptr_nonnull(made->json);
}

static const struct uuid sender = {{1}};

static const char *keep(GPtrArray *kept, char *cell)
{
    g_ptr_array_add(kept, cell);
    return cell;
}

/* The row of the number-th message, of TEXT. */
static void message_cells(const char **cells, int number, const char *text, GPtrArray *kept)
{
    char *from = g_malloc(UUID_TEXT_SIZE);
    uuid_format(&sender, from);
    cells[MESSAGE_PAGE_ID] = keep(kept, g_strdup_printf(id_format, number));
    cells[MESSAGE_PAGE_SEQ] = keep(kept, g_strdup_printf("%d", number + 1));
    cells[MESSAGE_PAGE_SENDER_ID] = keep(kept, from);
    cells[MESSAGE_PAGE_BODY] = text;
    cells[MESSAGE_PAGE_KIND] = "t";
    cells[MESSAGE_PAGE_FAILED] = "f";
    cells[MESSAGE_PAGE_CREATED_AT] = "1";
}

/* Of one sender, and without marks. */
static char *head_record(int place)
{
    g_autofree char *id = fake_hex(&sender, sizeof sender);
    const char *const facts[] = {id, NULL, NULL, NULL, NULL, NULL, NULL, "0000000000000001"};
    g_autofree char *user = fake_record(facts, G_N_ELEMENTS(facts));
    /* An array of one dimension: flags, type, count, lower bound, length. */
    g_autofree char *senders = g_strdup_printf("0000000100000000000000000000000100000001%08x%s",
                                               (guint32)strlen(user + 1) / 2, user + 1);
    g_autofree char *seq = g_strdup_printf("%016x", (unsigned)place);
    const char *const parts[] = {senders, NULL, seq};
    return fake_record(parts, G_N_ELEMENTS(parts));
}

/* A page, at PLACE, of COUNT messages 0, 1, 2 … of SIZE bytes each, all of them backslashes. The
 * seq of each is one more. */
static json_t *page_at(int place, int count, size_t size, const struct message_page *page)
{
    static const char *cells[ROWS_MAX * COLUMNS];
    g_autofree char *body = g_strnfill(size, '\\');
    g_autoptr(GPtrArray) made_cells = g_ptr_array_new_with_free_func(g_free);
    memset(cells, 0, sizeof cells);
    for (int i = 0; i < count; i++)
        message_cells(&cells[i * COLUMNS], i, body, made_cells);
    g_ptr_array_add(made_cells, head_record(place));
    cells[MESSAGE_PAGE_HEAD] = made_cells->pdata[made_cells->len - 1];
    struct made made = {.page = page};
    const char *const values[8] = {NULL};
    archive_query(NULL, QUERY_MESSAGE_PAGE, values, write_page, &made);
    fake_answer(MAX(count, 1), COLUMNS, cells);
    return made.json;
}

static json_t *page_of(int count, size_t size, const struct message_page *page)
{
    return page_at(0, count, size, page);
}

static int number_of(const json_t *id)
{
    return (int)g_ascii_strtoll(strrchr(json_string_value(id), '-') + 1, NULL, 10);
}

struct expected {
    int first, last;
    int next; /* -1: there is no more */
};

static void check_page(json_t *json, const struct expected *expected)
{
    const json_t *items = json_object_get(json, "items");
    size_t count = json_array_size(items);
    ck_assert_uint_eq(count, (size_t)(expected->last - expected->first + 1));
    ck_assert_int_eq(number_of(json_object_get(json_array_get(items, 0), "id")), expected->first);
    ck_assert_int_eq(number_of(json_object_get(json_array_get(items, count - 1), "id")),
                     expected->last);
    const json_t *next = json_object_get(json, "next");
    ck_assert_int_eq(json_is_true(json_object_get(json, "has_more")), expected->next >= 0);
    ck_assert_int_eq(json_is_null(next) ? -1 : number_of(next), expected->next);
    json_decref(json);
}

START_TEST(long_texts_end_a_page_early)
{
    enum { SIZE = 255000, FIT = MESSAGE_PAGE_TEXT / SIZE };
    struct message_page page = {.limit = 50};
    check_page(page_of(40, SIZE, &page), &(struct expected){40 - FIT, 39, 40 - FIT});
    check_page(page_of(FIT, SIZE, &page), &(struct expected){0, FIT - 1, -1});
    page.from = PAGE_AFTER;
    check_page(page_of(40, SIZE, &page), &(struct expected){0, FIT - 1, FIT - 1});
}
END_TEST

START_TEST(one_text_is_always_shown)
{
    enum { SIZE = 4194304 }; /* the largest stanza there can be */
    struct message_page page = {.limit = 50};
    check_page(page_of(3, SIZE, &page), &(struct expected){2, 2, 2});
    page.from = PAGE_AFTER;
    check_page(page_of(3, SIZE, &page), &(struct expected){0, 0, 0});
    check_page(page_of(1, SIZE, &page), &(struct expected){0, 0, -1});
}
END_TEST

START_TEST(a_page_around_a_message_holds_it)
{
    struct message_page page = {.limit = 50, .from = PAGE_AROUND};
    check_page(page_at(11, 30, 1000000, &page), &(struct expected){10, 13, 10});
    check_page(page_at(11, 12, 1000000, &page), &(struct expected){8, 11, 8});
    check_page(page_at(13, 12, 1000000, &page), &(struct expected){8, 11, 8});
}
END_TEST

static void check_sides(json_t *json, bool before, bool after)
{
    ck_assert_int_eq(json_is_true(json_object_get(json, "has_more_before")), before);
    ck_assert_int_eq(json_is_true(json_object_get(json, "has_more_after")), after);
    json_decref(json);
}

START_TEST(a_page_knows_what_lies_on_both_sides_of_it)
{
    struct message_page newest = {.limit = 5}, before = {.limit = 5, .from = PAGE_BEFORE};
    struct message_page after = {.limit = 5, .from = PAGE_AFTER};
    struct message_page around = {.limit = 5, .from = PAGE_AROUND};
    check_sides(page_of(6, 10, &newest), true, false);
    check_sides(page_of(5, 10, &newest), false, false);
    check_sides(page_at(7, 7, 10, &before), true, true);
    check_sides(page_at(6, 6, 10, &before), false, true);
    check_sides(page_at(6, 5, 10, &before), false, false);
    check_sides(page_at(1, 7, 10, &after), true, true);
    check_sides(page_at(0, 5, 10, &after), false, false);
    check_sides(page_at(1, 1, 10, &after), true, false);
    check_sides(page_at(4, 7, 10, &around), true, true);
    check_sides(page_at(3, 6, 10, &around), false, true);
    check_sides(page_at(4, 6, 10, &around), true, false);
    check_page(page_at(4, 7, 10, &around), &(struct expected){1, 5, 1});
    check_page(page_at(7, 7, 10, &before), &(struct expected){1, 5, 1});
    check_page(page_at(1, 7, 10, &after), &(struct expected){1, 5, 5});
}
END_TEST

START_TEST(a_page_has_at_most_its_limit)
{
    struct message_page page = {.limit = 5};
    check_page(page_of(6, 10, &page), &(struct expected){1, 5, 1});
    check_page(page_of(5, 10, &page), &(struct expected){0, 4, -1});
    page.from = PAGE_AFTER;
    check_page(page_of(6, 10, &page), &(struct expected){0, 4, 4});
    check_page(page_of(5, 10, &page), &(struct expected){0, 4, -1});
}
END_TEST

START_TEST(an_empty_conversation_is_an_empty_page)
{
    struct message_page page = {.limit = 5};
    json_t *json = page_of(0, 0, &page);
    ck_assert_uint_eq(json_array_size(json_object_get(json, "items")), 0);
    ck_assert(json_is_false(json_object_get(json, "has_more")));
    json_decref(json);
}
END_TEST

START_TEST(a_failure_outranks_marks)
{
    g_auto(buffer) buf = BUFFER_INIT(4096);
    struct message_view view = {.sender = &(struct user_view){.written = "{}"},
                                .body = "x",
                                .kind = "text",
                                .seq = 1,
                                .created_at = 1,
                                .delivered_at = 2,
                                .read_at = 3,
                                .failed = true};
    message_view_write(&buf, &view);
    json_t *json = json_loadb(buf.data, buf.length, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(json, "status")), "failed");
    ck_assert(json_is_null(json_object_get(json, "delivered_at")));
    ck_assert(json_is_null(json_object_get(json, "read_at")));
    json_decref(json);
}
END_TEST

UNIT_MAIN("view_message", long_texts_end_a_page_early, one_text_is_always_shown,
          a_page_around_a_message_holds_it, a_page_knows_what_lies_on_both_sides_of_it,
          a_page_has_at_most_its_limit, an_empty_conversation_is_an_empty_page,
          a_failure_outranks_marks)
