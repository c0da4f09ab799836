# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libprofile.a
libprofile_a_SOURCES = \
  bridge/profile/pep.c bridge/profile/pep.h \
  bridge/profile/pep_watcher.c bridge/profile/pep_watcher.h \
  bridge/profile/picture.c bridge/profile/picture.h \
  bridge/profile/profile.c bridge/profile/profile.h \
  bridge/profile/remote_profile.c
EXTRA_DIST += bridge/profile/README.md
