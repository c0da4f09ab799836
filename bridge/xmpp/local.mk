# SPDX-License-Identifier: GPL-3.0-or-later
noinst_LIBRARIES += libxmpp.a
libxmpp_a_SOURCES = \
  bridge/xmpp/arrival.c bridge/xmpp/arrival.h \
  bridge/xmpp/copies.c bridge/xmpp/copies.h \
  bridge/xmpp/dispatch.c bridge/xmpp/dispatch.h \
  bridge/xmpp/guard.c bridge/xmpp/guard.h \
  bridge/xmpp/labels.c bridge/xmpp/labels.h \
  bridge/xmpp/link.c bridge/xmpp/link.h bridge/xmpp/link_internal.h \
  bridge/xmpp/link_ping.c bridge/xmpp/link_ping.h \
  bridge/xmpp/link_socket.c bridge/xmpp/link_socket.h \
  bridge/xmpp/link_text.c bridge/xmpp/link_text.h \
  bridge/xmpp/pending_iq.c bridge/xmpp/pending_iq.h \
  bridge/xmpp/send_queue.c bridge/xmpp/send_queue.h \
  bridge/xmpp/stream_error.c bridge/xmpp/stream_error.h
