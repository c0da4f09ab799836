/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Typing in conversations of many: who begins and who stops is told to all members, and by chat
 * states to those who are in the group's room. */
#pragma once

#include "bridge/core/request.h"
#include "bridge/xmpp/dispatch.h"

void group_typing_start(struct core *core);
void group_typing_stop(void);

/* REQUEST's account says that it types in CONVERSATION, or (not ACTIVE) does not; answers REQUEST:
 * not_found, unless it is a group that the account is in. */
void group_typing_report(struct request *request, const struct uuid *conversation, bool active);

/* USER has stopped typing in CONVERSATION, by a message; NULL: in all, having gone. */
void group_typing_end(struct core *core, const struct uuid *user, const struct uuid *conversation);

/* A chat state came to a room, alone or with a text. */
void group_typing_observe(const struct stanza_context *context);
