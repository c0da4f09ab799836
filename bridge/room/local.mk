# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libroom.a
libroom_a_SOURCES = \
  bridge/room/admin.c \
  bridge/room/ask.c \
  bridge/room/demand.c bridge/room/demand.h \
  bridge/room/enter.c \
  bridge/room/ghost.c \
  bridge/room/groupchat.c bridge/room/groupchat.h \
  bridge/room/guest.c bridge/room/guest.h \
  bridge/room/guest_enter.c bridge/room/guest_enter.h \
  bridge/room/guest_hear.c bridge/room/guest_hear.h \
  bridge/room/guest_history.c bridge/room/guest_history.h \
  bridge/room/guest_invite.c \
  bridge/room/guest_say.c bridge/room/guest_say.h \
  bridge/room/invite.c \
  bridge/room/inviter.c bridge/room/inviter.h \
  bridge/room/mark.c \
  bridge/room/moderate.c \
  bridge/room/occupant.c bridge/room/occupant.h \
  bridge/room/owner.c \
  bridge/room/scene.c bridge/room/scene.h \
  bridge/room/service.c \
  bridge/room/talk.c \
  bridge/room/voice.c
EXTRA_DIST += bridge/room/README.md
