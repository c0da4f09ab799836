# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libjob.a
libjob_a_SOURCES = \
  bridge/job/due.c bridge/job/due.h \
  bridge/job/job.c bridge/job/job.h
EXTRA_DIST += bridge/job/README.md
