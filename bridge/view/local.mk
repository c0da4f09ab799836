# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libview.a
libview_a_SOURCES = \
  bridge/view/conversation.c bridge/view/conversation.h \
  bridge/view/conversation_page.c bridge/view/conversation_page.h \
  bridge/view/file.c bridge/view/file.h \
  bridge/view/json.c bridge/view/json.h \
  bridge/view/memory.c bridge/view/memory.h \
  bridge/view/message.c bridge/view/message.h \
  bridge/view/message_page.c bridge/view/message_page.h \
  bridge/view/people.c bridge/view/people.h \
  bridge/view/rows.c bridge/view/rows.h \
  bridge/view/preview.c bridge/view/preview.h \
  bridge/view/schema.def \
  bridge/view/view.c bridge/view/view.h
EXTRA_DIST += bridge/view/README.md
