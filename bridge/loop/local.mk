# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libloop.a
libloop_a_SOURCES = \
  bridge/loop/child.c bridge/loop/child.h \
  bridge/loop/disk.c bridge/loop/disk.h \
  bridge/loop/http_client.c bridge/loop/http_client.h \
  bridge/loop/loop.c bridge/loop/loop.h \
  bridge/loop/pq.c bridge/loop/pq.h \
  bridge/loop/redis.c bridge/loop/redis.h \
  bridge/loop/redis_sentinel.c bridge/loop/redis_sentinel.h \
  bridge/loop/redis_socket.c bridge/loop/redis_socket.h
