/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PostgreSQL's binary forms against bytes that PostgreSQL itself has made (array_send,
 * timestamptz_send …), and results put together by hand. */
#include "config.h"

#include <string.h>

#include "bridge/archive/codec.h"
#include "bridge/archive/archive_part.h"
#include "bridge/archive/write_kinds.h"
#include "tests/unit/unit.h"

static GByteArray *bytes_of(const char *hex)
{
    GByteArray *bytes = g_byte_array_new();
    for (; *hex; hex += 2) {
        guint8 byte = (guint8)(g_ascii_xdigit_value(hex[0]) << 4 | g_ascii_xdigit_value(hex[1]));
        g_byte_array_append(bytes, &byte, 1);
    }
    return bytes;
}

static void expect_bytes(struct array *array, const char *hex)
{
    array_end(array);
    g_autoptr(GByteArray) wanted = bytes_of(hex);
    /* We always say that there may be nulls; PostgreSQL says so when there are. */
    wanted->data[7] = 1;
    ck_assert_uint_eq(array->bytes->len, wanted->len);
    ck_assert_mem_eq(array->bytes->data, wanted->data, wanted->len);
}

START_TEST(arrays_are_postgresqls)
{
    struct array array = {0};
    struct uuid id, nil = {{0}};
    ck_assert(uuid_parse("00112233-4455-6677-8899-aabbccddeeff", &id));
    array_begin(&array, ARRAY_UUID);
    array_add_uuid(&array, &id);
    array_add_uuid(&array, &nil);
    expect_bytes(&array, "000000010000000100000b860000000200000001"
                         "0000001000112233445566778899aabbccddeeffffffffff");
    array_begin(&array, ARRAY_TEXT); /* the memory is used again */
    array_add_text(&array, "a");
    array_add_text(&array, "");
    array_add_text(&array, NULL);
    array_add_text(&array, "\xc3\xa9");
    expect_bytes(&array, "0000000100000001000000190000000400000001"
                         "000000016100000000ffffffff00000002c3a9");
    array_begin(&array, ARRAY_BOOLEAN);
    array_add_boolean(&array, true);
    array_add_boolean(&array, false);
    expect_bytes(&array, "0000000100000000000000100000000200000001"
                         "00000001010000000100");
    array_begin(&array, ARRAY_RARE); /* NULL as a whole, while nothing has one */
    array_add_text(&array, NULL);
    ck_assert_ptr_null(array_end(&array));
    array_add_text(&array, "a");
    expect_bytes(&array, "0000000100000001000000190000000200000001"
                         "ffffffff0000000161");
    array_clear(&array);
    array_clear(&array);
}
END_TEST

static PGresult *result_new(int columns)
{
    PGresult *result = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    PGresAttDesc attributes[24] = {0};
    for (int i = 0; i < columns; i++)
        attributes[i] = (PGresAttDesc){.name = (char *)(uintptr_t) "c", .format = 1};
    ck_assert(PQsetResultAttrs(result, columns, attributes));
    return result;
}

/* NULL: SQL NULL. */
static void set_hex(PGresult *result, int column, const char *hex)
{
    if (!hex) {
        ck_assert(PQsetvalue(result, 0, column, NULL, -1));
        return;
    }
    g_autoptr(GByteArray) bytes = bytes_of(hex);
    g_byte_array_append(bytes, (const guint8 *)"", 1);
    ck_assert(PQsetvalue(result, 0, column, (char *)bytes->data, (int)bytes->len - 1));
}

static void set_text(PGresult *result, int column, const char *text)
{
    ck_assert(PQsetvalue(result, 0, column, (char *)(uintptr_t)text, (int)strlen(text)));
}

