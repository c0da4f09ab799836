# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libcore.a
libcore_a_SOURCES = \
  bridge/core/base64url.c bridge/core/base64url.h \
  bridge/core/body.c bridge/core/body.h \
  bridge/core/field.c bridge/core/field.h \
  bridge/core/request.c bridge/core/request.h \
  bridge/core/token.c bridge/core/token.h \
  bridge/core/token_key.c bridge/core/token_key.h
