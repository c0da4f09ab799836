/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the operations of calls share: who asks by which device, and answers with a call in them. */
#pragma once

#include <jansson.h>

#include "bridge/call/machine.h"
#include "bridge/core/request.h"

/* SESSION: the socket that a REST request says it belongs to; NULL: it does not say. */
struct call_actor call_request_actor(const struct request *request, const struct uuid *session);

void call_reply_json(struct request *request, unsigned status, const json_t *json);
/* CALL, whose id is ID, with the servers for its media; STRANGERS as in struct call. */
void call_reply_begun(struct request *request, unsigned status, const json_t *call,
                      const struct uuid *id, bool strangers);
