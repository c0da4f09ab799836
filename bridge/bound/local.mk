# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libbound.a
libbound_a_SOURCES = \
  bridge/bound/arrival.c \
  bridge/bound/bound.c bridge/bound/bound.h bridge/bound/bound_part.h \
  bridge/bound/host.c \
  bridge/bound/inject.c \
  bridge/bound/login.c bridge/bound/login.h \
  bridge/bound/mirror.c \
  bridge/bound/session.c \
  bridge/bound/uid.c bridge/bound/uid.h
EXTRA_DIST += bridge/bound/README.md
