/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What members have read and what reached them; bounces. */
#pragma once

#include "bridge/base/id.h"
#include "bridge/core/request.h"

/* Moves the account's read mark up to MESSAGE (NULL: the newest) and answers REQUEST. */
void message_read(struct request *request, const struct uuid *conversation,
                  const struct uuid *message);

/* The remote user with bare JID FROM reports MESSAGE delivered, or everything up to it read. */
void message_marked(struct core *core, const char *from, const struct uuid *message, bool read);

/* MESSAGE bounced: an error came from bare JID FROM. */
void message_failed(struct core *core, const char *from, const struct uuid *message,
                    const char *condition);

/* Members' deliveries to sockets are gathered and written at a steady, bounded pace. */
void deliveries_init(struct core *core);
void deliveries_clear(struct core *core);
/* MESSAGE was handed to a socket of USER. */
void delivery_note(struct core *core, const struct uuid *conversation, const struct uuid *user,
                   const struct uuid *message);
