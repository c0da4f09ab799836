# SPDX-License-Identifier: GPL-3.0-or-later
# One end of a call without a browser, for the scenario tests.
if ENABLE_TESTS
if ENABLE_ICE
noinst_PROGRAMS += tests/media/ice_peer
tests_media_ice_peer_CFLAGS = $(AM_CFLAGS) $(NICE_CFLAGS)
tests_media_ice_peer_LDADD = $(NICE_LIBS) $(GLIB_LIBS)
endif
endif
EXTRA_DIST += tests/media/README.md
