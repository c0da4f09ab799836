# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libroom.a
libroom_a_SOURCES = \
  bridge/room/admin.c \
  bridge/room/ask.c \
  bridge/room/demand.c bridge/room/demand.h \
  bridge/room/enter.c \
  bridge/room/ghost.c \
  bridge/room/groupchat.c bridge/room/groupchat.h \
  bridge/room/invite.c \
  bridge/room/mark.c \
  bridge/room/moderate.c \
  bridge/room/occupant.c bridge/room/occupant.h \
  bridge/room/owner.c \
  bridge/room/scene.c bridge/room/scene.h \
  bridge/room/service.c \
  bridge/room/talk.c
EXTRA_DIST += bridge/room/README.md
