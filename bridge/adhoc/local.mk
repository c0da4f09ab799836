# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libadhoc.a
libadhoc_a_SOURCES = \
  bridge/adhoc/caller.c bridge/adhoc/caller.h \
  bridge/adhoc/command.c bridge/adhoc/command.h \
  bridge/adhoc/form.c bridge/adhoc/form.h \
  bridge/adhoc/result.c bridge/adhoc/result.h \
  bridge/adhoc/session.c bridge/adhoc/session.h \
  bridge/adhoc/shell.c bridge/adhoc/shell.h
EXTRA_DIST += bridge/adhoc/README.md
