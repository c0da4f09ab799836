# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libmessage.a
libmessage_a_SOURCES = \
  bridge/message/assist.c bridge/message/assist.h \
  bridge/message/attachment.c \
  bridge/message/deadline.c \
  bridge/message/dictation.c \
  bridge/message/disappearing.c \
  bridge/message/draft.c \
  bridge/message/edit.c \
  bridge/message/forward.c \
  bridge/message/judge.c bridge/message/judge.h \
  bridge/message/late.c bridge/message/late.h \
  bridge/message/link_check.c bridge/message/link_check.h \
  bridge/message/location.c \
  bridge/message/mention.c \
  bridge/message/message.c \
  bridge/message/payload.c \
  bridge/message/poll.c \
  bridge/message/reaction.c \
  bridge/message/receipt.c \
  bridge/message/removal.c \
  bridge/message/reply.c \
  bridge/message/scheduled.c \
  bridge/message/star.c \
  bridge/message/thread.c \
  bridge/message/topics.c \
  bridge/message/transcription.c \
  bridge/message/translation.c
EXTRA_DIST += bridge/message/README.md
