/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Framing, deadlines and the send queue, each for itself. */
#include "config.h"

#include <string.h>

#include "bridge/base/wheel.h"
#include "bridge/ws/frame.h"
#include "tests/unit/unit.h"

static const struct frame_limits limits = {.message_max = 1000, .fragments_max = 8};

/* Masked with zeroes, which changes nothing. */
static void append(GByteArray *bytes, unsigned first, const char *payload, size_t length)
{
    g_autoptr(GBytes) frame = frame_make(FRAME_TEXT, payload, length);
    guint start = bytes->len;
    gsize size;
    const guint8 *data = g_bytes_get_data(frame, &size);
    g_byte_array_append(bytes, data, (guint)(size - length));
    bytes->data[start] = (guint8)first;
    bytes->data[start + 1] |= 0x80;
    g_byte_array_append(bytes, (const guint8 *)"\0\0\0\0", 4);
    g_byte_array_append(bytes, (const guint8 *)payload, (guint)length);
}

/* Feeds everything in pieces of STEP bytes; the result of the last whole frame or fault. */
static struct frame run(const GByteArray *bytes, size_t step, enum frame_result *ret_result,
                        char *ret_text)
{
    struct frame_reader *reader = frame_reader_new();
    struct frame last = {0}, frame;
    *ret_result = FRAME_NEED_MORE;
    for (size_t i = 0; i < bytes->len && *ret_result != FRAME_FAULT; i += step) {
        frame_reader_give(reader, bytes->data + i, MIN(step, bytes->len - i));
        for (;;) {
            enum frame_result result = frame_reader_next(reader, &limits, &frame);
            if (result == FRAME_NEED_MORE)
                break;
            *ret_result = result;
            last = frame;
            if (result == FRAME_FAULT)
                break;
            memcpy(ret_text, frame.data, frame.length);
            ret_text[frame.length] = '\0';
        }
        frame_reader_keep(reader);
    }
    if (*ret_result != FRAME_FAULT)
        ck_assert(frame_reader_is_idle(reader));
    frame_reader_free(reader);
    return last;
}

static void expect_text(const GByteArray *bytes, const char *text)
{
    char found[1100];
    enum frame_result result;
    for (size_t step = 1; step <= bytes->len; step++) {
        struct frame frame = run(bytes, step, &result, found);
        ck_assert_int_eq(result, FRAME_READY);
        ck_assert_int_eq(frame.opcode, FRAME_TEXT);
        ck_assert_str_eq(found, text);
    }
}

static void expect_fault(const GByteArray *bytes, enum close_code code)
{
    char found[1100];
    enum frame_result result;
    for (size_t step = 1; step <= bytes->len; step++) {
        struct frame frame = run(bytes, step, &result, found);
        ck_assert_int_eq(result, FRAME_FAULT);
        ck_assert_int_eq(frame.close, code);
    }
}

START_TEST(fragments_and_control_frames_interleave)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    append(bytes, 0x01, "gr\xc3", 3);
    append(bytes, 0x89, "ping", 4);
    append(bytes, 0x00, "", 0);
    append(bytes, 0x8a, "", 0);
    append(bytes, 0x80, "\xbc\xc3\x9f", 3);
    expect_text(bytes, "gr\xc3\xbc\xc3\x9f");
}
END_TEST

START_TEST(lengths_of_every_form_are_read)
{
    static const size_t lengths[] = {0, 1, 125, 126, 127, 999, 1000};
    for (size_t i = 0; i < G_N_ELEMENTS(lengths); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        g_autofree char *text = g_strnfill(lengths[i], 'x');
        append(bytes, 0x81, text, lengths[i]);
        expect_text(bytes, text);
    }
}
END_TEST

START_TEST(bad_text_is_refused_even_when_split)
{
    g_autoptr(GByteArray) whole = g_byte_array_new();
    append(whole, 0x81, "a\xff", 2);
    expect_fault(whole, CLOSE_BAD_TEXT);
    g_autoptr(GByteArray) split = g_byte_array_new();
    append(split, 0x01, "\xf0\x9f", 2);
    append(split, 0x80, "\x98", 1);
    expect_fault(split, CLOSE_BAD_TEXT);
    g_autoptr(GByteArray) surrogate = g_byte_array_new();
    append(surrogate, 0x81, "\xed\xa0\x80", 3);
    expect_fault(surrogate, CLOSE_BAD_TEXT);
}
END_TEST

