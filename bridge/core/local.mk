# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libcore.a
libcore_a_SOURCES = \
  bridge/core/audit.c bridge/core/audit.h \
  bridge/core/body.c bridge/core/body.h \
  bridge/core/change.c bridge/core/change.h \
  bridge/core/content.c bridge/core/content.h bridge/core/content.def bridge/core/send_fields.def \
  bridge/core/conversation.c bridge/core/conversation.h \
  bridge/core/core.h \
  bridge/core/cursor.c bridge/core/cursor.h \
  bridge/core/entry.c bridge/core/entry.h \
  bridge/core/epoch.c bridge/core/epoch.h \
  bridge/core/event.c bridge/core/event.h bridge/core/event.def \
  bridge/core/feature.h \
  bridge/core/field.c bridge/core/field.h \
  bridge/core/hook.c bridge/core/hook.h \
  bridge/core/json_check.c bridge/core/json_check.h \
  bridge/core/mark.c bridge/core/mark.h \
  bridge/core/member.c bridge/core/member.h \
  bridge/core/message.c bridge/core/message.h \
  bridge/core/operation.c bridge/core/operation.h \
  bridge/core/outbox.c bridge/core/outbox.h \
  bridge/core/outbox_lane.c bridge/core/outbox_lane.h \
  bridge/core/part.c bridge/core/part.h \
  bridge/core/refusal.c bridge/core/refusal.h \
  bridge/core/relation.c bridge/core/relation.h \
  bridge/core/request.c bridge/core/request.h bridge/core/request_row.c bridge/core/request_row.h \
  bridge/core/resume.c bridge/core/resume.h \
  bridge/core/stanza_out.c bridge/core/stanza_out.h \
  bridge/core/stream.c bridge/core/stream.h \
  bridge/core/toggle.c bridge/core/toggle.def bridge/core/toggle.h \
  bridge/core/typing.c bridge/core/typing.h
