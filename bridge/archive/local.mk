# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libarchive.a
libarchive_a_SOURCES = \
  bridge/archive/archive.c bridge/archive/archive.h bridge/archive/archive_part.h \
  bridge/archive/codec.c bridge/archive/codec.h \
  bridge/archive/heads.c bridge/archive/heads.h \
  bridge/archive/health.c bridge/archive/health.h \
  bridge/archive/migrate.c bridge/archive/migrate.h \
  bridge/archive/outcome.c bridge/archive/outcome.h bridge/archive/outcome.def \
  bridge/archive/gather.c bridge/archive/gather.h \
  bridge/archive/read.c bridge/archive/read.h \
  bridge/archive/replica.c bridge/archive/replica.h bridge/archive/replica_query.def \
  bridge/archive/rows.c bridge/archive/rows.h \
  bridge/archive/record.c bridge/archive/record.h \
  bridge/archive/tool.c bridge/archive/tool.h \
  bridge/archive/write_kinds.c bridge/archive/write_kinds.h \
  bridge/archive/writer.c bridge/archive/writer.h
