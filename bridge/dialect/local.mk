# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libdialect.a
libdialect_a_SOURCES = \
  bridge/dialect/dialect.c bridge/dialect/dialect.h \
  bridge/dialect/native.c bridge/dialect/native.h \
  bridge/dialect/s0.c \
  bridge/dialect/s1.c \
  bridge/dialect/s2.c \
  bridge/dialect/s3.c \
  bridge/dialect/shape.c bridge/dialect/shape.h \
  bridge/dialect/spelling.c bridge/dialect/spelling.h \
  bridge/dialect/words.c bridge/dialect/words.h
EXTRA_DIST += bridge/dialect/README.md
