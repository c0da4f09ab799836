/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compressed messages, by themselves and in frames. */
#include "config.h"

#include <string.h>

#include "bridge/ws/deflate.h"
#include "bridge/ws/frame.h"
#include "tests/unit/unit.h"

#define MESSAGE_MAX 262144

static enum deflate_result unpack(struct deflate *coder, const void *bytes, size_t length,
                                  char *ret_text)
{
    g_auto(buffer) text = BUFFER_INIT(MESSAGE_MAX);
    enum deflate_result result = deflate_unpack(coder, bytes, length, &text);
    g_strlcpy(ret_text, text.data ? text.data : "", 64);
    return result;
}

/* RFC 7692 section 7.2.3. */
START_TEST(examples_of_the_standard)
{
    g_autoptr(deflate_coder) coder = deflate_new();
    static const struct {
        const char *bytes;
        size_t length;
    } rows[] = {
        {"\xf2\x48\xcd\xc9\xc9\x07\x00", 7},     /* one block */
        {"\x00\x05\x00\xfa\xffHello\x00", 11},   /* one that is not compressed */
        {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8}, /* one that says it is the last */
        {"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13}, /* two */
    };
    char text[64];
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        ck_assert_int_eq(unpack(coder, rows[i].bytes, rows[i].length, text), DEFLATE_DONE);
        ck_assert_str_eq(text, "Hello");
    }
    ck_assert_int_eq(unpack(coder, "\x00", 1, text), DEFLATE_DONE); /* an empty message */
    ck_assert_str_eq(text, "");
}
END_TEST

START_TEST(what_is_no_deflate_data_is_refused)
{
    g_autoptr(deflate_coder) coder = deflate_new();
    static const struct {
        const char *bytes;
        size_t length;
    } rows[] = {
        {"", 0}, /* not even an empty block */
        {"Hello, this is text", 19},
        {"\xff\xff\xff\xff", 4},
        {"\xf2\x48\xcd\xc9", 4}, /* cut */
        {"\x00\x05\x00\xfa\xffHel", 8},
        {"\xf3\x48\xcd\xc9\xc9\x07\x00\x00more", 12}, /* behind the last block */
    };
    char text[64];
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        ck_assert_msg(unpack(coder, rows[i].bytes, rows[i].length, text) == DEFLATE_BAD, "row %zu",
                      i);
    ck_assert_int_eq(unpack(coder, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7, text), DEFLATE_DONE);
}
END_TEST

/* LENGTH bytes of JSON that is no repetition of one character. */
static char *some_text(size_t length)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (unsigned i = 0; text->len < length; i++)
        g_string_append_printf(text, "{\"id\":\"%08x\",\"n\":%u}", i * 2654435761U, i);
    g_string_truncate(text, length);
    return g_string_free(g_steal_pointer(&text), FALSE);
}

START_TEST(what_is_packed_is_unpacked)
{
    g_autoptr(deflate_coder) coder = deflate_new();
    static const size_t lengths[] = {DEFLATE_FROM, 1000, 16384, 16385, 65536, MESSAGE_MAX - 1};
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autofree char *text = some_text(lengths[i]);
        g_autoptr(GBytes) packed = deflate_pack(coder, text, lengths[i]);
        g_auto(buffer) found = BUFFER_INIT(MESSAGE_MAX);
        gsize size;
        const void *bytes = g_bytes_get_data(packed, &size);
        ck_assert_uint_lt(size, lengths[i]);
        ck_assert_int_eq(deflate_unpack(coder, bytes, size, &found), DEFLATE_DONE);
        ck_assert_mem_eq(found.data, text, lengths[i]);
        ck_assert_uint_eq(found.length, lengths[i]);
    }
}
END_TEST

START_TEST(what_gains_nothing_is_not_packed)
{
    g_autoptr(deflate_coder) coder = deflate_new();
    guint8 noise[4096];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (guint8)g_random_int();
    ck_assert_ptr_null(deflate_pack(coder, noise, sizeof noise));
    ck_assert_ptr_null(deflate_pack(coder, "short", 5));
}
END_TEST

/* Bombs end at the ratio, or at the ceiling, whichever comes first. */
START_TEST(bombs_are_refused)
{
    g_autoptr(deflate_coder) coder = deflate_new();
    static const struct {
        size_t length;
        enum deflate_result result;
    } rows[] = {
        {65536, DEFLATE_DONE}, /* the longest content, one key held down */
        {DEFLATE_GROW_MIN, DEFLATE_DONE},
        {DEFLATE_GROW_MIN + 1, DEFLATE_TOO_BIG},
        {MESSAGE_MAX - 1, DEFLATE_TOO_BIG},
        {10000000, DEFLATE_TOO_BIG},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = g_strnfill(rows[i].length, 'x');
        g_autoptr(GBytes) packed = deflate_pack(coder, text, rows[i].length);
        g_auto(buffer) found = BUFFER_INIT(MESSAGE_MAX);
        gsize size;
        const void *bytes = g_bytes_get_data(packed, &size);
        ck_assert_int_eq(deflate_unpack(coder, bytes, size, &found), (int)rows[i].result);
        ck_assert_uint_le(found.capacity, MESSAGE_MAX + 1);
    }
    g_autofree char *text = some_text(2 * MESSAGE_MAX); /* no bomb, but too large */
    g_autoptr(GBytes) packed = deflate_pack(coder, text, 2 * MESSAGE_MAX);
    g_auto(buffer) found = BUFFER_INIT(MESSAGE_MAX);
    ck_assert_int_eq(
        deflate_unpack(coder, g_bytes_get_data(packed, NULL), g_bytes_get_size(packed), &found),
        DEFLATE_TOO_BIG);
}
END_TEST

