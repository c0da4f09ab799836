# SPDX-License-Identifier: GPL-3.0-or-later
# The program that tries STUN and TURN servers, in a process of its own.
if ENABLE_ICE
pkglibexec_PROGRAMS += trestle-ice
trestle_ice_SOURCES = bridge/ice/main.c \
  bridge/ice/channel.c bridge/ice/channel.h \
  bridge/ice/probe.c bridge/ice/probe.h
trestle_ice_CFLAGS = $(AM_CFLAGS) $(NICE_CFLAGS) $(SSL_CFLAGS)
trestle_ice_LDADD = libbase.a $(NICE_LIBS) $(SSL_LIBS) $(CRYPTO_LIBS) $(GLIB_LIBS)
endif
EXTRA_DIST += bridge/ice/README.md