START_TEST(numbers_and_times_come_back)
{
    static const struct {
        const char *hex;
        gint64 number;
    } numbers[] = {{"fffffffffffffffe", -2},
                   {"fffffffe", -2},
                   {"7fffffffffffffff", G_MAXINT64},
                   {"00000003", 3},
                   {NULL, 0}};
    static const struct {
        const char *hex;
        gint64 wall;
    } times[] = {{"ffffffffffffffff", G_GINT64_CONSTANT(946684799999999)},
                 {"0000000000000000", G_GINT64_CONSTANT(946684800000000)},
                 {"fffca2fec4b8ddc0", -1000000},
                 {"0002f3f91a1e7418", G_GINT64_CONSTANT(1777885964031000)}};
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        PGresult *result = result_new(1);
        set_hex(result, 0, numbers[i].hex);
        ck_assert_int_eq(binary_integer(result, 0, 0), numbers[i].number);
        PQclear(result);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(times); i++) {
        PGresult *result = result_new(1);
        set_hex(result, 0, times[i].hex);
        ck_assert_int_eq(binary_time(result, 0, 0), times[i].wall);
        PQclear(result);
    }
}
END_TEST

START_TEST(nulls_are_nil_and_null)
{
    PGresult *result = result_new(3);
    for (int i = 0; i < 3; i++)
        set_hex(result, i, NULL);
    struct uuid id;
    memset(&id, 7, sizeof id);
    binary_uuid(result, 0, 0, &id);
    ck_assert(uuid_is_nil(&id));
    ck_assert(!binary_boolean(result, 0, 1));
    ck_assert_ptr_null(binary_text(result, 0, 2));
    ck_assert_ptr_null(binary_uuids(result, 0, 2));
    ck_assert_ptr_null(binary_members(result, 0, 1, 2));
    PQclear(result);
}
END_TEST

/* What is shorter than it says holds what is whole. */
START_TEST(arrays_are_read_within_their_bytes)
{
    static const struct {
        const char *hex;
        guint length;
    } arrays[] = {
        {"000000010000000000000b860000000200000001", 0},
        {"000000010000000000000b86000000020000000100000010"
         "00112233445566778899aabbccddeeff",
         1},
        {"000000010000000000000b86000000020000000100000010"
         "0011",
         0},
        {"000000010000000000000b860000000200000001ffffffff", 0},
        {"000000010000000000000b860000000200000001000000ff00", 0},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++) {
        PGresult *result = result_new(1);
        set_hex(result, 0, arrays[i].hex);
        g_autoptr(GArray) ids = binary_uuids(result, 0, 0);
        ck_assert_uint_eq(ids->len, arrays[i].length);
        PQclear(result);
    }
}
END_TEST

#define FIRST "00112233445566778899aabbccddeeff"
#define OWN "ffeeddccbbaa99887766554433221100"

/* One-dimensional arrays of two: dimensions, flags, element type, length, lower bound, elements. */
#define IDS                                                                                        \
    "000000010000000000000b860000000200000001"                                                     \
    "00000010" FIRST "00000010" OWN
#define NUMBERS                                                                                    \
    "0000000100000000000000140000000200000001"                                                     \
    "00000008"                                                                                     \
    "0000000000000007"                                                                             \
    "00000008"                                                                                     \
    "0000000000000008"

static PGresult *stored_row(const char *outcome, const char *id)
{
    PGresult *result = result_new(19);
    const char *const cells[] = {outcome,
                                 id,
                                 "0000000000000005",
                                 "0000000000000009",
                                 "0000000000000000",
                                 FIRST,
                                 FIRST,
                                 IDS,
                                 NUMBERS,
                                 "01",
                                 NULL,
                                 "01",
                                 "0000000000000000",
                                 "01",
                                 "01",
                                 NULL,
                                 NULL,
                                 "01",
                                 NULL};
    for (int i = 0; i < 19; i++)
        set_hex(result, i, cells[i]);
    set_text(result, 10, "romeo@example.org");
    set_text(result, 15, "[]");
    set_text(result, 16, "{}");
    return result;
}

