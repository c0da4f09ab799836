# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libfeature.a
libfeature_a_SOURCES = \
  bridge/feature/announce.c bridge/feature/announce.h \
  bridge/feature/attendee.h \
  bridge/feature/audience.c bridge/feature/audience.h \
  bridge/feature/audience_elsewhere.c bridge/feature/audience_partners.c bridge/feature/audience_tell.c \
  bridge/feature/avatar.c \
  bridge/feature/block.c \
  bridge/feature/capabilities.c \
  bridge/feature/caps.c bridge/feature/caps.h \
  bridge/feature/client.c bridge/feature/client.h \
  bridge/feature/contact.c \
  bridge/feature/conversation.c \
  bridge/feature/description.c \
  bridge/feature/disco.c \
  bridge/feature/feature.h \
  bridge/feature/features.c bridge/feature/features.h \
  bridge/feature/follow.c \
  bridge/feature/hosted.c bridge/feature/hosted.h \
  bridge/feature/last.c \
  bridge/feature/limits.c \
  bridge/feature/message.c \
  bridge/feature/online.c bridge/feature/online.h \
  bridge/feature/peer.c \
  bridge/feature/pep.c bridge/feature/pep.h \
  bridge/feature/pep_watcher.c bridge/feature/pep_watcher.h \
  bridge/feature/picture.c bridge/feature/picture.h \
  bridge/feature/ping.c \
  bridge/feature/presence.c \
  bridge/feature/privacy.c \
  bridge/feature/profile.c bridge/feature/profile.h \
  bridge/feature/request.c \
  bridge/feature/search.c \
  bridge/feature/search_pace.c bridge/feature/search_pace.h \
  bridge/feature/session.c \
  bridge/feature/sync.c \
  bridge/feature/time.c \
  bridge/feature/typing.c \
  bridge/feature/user.c \
  bridge/feature/user_search.c \
  bridge/feature/vcard.c \
  bridge/feature/version.c \
  bridge/feature/watch.c bridge/feature/watch.h
EXTRA_DIST += bridge/feature/README.md
