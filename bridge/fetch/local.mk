# SPDX-License-Identifier: GPL-3.0-or-later
# The program that gets what others host, in a process of its own.
pkglibexec_PROGRAMS += trestle-fetch
trestle_fetch_SOURCES = bridge/fetch/main.c bridge/fetch/get.c bridge/fetch/get.h bridge/fetch/confine.c bridge/fetch/confine.h \
  bridge/fetch/page.c bridge/fetch/page.h bridge/image/sandbox.c bridge/image/sandbox.h bridge/image/wall.c bridge/image/wall.h
trestle_fetch_CFLAGS = $(AM_CFLAGS) $(SECCOMP_CFLAGS) $(XML_CFLAGS)
trestle_fetch_LDADD = libbase.a $(CURL_LIBS) $(XML_LIBS) $(SECCOMP_LIBS) $(GLIB_LIBS)
EXTRA_DIST += bridge/fetch/README.md