static struct message_write *decoded(enum write_kind kind, const char *outcome, const char *id)
{
    struct message_write *write = g_new0(struct message_write, 1);
    write->write.kind = kind;
    g_autoptr(GByteArray) own = bytes_of(OWN);
    memcpy(write->own_id.bytes, own->data, sizeof write->own_id.bytes);
    PGresult *result = stored_row(outcome, id);
    write_codecs[kind].decode(&write->write, result, 0);
    PQclear(result);
    return write;
}

START_TEST(stored_message_is_read)
{
    struct message_write *write = decoded(WRITE_RECEIVE, "00000000", OWN);
    ck_assert_int_eq(write->write.outcome, OUTCOME_DONE);
    ck_assert_int_eq(write->seq, 5);
    ck_assert_int_eq(write->write.position, 9);
    ck_assert_int_eq(write->write.at, G_GINT64_CONSTANT(946684800000000));
    ck_assert_str_eq(write->remote_jid, "romeo@example.org");
    ck_assert_mem_eq(g_bytes_get_data(write->sender_facts, NULL), "{}", 2);
    ck_assert_uint_eq(write->members->len, 2);
    ck_assert_int_eq(g_array_index(write->members, struct member, 0).number, 7);
    ck_assert_int_eq(g_array_index(write->members, struct member, 1).number, 8);
    g_autoptr(GByteArray) second = bytes_of(OWN);
    ck_assert_mem_eq(g_array_index(write->members, struct member, 1).id.bytes, second->data, 16);
    ck_assert(write->direct);
    ck_assert(write->unaccepted && write->receipt);
    ck_assert_str_eq(write->events, "[]");
    ck_assert(write->outbox);
    ck_assert(write->awaited);
    message_write_free(write);
}
END_TEST

START_TEST(own_row_of_a_lost_answer_counts_as_stored)
{
    struct message_write *own = decoded(WRITE_MESSAGE, "00000001", OWN);
    ck_assert_int_eq(own->write.outcome, OUTCOME_DONE);
    ck_assert(own->outbox);
    message_write_free(own);
    struct message_write *others = decoded(WRITE_MESSAGE, "00000001", FIRST);
    ck_assert_int_eq(others->write.outcome, OUTCOME_REPEATED);
    message_write_free(others);
}
END_TEST

START_TEST(refusal_leaves_the_write_alone)
{
    struct message_write *write = decoded(WRITE_MESSAGE, "00000002", NULL);
    ck_assert_int_eq(write->write.outcome, OUTCOME_NOT_FOUND);
    ck_assert_ptr_null(write->remote_jid);
    message_write_free(write);
}
END_TEST

START_TEST(codecs_fill_as_many_arrays_as_they_declare)
{
    for (int kind = 0; kind < WRITE_KINDS; kind++) {
        const struct write_codec *codec = &write_codecs[kind];
        struct array arrays[ARRAYS_MAX] = {0};
        union {
            struct message_write message;
            struct mark_write mark;
            struct failure_write failure;
            struct change_write change;
        } write = {0};
        for (int i = 0; i < codec->arrays; i++)
            array_begin(&arrays[i], codec->types[i]);
        codec->encode((struct write *)(void *)&write, arrays);
        for (int i = 0; i < codec->arrays; i++) {
            ck_assert_int_eq(arrays[i].count, 1);
            array_clear(&arrays[i]);
        }
        for (int i = codec->arrays; i < ARRAYS_MAX; i++)
            ck_assert_ptr_null(arrays[i].bytes);
    }
}
END_TEST

UNIT_MAIN("archive_codec", arrays_are_postgresqls, numbers_and_times_come_back,
          nulls_are_nil_and_null, arrays_are_read_within_their_bytes, stored_message_is_read,
          own_row_of_a_lost_answer_counts_as_stored, refusal_leaves_the_write_alone,
          codecs_fill_as_many_arrays_as_they_declare)
