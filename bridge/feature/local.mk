# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libfeature.a
libfeature_a_SOURCES = \
  bridge/feature/adhoc.c \
  bridge/feature/admin_limit.c \
  bridge/feature/admin_service.c \
  bridge/feature/admin_user.c \
  bridge/feature/audit.c \
  bridge/feature/audit_export.c \
  bridge/feature/avatar.c \
  bridge/feature/block.c \
  bridge/feature/bound_account.c \
  bridge/feature/capabilities.c \
  bridge/feature/roster.c \
  bridge/feature/conversation.c \
  bridge/feature/description.c \
  bridge/feature/disco.c \
  bridge/feature/file.c \
  bridge/feature/file_stream.c bridge/feature/file_stream.h \
  bridge/feature/file_change.c \
  bridge/feature/features.c bridge/feature/features.h bridge/feature/features.def \
  bridge/feature/follow.c \
  bridge/feature/foreign_avatar.c \
  bridge/feature/foreign_file.c \
  bridge/feature/foreign_link.c \
  bridge/feature/foreign_page.c bridge/feature/foreign_page.h \
  bridge/feature/foreign_picture.c bridge/feature/foreign_picture.h \
  bridge/feature/group.c \
  bridge/feature/held_file.c \
  bridge/feature/last.c \
  bridge/feature/limits.c \
  bridge/feature/mam.c \
  bridge/feature/mam_queue.c bridge/feature/mam_queue.h \
  bridge/feature/mam_row.c bridge/feature/mam_row.h \
  bridge/feature/media.c \
  bridge/feature/media_care.c \
  bridge/feature/moderation.c \
  bridge/feature/ping.c \
  bridge/feature/subscription.c \
  bridge/feature/privacy.c \
  bridge/feature/request.c \
  bridge/feature/retention.c \
  bridge/feature/room_avatar.c \
  bridge/feature/search.c \
  bridge/feature/search_pace.c bridge/feature/search_pace.h \
  bridge/feature/session.c \
  bridge/feature/spam.c \
  bridge/feature/staff.c \
  bridge/feature/sync.c \
  bridge/feature/throttle.c \
  bridge/feature/time.c \
  bridge/feature/typing.c \
  bridge/feature/typing_group.c bridge/feature/typing_group.h \
  bridge/feature/typing_tell.c bridge/feature/typing_tell.h \
  bridge/feature/upload.c \
  bridge/feature/upload_slot.c \
  bridge/feature/upload_part.c bridge/feature/upload_part.h \
  bridge/feature/user.c \
  bridge/feature/user_search.c \
  bridge/feature/vcard.c \
  bridge/feature/version.c
EXTRA_DIST += bridge/feature/README.md