START_TEST(protocol_errors_are_refused)
{
    static const struct {
        unsigned first;
        size_t length;
        enum close_code code;
    } rows[] = {
        {0xc1, 1, CLOSE_PROTOCOL}, /* reserved bits */
        {0x91, 1, CLOSE_PROTOCOL},    {0xa1, 1, CLOSE_PROTOCOL},
        {0x83, 1, CLOSE_PROTOCOL},                               /* reserved opcodes */
        {0x8b, 1, CLOSE_PROTOCOL},    {0x80, 1, CLOSE_PROTOCOL}, /* continues nothing */
        {0x09, 1, CLOSE_PROTOCOL},                               /* fragmented ping */
        {0x89, 126, CLOSE_PROTOCOL},                             /* long ping */
        {0x88, 1, CLOSE_PROTOCOL},                               /* half a close code */
        {0x82, 1, CLOSE_UNSUPPORTED}, {0x81, 1001, CLOSE_TOO_BIG},
    };
    g_autofree char *text = g_strnfill(1001, 'x');
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        append(bytes, rows[i].first, text, rows[i].length);
        expect_fault(bytes, rows[i].code);
    }
    g_autoptr(GByteArray) nested = g_byte_array_new();
    append(nested, 0x01, "a", 1);
    append(nested, 0x81, "b", 1);
    expect_fault(nested, CLOSE_PROTOCOL);
}
END_TEST

START_TEST(crafted_headers_are_refused)
{
    static const struct {
        const char *bytes;
        size_t length;
        enum close_code code;
    } rows[] = {
        {"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0x", 15, CLOSE_TOO_BIG}, /* 2^63 - 1 */
        {"\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0x", 15, CLOSE_PROTOCOL},              /* 2^63 */
        {"\x81\xfe\x00\x05\0\0\0\0hello", 13, CLOSE_PROTOCOL}, /* not the shortest form */
        {"\x81\x05hello", 7, CLOSE_PROTOCOL},                  /* not masked */
        {"\x88\x82\0\0\0\0\x03\xed", 8, CLOSE_PROTOCOL},       /* 1005 must not be sent */
        {"\x88\x82\0\0\0\0\x03\xe7", 8, CLOSE_PROTOCOL},       /* 999 */
        {"\x88\x83\0\0\0\0\x03\xe8\xff", 9, CLOSE_BAD_TEXT},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) bytes = g_byte_array_new();
        g_byte_array_append(bytes, (const guint8 *)rows[i].bytes, (guint)rows[i].length);
        expect_fault(bytes, rows[i].code);
    }
}
END_TEST

START_TEST(too_many_fragments_are_refused)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    append(bytes, 0x01, "a", 1);
    for (unsigned i = 0; i < 8; i++)
        append(bytes, 0x00, "", 0);
    expect_fault(bytes, CLOSE_TOO_BIG);
}
END_TEST

START_TEST(close_reason_is_cut_between_characters)
{
    g_autofree char *reason = g_strconcat("x", NULL);
    for (int i = 0; i < 7; i++) {
        char *doubled = g_strconcat(reason, "\xc3\xbc", reason, NULL);
        g_free(reason);
        reason = doubled;
    }
    g_autoptr(GBytes) frame = frame_make_close(CLOSE_NORMAL, reason);
    gsize size;
    const char *bytes = g_bytes_get_data(frame, &size);
    ck_assert_uint_le(size, 127);
    ck_assert(g_utf8_validate_len(bytes + 4, size - 4, NULL));
}
END_TEST

static void count_due(struct wheel_entry *entry, void *data)
{
    (void)entry;
    ++*(unsigned *)data;
}

START_TEST(deadlines_are_met_within_a_tick_and_not_before)
{
    static const gint64 delays[] = {0, 1, WHEEL_TICK, 10 * WHEEL_TICK + 7,
                                    WHEEL_TICK * WHEEL_SLOTS * 3 + 5};
    for (size_t i = 0; i < G_N_ELEMENTS(delays); i++) {
        g_autofree struct wheel *wheel = g_new0(struct wheel, 1);
        gint64 now = 123456789;
        unsigned due = 0;
        struct wheel_entry entry = {0};
        wheel_init(wheel, now);
        wheel_set(wheel, &entry, now + delays[i]);
        gint64 end = now + delays[i] + 2 * WHEEL_TICK;
        for (gint64 at = now; at < end; at += WHEEL_TICK / 3) {
            wheel_advance(wheel, at, count_due, &due);
            ck_assert(due == 0 || at >= now + delays[i]);
        }
        ck_assert_uint_eq(due, 1);
    }
}
END_TEST

START_TEST(a_stalled_wheel_misses_nothing)
{
    g_autofree struct wheel *wheel = g_new0(struct wheel, 1);
    struct wheel_entry entries[100] = {0};
    unsigned due = 0;
    wheel_init(wheel, 0);
    for (size_t i = 0; i < 100; i++)
        wheel_set(wheel, &entries[i], (gint64)i * 20 * WHEEL_TICK);
    wheel_clear(&entries[50]);
    wheel_clear(&entries[50]);
    wheel_advance(wheel, (gint64)WHEEL_TICK * WHEEL_SLOTS * 10, count_due, &due);
    ck_assert_uint_eq(due, 99);
}
END_TEST

UNIT_MAIN("ws_frame", fragments_and_control_frames_interleave, lengths_of_every_form_are_read,
          bad_text_is_refused_even_when_split, protocol_errors_are_refused,
          crafted_headers_are_refused, too_many_fragments_are_refused,
          close_reason_is_cut_between_characters, deadlines_are_met_within_a_tick_and_not_before,
          a_stalled_wheel_misses_nothing)
