# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libws.a
libws_a_SOURCES = \
  bridge/ws/auth.c bridge/ws/auth.h \
  bridge/ws/command.c bridge/ws/command.h \
  bridge/ws/deflate.c bridge/ws/deflate.h \
  bridge/ws/frame.c bridge/ws/frame.h \
  bridge/ws/output.c bridge/ws/output.h \
  bridge/ws/replay.c bridge/ws/replay.h \
  bridge/ws/server.c bridge/ws/server.h \
  bridge/ws/socket.c bridge/ws/socket.h \
  bridge/ws/text_frame.c bridge/ws/text_frame.h
EXTRA_DIST += bridge/ws/README.md
