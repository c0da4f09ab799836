# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libroom.a
libroom_a_SOURCES = \
  bridge/room/demand.c bridge/room/demand.h \
  bridge/room/enter.c \
  bridge/room/ghost.c \
  bridge/room/groupchat.c bridge/room/groupchat.h \
  bridge/room/mark.c \
  bridge/room/message_late.c bridge/room/message_late.h \
  bridge/room/occupant.c bridge/room/occupant.h \
  bridge/room/scene.c bridge/room/scene.h \
  bridge/room/talk.c
EXTRA_DIST += bridge/room/README.md
