# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libdescribe.a
libdescribe_a_SOURCES = \
  bridge/describe/asyncapi.c \
  bridge/describe/describe.c bridge/describe/describe.h bridge/describe/describe_json.h \
  bridge/describe/openapi.c \
  bridge/describe/schema.c bridge/describe/schema.h bridge/describe/schema.def
EXTRA_DIST += bridge/describe/README.md
