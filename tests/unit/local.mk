# SPDX-License-Identifier: GPL-3.0-or-later
# One program per unit; `make check` runs them all.
if ENABLE_TESTS

# bridge/core and bridge/http
transport_test_libs = libhttp.a libcore.a libloop.a libbase.a $(MHD_LIBS) $(JWT_LIBS) \
  $(JANSSON_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS) $(CHECK_LIBS)
transport_tests = \
  tests/unit/http_server_test
check_PROGRAMS += $(transport_tests)
TESTS += $(transport_tests)
tests_unit_http_server_test_SOURCES = tests/unit/http_server_test.c \
  tests/unit/http_fake_core.c tests/unit/http_fake_core.h
tests_unit_http_server_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_http_server_test_LDADD = $(transport_test_libs)
endif