/* Masked with zeroes, which changes nothing. */
static void append(GByteArray *bytes, unsigned first, const char *payload, size_t length)
{
    guint8 head[] = {(guint8)first, (guint8)(0x80 | length), 0, 0, 0, 0};
    ck_assert_uint_lt(length, 126);
    g_byte_array_append(bytes, head, sizeof head);
    g_byte_array_append(bytes, (const guint8 *)payload, (guint)length);
}

static void expect(const GByteArray *bytes, struct deflate *allowed, enum close_code code,
                   const char *text)
{
    const struct frame_limits limits = {
        .message_max = MESSAGE_MAX, .fragments_max = 8, .deflate = allowed};
    for (guint step = 1; step <= bytes->len; step++) {
        struct frame_reader *reader = frame_reader_new();
        enum frame_result result = FRAME_NEED_MORE;
        struct frame frame;
        for (guint i = 0; i < bytes->len && result == FRAME_NEED_MORE; i += step) {
            frame_reader_give(reader, bytes->data + i, MIN(step, bytes->len - i));
            result = frame_reader_next(reader, &limits, &frame);
            if (result == FRAME_NEED_MORE)
                frame_reader_keep(reader);
        }
        ck_assert_int_eq(result, code == CLOSE_NONE ? FRAME_READY : FRAME_FAULT);
        if (code == CLOSE_NONE)
            ck_assert_mem_eq(frame.data, text, strlen(text));
        else
            ck_assert_int_eq((int)frame.close, (int)code);
        frame_reader_free(reader);
    }
}

START_TEST(compressed_messages_come_whole_and_in_pieces)
{
    g_autoptr(deflate_coder) coder = deflate_new();
    g_autoptr(GByteArray) whole = g_byte_array_new();
    append(whole, 0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    expect(whole, coder, CLOSE_NONE, "Hello");
    expect(whole, NULL, CLOSE_PROTOCOL, NULL); /* nobody agreed on it */
    g_autoptr(GByteArray) split = g_byte_array_new();
    append(split, 0x41, "\xf2\x48\xcd", 3);
    append(split, 0x00, "", 0);
    append(split, 0x80, "\xc9\xc9\x07\x00", 4);
    expect(split, coder, CLOSE_NONE, "Hello");
    g_autoptr(GByteArray) plain = g_byte_array_new();
    append(plain, 0x81, "Hello", 5);
    expect(plain, coder, CLOSE_NONE, "Hello");
}
END_TEST

START_TEST(bits_in_the_wrong_place_are_refused)
{
    g_autoptr(deflate_coder) coder = deflate_new();
    g_autoptr(GByteArray) continued = g_byte_array_new();
    append(continued, 0x41, "\xf2\x48\xcd", 3);
    append(continued, 0xc0, "\xc9\xc9\x07\x00", 4);
    expect(continued, coder, CLOSE_PROTOCOL, NULL);
    static const unsigned firsts[] = {0xc9, 0xc8, 0xca, 0xa1, 0x91, 0xe1};
    for (size_t i = 0; i < G_N_ELEMENTS(firsts); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        append(bytes, firsts[i], "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
        expect(bytes, coder, CLOSE_PROTOCOL, NULL);
    }
    g_autoptr(GByteArray) bad = g_byte_array_new();
    append(bad, 0xc1, "Hello", 5);
    expect(bad, coder, CLOSE_BAD_TEXT, NULL);
    g_autoptr(GByteArray) text = g_byte_array_new(); /* deflate data of what is no UTF-8 */
    append(text, 0xc1, "\x00\x02\x00\xfd\xff\x61\xff\x00", 8);
    expect(text, coder, CLOSE_BAD_TEXT, NULL);
}
END_TEST

START_TEST(frames_are_compressed_once_more)
{
    g_autoptr(deflate_coder) coder = deflate_new();
    g_autofree char *text = some_text(70000);
    g_autoptr(GBytes) frame = frame_make(FRAME_TEXT, text, 70000);
    g_autoptr(GBytes) packed = frame_deflate(frame, coder);
    const guint8 *bytes = g_bytes_get_data(packed, NULL);
    ck_assert_uint_eq(bytes[0], 0xc1);
    ck_assert_uint_lt(g_bytes_get_size(packed), 35000);
    g_autoptr(GBytes) small = frame_make(FRAME_TEXT, "{}", 2);
    ck_assert_ptr_null(frame_deflate(small, coder));
}
END_TEST

UNIT_MAIN("ws_deflate", examples_of_the_standard, what_is_no_deflate_data_is_refused,
          what_is_packed_is_unpacked, what_gains_nothing_is_not_packed, bombs_are_refused,
          compressed_messages_come_whole_and_in_pieces, bits_in_the_wrong_place_are_refused,
          frames_are_compressed_once_more)
