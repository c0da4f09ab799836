/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include <string.h>

#include "bridge/archive/record.h"
#include "tests/unit/core_fake_archive.h"

#define VALUES_MAX 8

struct question {
    enum query query;
    char *values[VALUES_MAX];
    archive_done done;
    void *data;
};

struct rows {
    int count;
    int columns;
    const char *const *cells;
};

static const int parameters[QUERY_MAX] = {
#define TRESTLE_QUERY(symbol, name, count, text, names) [QUERY_##symbol] = count,
#include "bridge/archive/queries.def"
#undef TRESTLE_QUERY
};

const char *query_parameters(enum query query)
{
    static const char *const names_of[QUERY_MAX] = {
        [QUERY_NONE] = "",
#define TRESTLE_QUERY(symbol, name, count, text, names) [QUERY_##symbol] = (names),
#include "bridge/archive/queries.def"
#undef TRESTLE_QUERY
    };
    return names_of[query];
}

static GQueue questions = G_QUEUE_INIT;
static GQueue writes = G_QUEUE_INIT;
static bool is_up = true;
static GPtrArray *records; /* bytes of composite cells */

void archive_query(struct archive *archive, enum query query, const char *const *values,
                   archive_done done, void *data)
{
    (void)archive;
    struct question *question = g_new0(struct question, 1);
    question->query = query;
    question->done = done;
    question->data = data;
    for (int i = 0; i < parameters[query] && i < VALUES_MAX; i++)
        question->values[i] = g_strdup(values[i]);
    g_queue_push_tail(&questions, question);
}

void archive_gather(struct archive *archive, enum gather kind, const char *const *values,
                    archive_done done, void *data)
{
    static const enum query queries[GATHER_MAX] = {
        [GATHER_SIGN_IN] = QUERY_USER_SIGN_IN, [GATHER_PARTNERS] = QUERY_PRESENCE_PARTNERS};
    archive_query(archive, queries[kind], values, done, data);
}

void archive_query_binary(struct archive *archive, enum query query, const char *const *values,
                          archive_done done, void *data)
{
    archive_query(archive, query, values, done, data);
}

void archive_write(struct archive *archive, struct write *write)
{
    (void)archive;
    g_queue_push_tail(&writes, write);
}

bool archive_is_up(const struct archive *archive)
{
    (void)archive;
    return is_up;
}

void archive_grew(struct archive *archive, const struct uuid *conversation)
{
    (void)archive;
    (void)conversation;
}

void fake_set_up(bool up)
{
    is_up = up;
}

enum query fake_asked(void)
{
    const struct question *question = g_queue_peek_head(&questions);
    return question ? question->query : QUERY_MAX;
}

const char *fake_value(int number)
{
    const struct question *question = g_queue_peek_head(&questions);
    g_assert(question && number < VALUES_MAX);
    return question->values[number];
}

unsigned fake_questions(void)
{
    return questions.length;
}

void fake_prefer(unsigned number)
{
    struct question *question = g_queue_pop_nth(&questions, number);
    g_assert(question);
    g_queue_push_head(&questions, question);
}

static void finish(const struct rows *rows, enum error_code error)
{
    struct question *question = g_queue_pop_head(&questions);
    g_assert(question);
    records = g_ptr_array_new_with_free_func(g_free);
    question->done(rows, error, question->data);
    g_clear_pointer(&records, g_ptr_array_unref);
    for (int i = 0; i < VALUES_MAX; i++)
        g_free(question->values[i]);
    g_free(question);
}

void fake_answer(int rows, int columns, const char *const *cells)
{
    struct rows answer = {rows, columns, cells};
    finish(&answer, ERROR_NONE);
}

void fake_fail(enum error_code error)
{
    finish(NULL, error);
}

struct write *fake_take_write(void)
{
    return g_queue_pop_head(&writes);
}

void fake_settle(struct write *write, enum write_outcome outcome)
{
    write->outcome = outcome;
    write->done(write, ERROR_NONE);
}

