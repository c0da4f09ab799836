# SPDX-License-Identifier: GPL-3.0-or-later
# The program that decodes pictures from outside, in a process of its own.
pkglibexec_PROGRAMS += trestle-image
trestle_image_SOURCES = bridge/image/main.c bridge/image/picture.c bridge/image/picture.h bridge/image/picture_part.h bridge/image/sandbox.c bridge/image/sandbox.h
trestle_image_CFLAGS = $(AM_CFLAGS) $(GD_CFLAGS) $(SECCOMP_CFLAGS)
trestle_image_LDADD = libbase.a $(GD_LIBS) $(SECCOMP_LIBS) $(GLIB_LIBS)
EXTRA_DIST += bridge/image/README.md
# The one that makes thumbnails and the like of pictures of messages.
pkglibexec_PROGRAMS += trestle-media
trestle_media_SOURCES = bridge/image/media_main.c bridge/image/fence.c bridge/image/fence.h bridge/image/parts.c bridge/image/parts.h bridge/image/picture.c bridge/image/picture.h \
  bridge/image/picture_part.h bridge/image/progress.c bridge/image/progress.h bridge/image/sandbox.c bridge/image/sandbox.h bridge/image/scrub.c bridge/image/scrub.h bridge/image/tool.c bridge/image/tool.h bridge/image/wall.c bridge/image/wall.h
trestle_media_CFLAGS = $(AM_CFLAGS) $(GD_CFLAGS) $(JPEG_CFLAGS) $(SECCOMP_CFLAGS)
trestle_media_LDADD = libbase.a $(GD_LIBS) $(JPEG_LIBS) $(SECCOMP_LIBS) $(GLIB_LIBS)
