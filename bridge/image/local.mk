# SPDX-License-Identifier: GPL-3.0-or-later
# The program that decodes pictures from outside, in a process of its own.
pkglibexec_PROGRAMS += trestle-image
trestle_image_SOURCES = bridge/image/main.c bridge/image/picture.c bridge/image/picture.h
trestle_image_CFLAGS = $(AM_CFLAGS) $(GD_CFLAGS) $(SECCOMP_CFLAGS)
trestle_image_LDADD = libbase.a $(GD_LIBS) $(SECCOMP_LIBS) $(GLIB_LIBS)
EXTRA_DIST += bridge/image/README.md
