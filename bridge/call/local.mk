# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libcall.a
libcall_a_SOURCES = \
  bridge/call/act.c bridge/call/act.h \
  bridge/call/arrival.c bridge/call/arrival.h \
  bridge/call/ask.c \
  bridge/call/begin.c bridge/call/begin.h \
  bridge/call/binding.c bridge/call/binding.h \
  bridge/call/call.c bridge/call/call.h \
  bridge/call/history.c \
  bridge/call/ice.c bridge/call/ice.h \
  bridge/call/ice_probe.c bridge/call/ice_probe.h \
  bridge/call/jingle.c bridge/call/jingle.h \
  bridge/call/jingle_change.c bridge/call/jingle_change.h \
  bridge/call/machine.c bridge/call/machine.h \
  bridge/call/quality.c bridge/call/quality.h \
  bridge/call/request.c bridge/call/request.h \
  bridge/call/ringing.c bridge/call/ringing.h \
  bridge/call/servers.c \
  bridge/call/session.c \
  bridge/call/signal.c bridge/call/signal.h \
  bridge/call/tell.c bridge/call/tell.h \
  bridge/call/timer.c bridge/call/timer.h \
  bridge/call/transfer.c bridge/call/transfer.h \
  bridge/call/trickle.c bridge/call/trickle.h
EXTRA_DIST += bridge/call/README.md
