/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an account shows of itself, published at its server: its name (XEP-0172) and its picture
 * (XEP-0084). Each is an entry of the outbox whose payload is JSON. */
#pragma once

#include "bridge/core/outbox.h"

xmpp_stanza_t *bound_publish_nick(const struct outbox_entry *entry);    /* nick; "": none */
xmpp_stanza_t *bound_publish_picture(const struct outbox_entry *entry); /* hash, data */
/* hash, bytes, width, height; without: there is none. */
xmpp_stanza_t *bound_publish_avatar(const struct outbox_entry *entry);
