# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libpresence.a
libpresence_a_SOURCES = \
  bridge/presence/announce.c bridge/presence/announce.h \
  bridge/presence/user_presence_part.h \
  bridge/presence/user_presence.c bridge/presence/user_presence.h \
  bridge/presence/user_presence_elsewhere.c \
  bridge/presence/user_presence_partners.c \
  bridge/presence/user_presence_tell.c \
  bridge/presence/caps.c bridge/presence/caps.h \
  bridge/presence/client.c bridge/presence/client.h \
  bridge/presence/hosted.c bridge/presence/hosted.h \
  bridge/presence/online.c bridge/presence/online.h \
  bridge/presence/contact_presence.c bridge/presence/contact_presence.h \
  bridge/presence/status.c bridge/presence/status.h \
  bridge/presence/visibility.c bridge/presence/visibility.h \
  bridge/presence/watch.c bridge/presence/watch.h
EXTRA_DIST += bridge/presence/README.md
