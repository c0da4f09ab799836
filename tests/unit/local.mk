# SPDX-License-Identifier: GPL-3.0-or-later
# One program per unit; `make check` runs them all.
if ENABLE_TESTS
TESTS += tests/unit/xep_docs_test.sh
EXTRA_DIST += tests/unit/xep_docs_test.sh

check_PROGRAMS += tests/unit/xep_stream_reader_test
TESTS += tests/unit/xep_stream_reader_test
tests_unit_xep_stream_reader_test_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_xep_stream_reader_test_LDADD = $(XEP_LIBS) $(CHECK_LIBS)
endif
