/* SPDX-License-Identifier: GPL-3.0-or-later */
/* UUIDs: version 7, in order of time, and a strict reader. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/id.h"
#include "tests/unit/unit.h"

START_TEST(new_ids_are_version_7_and_unlike)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(uuid_hash, uuid_equal, g_free, NULL);
    for (int i = 0; i < 10000; i++) {
        struct uuid *id = g_new(struct uuid, 1);
        uuid_generate(id);
        ck_assert_uint_eq(id->bytes[6] >> 4, 7);
        ck_assert_uint_eq(id->bytes[8] >> 6, 2);
        ck_assert(!uuid_is_nil(id));
        ck_assert(g_hash_table_add(seen, id));
    }
}
END_TEST

START_TEST(ids_carry_the_wall_clock_and_sort_by_it)
{
    struct uuid earlier, later;
    gint64 before = clock_wall() / 1000;
    uuid_generate(&earlier);
    gint64 after = clock_wall() / 1000;
    gint64 carried = 0;
    for (int i = 0; i < 6; i++)
        carried = carried << 8 | earlier.bytes[i];
    ck_assert_int_ge(carried, before);
    ck_assert_int_le(carried, after);
    for (int i = 0; i < 1000; i++) {
        clock_advance(1000);
        uuid_generate(&later);
        ck_assert_int_lt(memcmp(&earlier, &later, sizeof earlier), 0);
        earlier = later;
    }
}
END_TEST

START_TEST(text_form_and_back)
{
    static const char text[] = "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b";
    struct uuid id, again;
    char formatted[UUID_TEXT_SIZE];
    ck_assert(uuid_parse(text, &id));
    ck_assert_uint_eq(id.bytes[0], 0x01);
    ck_assert_uint_eq(id.bytes[15], 0x5b);
    uuid_format(&id, formatted);
    ck_assert_str_eq(formatted, text);
    ck_assert(uuid_parse("0190A1B2-C3D4-7E5F-8A9B-0C1D2E3F4A5B", &again));
    ck_assert(uuid_equal(&id, &again));
    ck_assert_uint_eq(uuid_hash(&id), uuid_hash(&again));
    ck_assert(uuid_parse("00000000-0000-0000-0000-000000000000", &id));
    ck_assert(uuid_is_nil(&id));
}
END_TEST

START_TEST(bad_text_is_refused_and_leaves_the_output)
{
    static const char *const bad[] = {
        "",
        "0",
        "0190a1b2",
        "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5",
        "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5bc",
        "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5g",
        "0190a1b2c3d47e5f8a9b0c1d2e3f4a5b",
        "0190a1b2-c3d4-7e5f-8a9b+0c1d2e3f4a5b",
        "0190a1b-2c3d4-7e5f-8a9b-0c1d2e3f4a5b",
        "{0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b}",
        " 0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b",
        "0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b ",
        "\357\274\220190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct uuid id = {.bytes = {1, 2, 3}};
        ck_assert_msg(!uuid_parse(bad[i], &id), "accepted: %s", bad[i]);
        ck_assert_uint_eq(id.bytes[2], 3);
    }
}
END_TEST

START_TEST(random_hex_has_the_asked_length)
{
    g_autofree char *a = random_hex(16);
    g_autofree char *b = random_hex(16);
    ck_assert_uint_eq(strlen(a), 32);
    ck_assert_uint_eq(strspn(a, "0123456789abcdef"), 32);
    ck_assert_str_ne(a, b);
}
END_TEST

UNIT_MAIN("id", new_ids_are_version_7_and_unlike, ids_carry_the_wall_clock_and_sort_by_it,
          text_form_and_back, bad_text_is_refused_and_leaves_the_output,
          random_hex_has_the_asked_length)
