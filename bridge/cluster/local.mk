# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libcluster.a
libcluster_a_SOURCES = \
  bridge/cluster/ask.c bridge/cluster/ask.h \
  bridge/cluster/bus.c bridge/cluster/bus.h \
  bridge/cluster/cluster.c bridge/cluster/cluster.h \
  bridge/cluster/elsewhere.c bridge/cluster/elsewhere.h \
  bridge/cluster/fanout.c bridge/cluster/fanout.h \
  bridge/cluster/lease.c bridge/cluster/lease.h \
  bridge/cluster/notice.c bridge/cluster/notice.h \
  bridge/cluster/sequencer.c bridge/cluster/sequencer.h
EXTRA_DIST += bridge/cluster/README.md
