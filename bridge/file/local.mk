# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libfile.a
libfile_a_SOURCES = \
  bridge/file/classifier.c \
  bridge/file/file.c \
  bridge/file/file_change.c \
  bridge/file/file_stream.c bridge/file/file_stream.h \
  bridge/file/foreign_avatar.c \
  bridge/file/foreign_file.c \
  bridge/file/foreign_link.c \
  bridge/file/foreign_page.c bridge/file/foreign_page.h \
  bridge/file/foreign_picture.c bridge/file/foreign_picture.h \
  bridge/file/held_file.c \
  bridge/file/media.c \
  bridge/file/media_care.c \
  bridge/file/upload.c \
  bridge/file/upload_part.c bridge/file/upload_part.h \
  bridge/file/upload_slot.c
EXTRA_DIST += bridge/file/README.md
