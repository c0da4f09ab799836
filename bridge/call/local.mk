# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libcall.a
libcall_a_SOURCES = \
  bridge/call/ice.c bridge/call/ice.h \
  bridge/call/ice_probe.c bridge/call/ice_probe.h \
  bridge/call/machine.c bridge/call/machine.h
EXTRA_DIST += bridge/call/README.md
