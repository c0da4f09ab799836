/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the server has read what was sent. */
#pragma once

#include "bridge/xmpp/link.h"

/* Calls DONE exactly once: true when the server has taken over everything sent before (a ping to
 * it came back, streams being processed in order), false when the link went down first. False
 * return: the link is down (or 1,024 barriers with stanzas between them wait already), DONE is not
 * called. A barrier may be set while the send queue is full, and costs nothing when nothing was
 * sent since the last one. */
bool link_barrier(struct link *link, void (*done)(bool delivered, void *data), void *data);
