# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libcore.a
libcore_a_SOURCES = \
  bridge/core/account.c bridge/core/account.h bridge/core/registry.h \
  bridge/core/core.h \
  bridge/core/cursor.c bridge/core/cursor.h \
  bridge/core/event.c bridge/core/event.h \
  bridge/core/mark.c bridge/core/delivery.h \
  bridge/core/message.c bridge/core/message.h \
  bridge/core/outbox.c bridge/core/outbox.h \
  bridge/core/pair.c bridge/core/pair.h \
  bridge/core/peer.c bridge/core/peer.h \
  bridge/core/resume.c bridge/core/resume.h \
  bridge/core/session.c bridge/core/session.h bridge/core/provision.h \
  bridge/core/base64url.c bridge/core/base64url.h \
  bridge/core/body.c bridge/core/body.h \
  bridge/core/change.c bridge/core/change.h \
  bridge/core/field.c bridge/core/field.h \
  bridge/core/request.c bridge/core/request.h \
  bridge/core/status.c bridge/core/status.h \
  bridge/core/token.c bridge/core/token.h \
  bridge/core/token_key.c bridge/core/token_key.h \
  bridge/core/typing.c bridge/core/typing.h
