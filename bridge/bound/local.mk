# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libbound.a
libbound_a_SOURCES = \
  bridge/bound/admit.c bridge/bound/admit.h \
  bridge/bound/arrival.c bridge/bound/arrival.h \
  bridge/bound/bookmark.c bridge/bound/bookmark.h \
  bridge/bound/bound.c bridge/bound/bound.h bridge/bound/bound_part.h \
  bridge/bound/delegated.c bridge/bound/delegated.h \
  bridge/bound/displayed.c bridge/bound/displayed.h \
  bridge/bound/fold.c bridge/bound/fold.h \
  bridge/bound/holder.c bridge/bound/holder.h \
  bridge/bound/host.c bridge/bound/host.h \
  bridge/bound/inject.c bridge/bound/inject.h \
  bridge/bound/login.c bridge/bound/login.h bridge/bound/login_program.c bridge/bound/login_program.h \
  bridge/bound/mirror.c bridge/bound/mirror.h \
  bridge/bound/pep.c bridge/bound/pep.h \
  bridge/bound/publish.c bridge/bound/publish.h \
  bridge/bound/session.c bridge/bound/session.h \
  bridge/bound/uid.c bridge/bound/uid.h \
  bridge/bound/waiting.c bridge/bound/waiting.h
EXTRA_DIST += bridge/bound/README.md
