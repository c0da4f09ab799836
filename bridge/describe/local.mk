# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libdescribe.a
libdescribe_a_SOURCES = \
  bridge/describe/asyncapi.c bridge/describe/asyncapi.h \
  bridge/describe/describe.c bridge/describe/describe.h \
  bridge/describe/openapi.c bridge/describe/openapi.h \
  bridge/describe/schema.c bridge/describe/schema.h
EXTRA_DIST += bridge/describe/README.md
