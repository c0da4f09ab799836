# SPDX-License-Identifier: GPL-3.0-or-later
# The program that tries passwords at XMPP servers, in a process of its own.
pkglibexec_PROGRAMS += trestle-login
trestle_login_SOURCES = bridge/login/main.c
trestle_login_LDADD = libbase.a $(STROPHE_LIBS) $(GLIB_LIBS)
EXTRA_DIST += bridge/login/README.md
