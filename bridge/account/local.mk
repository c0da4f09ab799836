# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libaccount.a
libaccount_a_SOURCES = \
  bridge/account/account.c bridge/account/account.h \
  bridge/account/claimed.c bridge/account/claimed.h \
  bridge/account/grant.h \
  bridge/account/known.c bridge/account/known.h \
  bridge/account/limit.c bridge/account/limit.h \
  bridge/account/lookup.c bridge/account/lookup.h \
  bridge/account/mint.c bridge/account/mint.h \
  bridge/account/revocation.c bridge/account/revocation.h \
  bridge/account/secret.c bridge/account/secret.h \
  bridge/account/session.c bridge/account/session.h \
  bridge/account/sign_in.c bridge/account/sign_in.h \
  bridge/account/subscriber.h \
  bridge/account/token.c bridge/account/token.h \
  bridge/account/token_key.c bridge/account/token_key.h
