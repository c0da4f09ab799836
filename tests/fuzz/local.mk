# SPDX-License-Identifier: GPL-3.0-or-later
# A target is one file with LLVMFuzzerTestOneInput(); README.md says how to add and run one.
FUZZ_TARGETS =
EXTRA_DIST += tests/fuzz/README.md tests/fuzz/corpus

FUZZ_TARGETS += tests/fuzz/stream_reader_fuzz
tests_fuzz_stream_reader_fuzz_SOURCES = tests/fuzz/stream_reader_fuzz.c $(FUZZ_MAIN)
tests_fuzz_stream_reader_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_stream_reader_fuzz_LDADD = $(XEP_LIBS)

FUZZ_TARGETS += tests/fuzz/codecs_fuzz
tests_fuzz_codecs_fuzz_SOURCES = tests/fuzz/codecs_fuzz.c $(XEP_CODECS) tests/fuzz/stanzas.c tests/fuzz/stanzas.h $(FUZZ_MAIN)
tests_fuzz_codecs_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_codecs_fuzz_LDADD = $(XEP_LIBS) $(JANSSON_LIBS)

FUZZ_TARGETS += tests/fuzz/jingle_fuzz
tests_fuzz_jingle_fuzz_SOURCES = tests/fuzz/jingle_fuzz.c tests/fuzz/stanzas.c tests/fuzz/stanzas.h $(FUZZ_MAIN)
tests_fuzz_jingle_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_jingle_fuzz_LDADD = $(XEP_LIBS)

FUZZ_TARGETS += tests/fuzz/jid_fuzz
tests_fuzz_jid_fuzz_SOURCES = tests/fuzz/jid_fuzz.c $(FUZZ_MAIN)
tests_fuzz_jid_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_jid_fuzz_LDADD = $(XEP_LIBS)

FUZZ_TARGETS += tests/fuzz/name_fuzz
tests_fuzz_name_fuzz_SOURCES = tests/fuzz/name_fuzz.c $(FUZZ_MAIN)
tests_fuzz_name_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_name_fuzz_LDADD = $(XEP_LIBS)

FUZZ_TARGETS += tests/fuzz/image_fuzz
tests_fuzz_image_fuzz_SOURCES = tests/fuzz/image_fuzz.c bridge/image/scrub.c bridge/image/scrub.h $(FUZZ_MAIN)
tests_fuzz_image_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_image_fuzz_LDADD = libbase.a $(CRYPTO_LIBS) $(GLIB_LIBS)

FUZZ_TARGETS += tests/fuzz/film_fuzz
tests_fuzz_film_fuzz_SOURCES = tests/fuzz/film_fuzz.c $(FUZZ_MAIN)
tests_fuzz_film_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_film_fuzz_LDADD = libmedia.a $(JANSSON_LIBS) $(GLIB_LIBS) -lm

FUZZ_TARGETS += tests/fuzz/options_fuzz
tests_fuzz_options_fuzz_SOURCES = tests/fuzz/options_fuzz.c $(FUZZ_MAIN)
tests_fuzz_options_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_options_fuzz_LDADD = libbase.a $(CRYPTO_LIBS) $(GLIB_LIBS)
FUZZ_TARGETS += tests/fuzz/dispatch_fuzz
tests_fuzz_dispatch_fuzz_SOURCES = tests/fuzz/dispatch_fuzz.c $(FUZZ_MAIN)
tests_fuzz_dispatch_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_dispatch_fuzz_LDADD = libxmpp.a libbase.a $(XEP_LIBS) $(CRYPTO_LIBS)

FUZZ_TARGETS += tests/fuzz/fields_fuzz
tests_fuzz_fields_fuzz_SOURCES = tests/fuzz/fields_fuzz.c $(FUZZ_MAIN)
tests_fuzz_fields_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fields_fuzz_LDADD = libcore.a libaccount.a libview.a libbase.a $(XEP_LIBS) $(JWT_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)

FUZZ_TARGETS += tests/fuzz/token_fuzz
tests_fuzz_token_fuzz_SOURCES = tests/fuzz/token_fuzz.c $(FUZZ_MAIN)
tests_fuzz_token_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_token_fuzz_LDADD = libcore.a libaccount.a libview.a libbase.a $(XEP_LIBS) $(JWT_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)

FUZZ_TARGETS += tests/fuzz/cursor_fuzz
tests_fuzz_cursor_fuzz_SOURCES = tests/fuzz/cursor_fuzz.c $(FUZZ_MAIN)
tests_fuzz_cursor_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_cursor_fuzz_LDADD = libcore.a libaccount.a libview.a libbase.a $(XEP_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)

FUZZ_TARGETS += tests/fuzz/cookie_fuzz
tests_fuzz_cookie_fuzz_SOURCES = tests/fuzz/cookie_fuzz.c $(FUZZ_MAIN)
tests_fuzz_cookie_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_cookie_fuzz_LDADD = libhttp.a libcore.a libaccount.a libview.a libbase.a $(XEP_LIBS) $(JANSSON_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)

FUZZ_TARGETS += tests/fuzz/bus_fuzz
tests_fuzz_bus_fuzz_SOURCES = tests/fuzz/bus_fuzz.c $(FUZZ_MAIN)
tests_fuzz_bus_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_bus_fuzz_LDADD = libcluster.a libcore.a libaccount.a libview.a libxep.a libloop.a libbase.a $(XEP_LIBS) $(JANSSON_LIBS) \
  $(CRYPTO_LIBS) $(GLIB_LIBS)

FUZZ_TARGETS += tests/fuzz/http_fuzz
tests_fuzz_http_fuzz_SOURCES = tests/fuzz/http_fuzz.c tests/unit/http_fake_core.c $(FUZZ_MAIN)
tests_fuzz_http_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_http_fuzz_LDADD = libhttp.a libdialect.a libcore.a libaccount.a libview.a libloop.a libbase.a $(XEP_LIBS) $(MHD_LIBS) $(ZLIB_LIBS) $(JWT_LIBS) \
  $(JANSSON_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)

FUZZ_TARGETS += tests/fuzz/ws_fuzz
tests_fuzz_ws_fuzz_SOURCES = tests/fuzz/ws_fuzz.c $(FUZZ_MAIN)
tests_fuzz_ws_fuzz_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_ws_fuzz_LDADD = libws.a libdialect.a libcore.a libaccount.a libview.a libloop.a libbase.a $(XEP_LIBS) $(WSLAY_LIBS) $(ZLIB_LIBS) $(JANSSON_LIBS) \
  $(CRYPTO_LIBS) $(GLIB_LIBS)

# With --enable-fuzzing libFuzzer brings the main program; without it `make check` replays the corpus.
if ENABLE_FUZZING
FUZZ_MAIN =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
noinst_PROGRAMS += $(FUZZ_TARGETS)
else
FUZZ_MAIN = tests/fuzz/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
endif
