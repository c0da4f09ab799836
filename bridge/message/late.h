/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message from XMPP that says something about another one, and is one of its own if that is not
 * there: kept until it is known. */
#pragma once

#include <jansson.h>

#include "bridge/core/change.h"
#include "bridge/xmpp/dispatch.h"

struct message_late;

/* Keeps the message of CONTEXT, to a user or a room, with the text that it shows. NULL: it shows
 * none, one that is too long, or its sender is over the limit: then it is not to be claimed. */
struct message_late *message_late_new(const struct stanza_context *context);

/* What it shows. */
const char *message_late_text(const struct message_late *late);

/* What changes about another message are told of it: { from, to, room, id, origin, stanza (its own
 * id, else a new one), came }, ID being that of the other one. */
json_t *message_late_arguments(const struct message_late *late, const char *id);

/* For change_submit: frees DATA, a struct message_late. If it was about nothing, it is stored as a
 * message; if it may not be, its sender is told. */
void message_late_done(const struct change_result *result, void *data);

/* Stored as a message, it says that it corrects the one called ID. */
void message_late_corrects(struct message_late *late, const char *id);
