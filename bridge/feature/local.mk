# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libfeature.a
libfeature_a_SOURCES = \
  bridge/feature/avatar.c \
  bridge/feature/block.c \
  bridge/feature/call.c \
  bridge/feature/call_begin.c bridge/feature/call_begin.h \
  bridge/feature/call_history.c \
  bridge/feature/call_request.c bridge/feature/call_request.h \
  bridge/feature/call_transfer.c bridge/feature/call_transfer.h \
  bridge/feature/capabilities.c \
  bridge/feature/roster.c \
  bridge/feature/conversation.c \
  bridge/feature/description.c \
  bridge/feature/disco.c \
  bridge/feature/deadline.c \
  bridge/feature/disappearing.c \
  bridge/feature/draft.c \
  bridge/feature/edit.c \
  bridge/feature/location.c \
  bridge/feature/mention.c \
  bridge/feature/payload.c \
  bridge/feature/poll.c \
  bridge/feature/forward.c \
  bridge/feature/removal.c \
  bridge/feature/features.c bridge/feature/features.h bridge/feature/features.def \
  bridge/feature/follow.c \
  bridge/feature/group.c \
  bridge/feature/ice.c \
  bridge/feature/jingle.c \
  bridge/feature/jingle_arrival.c \
  bridge/feature/jingle_arrival.h \
  bridge/feature/last.c \
  bridge/feature/limits.c \
  bridge/feature/mam.c \
  bridge/feature/mam_queue.c bridge/feature/mam_queue.h \
  bridge/feature/mam_row.c bridge/feature/mam_row.h \
  bridge/feature/message.c \
  bridge/feature/ping.c \
  bridge/feature/subscription.c \
  bridge/feature/privacy.c \
  bridge/feature/reaction.c \
  bridge/feature/receipt.c \
  bridge/feature/reply.c \
  bridge/feature/request.c \
  bridge/feature/retention.c \
  bridge/feature/room_admin.c \
  bridge/feature/room_ask.c \
  bridge/feature/room_invite.c \
  bridge/feature/room_moderate.c \
  bridge/feature/room_owner.c \
  bridge/feature/rooms.c \
  bridge/feature/scheduled.c \
  bridge/feature/search.c \
  bridge/feature/search_pace.c bridge/feature/search_pace.h \
  bridge/feature/session.c \
  bridge/feature/staff.c \
  bridge/feature/star.c \
  bridge/feature/sync.c \
  bridge/feature/throttle.c \
  bridge/feature/thread.c \
  bridge/feature/time.c \
  bridge/feature/typing.c \
  bridge/feature/typing_group.c bridge/feature/typing_group.h \
  bridge/feature/typing_tell.c bridge/feature/typing_tell.h \
  bridge/feature/user.c \
  bridge/feature/user_search.c \
  bridge/feature/vcard.c \
  bridge/feature/version.c
EXTRA_DIST += bridge/feature/README.md
