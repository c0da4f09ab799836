# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libfeature.a
libfeature_a_SOURCES = \
  bridge/feature/feature.h \
  bridge/feature/features.c bridge/feature/features.h \
  bridge/feature/capabilities.c \
  bridge/feature/conversation.c \
  bridge/feature/message.c \
  bridge/feature/user.c
