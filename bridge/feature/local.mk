# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libfeature.a
libfeature_a_SOURCES = \
  bridge/feature/adhoc.c \
  bridge/feature/avatar.c \
  bridge/feature/block.c \
  bridge/feature/bound_account.c \
  bridge/feature/capabilities.c \
  bridge/feature/sign_in.c \
  bridge/feature/roster.c \
  bridge/feature/conversation.c \
  bridge/feature/description.c \
  bridge/feature/disco.c \
  bridge/feature/features.c bridge/feature/features.h bridge/feature/features.def \
  bridge/feature/follow.c \
  bridge/feature/group.c \
  bridge/feature/last.c \
  bridge/feature/limits.c \
  bridge/feature/mam.c bridge/feature/mam_delegated.c \
  bridge/feature/mam_ids.c bridge/feature/mam_ids.h \
  bridge/feature/mam_link.c bridge/feature/mam_link.h \
  bridge/feature/mam_queue.c bridge/feature/mam_queue.h \
  bridge/feature/mam_row.c bridge/feature/mam_row.h \
  bridge/feature/ping.c \
  bridge/feature/subscription.c \
  bridge/feature/privacy.c \
  bridge/feature/request.c \
  bridge/feature/analytics.c \
  bridge/feature/room_avatar.c \
  bridge/feature/search.c \
  bridge/feature/search_pace.c bridge/feature/search_pace.h \
  bridge/feature/session.c \
  bridge/feature/sync.c \
  bridge/feature/throttle.c \
  bridge/feature/time.c \
  bridge/feature/typing.c \
  bridge/feature/typing_group.c bridge/feature/typing_group.h \
  bridge/feature/typing_tell.c bridge/feature/typing_tell.h \
  bridge/feature/user.c \
  bridge/feature/user_search.c \
  bridge/feature/vcard.c \
  bridge/feature/version.c
EXTRA_DIST += bridge/feature/README.md
