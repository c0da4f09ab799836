# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libarchive.a
libarchive_a_SOURCES = \
  bridge/archive/archive.c bridge/archive/archive.h bridge/archive/internal.h \
  bridge/archive/codec.c \
  bridge/archive/health.c \
  bridge/archive/migrate.c \
  bridge/archive/tool.c bridge/archive/tool.h \
  bridge/archive/write_kinds.c \
  bridge/archive/writer.c
