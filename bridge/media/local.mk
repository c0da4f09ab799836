# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libmedia.a
libmedia_a_SOURCES = \
  bridge/media/adopt.c bridge/media/adopt.h \
  bridge/media/bucket.c bridge/media/bucket.h \
  bridge/media/fetch.c bridge/media/fetch.h \
  bridge/media/film.c bridge/media/film.h \
  bridge/media/inspect.c bridge/media/inspect.h \
  bridge/media/intake.c bridge/media/intake.h \
  bridge/media/lock.c bridge/media/lock.h \
  bridge/media/media.c bridge/media/media.h \
  bridge/media/outtake.c bridge/media/part_reader.c bridge/media/outtake.h bridge/media/part_reader.h \
  bridge/media/plain.c bridge/media/plain.h \
  bridge/media/probe.c bridge/media/probe.h \
  bridge/media/render.c bridge/media/render.h \
  bridge/media/scan.c bridge/media/scan.h \
  bridge/media/shelf.c bridge/media/shelf.h \
  bridge/media/type.c bridge/media/type.h \
  bridge/media/wave.c bridge/media/wave.h \
  bridge/media/vault.c bridge/media/vault.h
EXTRA_DIST += bridge/media/README.md
