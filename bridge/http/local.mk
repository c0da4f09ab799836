# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libhttp.a
libhttp_a_SOURCES = \
  bridge/http/admin.c bridge/http/admin.h \
  bridge/http/array.c bridge/http/array.h \
  bridge/http/caller.c bridge/http/caller.h \
  bridge/http/coding.c bridge/http/coding.h \
  bridge/http/cookie.c bridge/http/cookie.h \
  bridge/http/credentials.c bridge/http/credentials.h \
  bridge/http/exchange.c bridge/http/exchange.h \
  bridge/http/extension.c bridge/http/extension.h \
  bridge/http/handshake.c bridge/http/handshake.h bridge/http/upgrade.h \
  bridge/http/head.c bridge/http/head.h \
  bridge/http/listener.c bridge/http/listener.h \
  bridge/http/page.c bridge/http/page.h \
  bridge/http/parameters.c bridge/http/parameters.h \
  bridge/http/reply.c bridge/http/reply.h \
  bridge/http/route.c bridge/http/route.h \
  bridge/http/spoken.c bridge/http/spoken.h \
  bridge/http/server.c bridge/http/server.h bridge/http/server_part.h \
  bridge/http/stream.c bridge/http/stream.h \
  bridge/http/upload.c bridge/http/upload.h