void fake_refuse(struct write *write, enum error_code error)
{
    write->done(write, error);
}

unsigned fake_writes(void)
{
    return writes.length;
}

void fake_clear(void)
{
    struct write *write;
    while (questions.head || writes.head) {
        if (questions.head)
            fake_fail(ERROR_UNAVAILABLE);
        if ((write = fake_take_write()))
            fake_refuse(write, ERROR_UNAVAILABLE);
    }
}

static const char *cell(const struct rows *rows, int row, int column)
{
    g_assert(row < rows->count && column < rows->columns);
    return rows->cells[row * rows->columns + column];
}

static char *bytes_of(const char *hex)
{
    size_t length = strlen(hex) / 2;
    char *bytes = g_malloc0(length + 1); /* as libpq has them */
    for (size_t i = 0; i < length; i++)
        bytes[i] =
            (char)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return bytes;
}

/* Cells read so are bytes in hexadecimal behind a backslash. Kept until the answer was given. */
bool rows_part(const struct rows *rows, int row, int column, struct record_part *ret_part)
{
    const char *text = cell(rows, row, column);
    *ret_part = (struct record_part){0};
    if (!text)
        return false;
    char *bytes = bytes_of(text + 1);
    g_ptr_array_add(records, bytes);
    *ret_part = (struct record_part){bytes, strlen(text + 1) / 2};
    return true;
}

char *fake_record(const char *const *parts, unsigned count)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, "\\%08x", count);
    for (unsigned i = 0; i < count; i++) {
        size_t length = parts[i] ? strlen(parts[i]) / 2 : 0;
        g_string_append_printf(text, "00000000%08x%s", parts[i] ? (guint32)length : G_MAXUINT32,
                               parts[i] ? parts[i] : "");
    }
    return g_string_free(text, FALSE);
}

char *fake_hex(const void *bytes, size_t length)
{
    GString *text = g_string_sized_new(2 * length);
    for (size_t i = 0; i < length; i++)
        g_string_append_printf(text, "%02x", ((const guint8 *)bytes)[i]);
    return g_string_free(text, FALSE);
}

GBytes *fake_user(const char *jid)
{
    g_autofree char *hex = fake_hex(jid, strlen(jid));
    const char *const parts[] = {NULL, NULL, NULL, NULL, NULL, hex, NULL, NULL};
    g_autofree char *text = fake_record(parts, G_N_ELEMENTS(parts));
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (const char *digit = text + 1; *digit; digit += 2) {
        guint8 byte =
            (guint8)(g_ascii_xdigit_value(digit[0]) << 4 | g_ascii_xdigit_value(digit[1]));
        g_byte_array_append(bytes, &byte, 1);
    }
    return g_byte_array_free_to_bytes(g_steal_pointer(&bytes));
}

int rows_count(const struct rows *rows)
{
    return rows->count;
}

const char *rows_text(const struct rows *rows, int row, int column)
{
    return cell(rows, row, column);
}

bool rows_is_null(const struct rows *rows, int row, int column)
{
    return !cell(rows, row, column);
}

const char *rows_json(const struct rows *rows, int row, int column)
{
    return cell(rows, row, column);
}

size_t rows_length(const struct rows *rows, int row, int column)
{
    const char *text = cell(rows, row, column);
    return text ? strlen(text) : 0;
}

gint64 rows_integer(const struct rows *rows, int row, int column)
{
    const char *text = cell(rows, row, column);
    return text ? g_ascii_strtoll(text, NULL, 10) : 0;
}

gint64 rows_time(const struct rows *rows, int row, int column)
{
    return rows_integer(rows, row, column);
}

bool rows_boolean(const struct rows *rows, int row, int column)
{
    const char *text = cell(rows, row, column);
    return text && *text == 't';
}

bool rows_uuid(const struct rows *rows, int row, int column, struct uuid *ret_id)
{
    const char *text = cell(rows, row, column);
    return text && uuid_parse(text, ret_id);
}
