# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libpersonal.a
libpersonal_a_SOURCES = \
  bridge/personal/erase.c \
  bridge/personal/export.c bridge/personal/export_file.c \
  bridge/personal/export_job.c bridge/personal/export_job.h \
  bridge/personal/hold.c \
  bridge/personal/own_account.c \
  bridge/personal/sharing.c
EXTRA_DIST += bridge/personal/README.md
