# SPDX-License-Identifier: GPL-3.0-or-later
# One program per unit; `make check` runs them all.
if ENABLE_TESTS
check_PROGRAMS += tests/unit/loop_test tests/unit/xmpp_dispatch_test tests/unit/xmpp_link_test
TESTS += tests/unit/loop_test tests/unit/xmpp_dispatch_test tests/unit/xmpp_link_test
tests_unit_loop_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_loop_test_LDADD = libloop.a libbase.a $(GLIB_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_xmpp_dispatch_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xmpp_dispatch_test_LDADD = libxmpp.a libbase.a $(XEP_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_xmpp_link_test_SOURCES = tests/unit/xmpp_link_test.c \
  tests/unit/fake_xmpp_server.c tests/unit/fake_xmpp_server.h
tests_unit_xmpp_link_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xmpp_link_test_LDADD = libxmpp.a libloop.a libbase.a $(XEP_LIBS) $(CRYPTO_LIBS) \
  $(CHECK_LIBS)
TESTS += tests/unit/xep_docs_test.sh
EXTRA_DIST += tests/unit/xep_docs_test.sh tests/vectors/xep

check_PROGRAMS += tests/unit/xep_stream_reader_test
TESTS += tests/unit/xep_stream_reader_test
tests_unit_xep_stream_reader_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_stream_reader_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)
check_PROGRAMS += tests/unit/xep_jid_test
TESTS += tests/unit/xep_jid_test
tests_unit_xep_jid_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_jid_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/xep_time_test
TESTS += tests/unit/xep_time_test
tests_unit_xep_time_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_time_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/xep_stanza_test
TESTS += tests/unit/xep_stanza_test
tests_unit_xep_stanza_test_SOURCES = tests/unit/xep_stanza_test.c tests/unit/xep_read.h
tests_unit_xep_stanza_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_stanza_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)

check_PROGRAMS += tests/unit/xep_vectors_test
TESTS += tests/unit/xep_vectors_test
tests_unit_xep_vectors_test_SOURCES = tests/unit/xep_vectors_test.c tests/unit/xep_read.h
tests_unit_xep_vectors_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_vectors_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS) $(JANSSON_LIBS)
endif
