/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client takes, and what it gets. */
#include "config.h"

#include <glib.h>
#include <string.h>
#include <zlib.h>

#include "bridge/http/coding.h"
#include "bridge/http/extension.h"
#include "tests/unit/unit.h"

START_TEST(a_client_says_which_codings_it_takes)
{
    static const char *const yes[] = {
        "gzip", "GZIP", "br, gzip", "br;q=1.0, gzip;q=0.5", " gzip ;q=0.001", "deflate,gzip"};
    static const char *const no[] = {"",        "br",          "gzip;q=0",  "gzip;q=0.000",
                                     "gzipped", "identity, *", "gzip; q=0", ",,,"};
    for (size_t i = 0; i < G_N_ELEMENTS(yes); i++)
        ck_assert_msg(coding_is_accepted(yes[i], "gzip"), "%s", yes[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(no); i++)
        ck_assert_msg(!coding_is_accepted(no[i], "gzip"), "%s", no[i]);
    ck_assert(!coding_is_accepted(NULL, "gzip"));
}
END_TEST

/* The text that LENGTH bytes of CODED hold. */
static char *inflated(const char *coded, size_t length, size_t size)
{
    z_stream stream = {.next_in = (Bytef *)(guintptr)coded, .avail_in = (uInt)length};
    char *text = g_malloc0(size + 1);
    stream.next_out = (Bytef *)text;
    stream.avail_out = (uInt)size;
    ck_assert_int_eq(inflateInit2(&stream, 15 + 16), Z_OK);
    ck_assert_int_eq(inflate(&stream, Z_FINISH), Z_STREAM_END);
    ck_assert_uint_eq(stream.avail_in, 0);
    inflateEnd(&stream);
    return text;
}

START_TEST(what_gets_shorter_is_compressed)
{
    static const size_t sizes[] = {CODING_FROM, 100000, CODING_UP_TO};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        size_t length;
        g_autofree char *text = g_strnfill(sizes[i], 'x');
        g_autofree char *coded = coding_gzip(text, sizes[i], &length);
        ck_assert_ptr_nonnull(coded);
        ck_assert_uint_lt(length, sizes[i] / 10);
        g_autofree char *again = inflated(coded, length, sizes[i]);
        ck_assert_str_eq(again, text);
    }
}
END_TEST

START_TEST(what_is_short_long_or_dense_is_not)
{
    size_t length;
    g_autofree char *text = g_strnfill(CODING_UP_TO + 1, 'x');
    ck_assert_ptr_null(coding_gzip(text, CODING_FROM - 1, &length));
    ck_assert_ptr_null(coding_gzip(text, CODING_UP_TO + 1, &length));
    ck_assert_ptr_null(coding_gzip("", 0, &length));
    g_autoptr(GRand) random = g_rand_new_with_seed(1);
    for (int i = 0; i < 4096; i++)
        text[i] = (char)g_rand_int_range(random, 0, 256);
    ck_assert_ptr_null(coding_gzip(text, 4096, &length));
}
END_TEST

START_TEST(offers_of_compressed_messages_are_understood)
{
    static const char *const yes[] = {
        "permessage-deflate",
        "Permessage-Deflate",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate;client_max_window_bits=8 ; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits=\"15\"; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10, permessage-deflate",
        "x-webkit-deflate-frame, permessage-deflate"};
    static const char *const no[] = {"",
                                     ",",
                                     "permessage-bzip2",
                                     "permessage-deflate; server_max_window_bits=10",
                                     "permessage-deflate; server_max_window_bits",
                                     "permessage-deflate; client_max_window_bits=7",
                                     "permessage-deflate; client_max_window_bits=16",
                                     "permessage-deflate; client_max_window_bits=015",
                                     "permessage-deflate; client_max_window_bits=",
                                     "permessage-deflate; server_no_context_takeover=1",
                                     "permessage-deflate; what",
                                     "permessage-deflate;",
                                     "permessage-deflate; client_max_window_bits=\"",
                                     "permessage-deflate; client_no_context_takeover; "
                                     "client_no_context_takeover",
                                     "permessage-deflate=1"};
    for (size_t i = 0; i < G_N_ELEMENTS(yes); i++)
        ck_assert_msg(extension_asks_deflate(yes[i]), "%s", yes[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(no); i++)
        ck_assert_msg(!extension_asks_deflate(no[i]), "%s", no[i]);
    ck_assert(!extension_asks_deflate(NULL));
}
END_TEST

UNIT_MAIN("http_coding", a_client_says_which_codings_it_takes, what_gets_shorter_is_compressed,
          what_is_short_long_or_dense_is_not, offers_of_compressed_messages_are_understood)
