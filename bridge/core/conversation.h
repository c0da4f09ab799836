/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening conversations, for whatever route or command needs one. */
#pragma once

#include "bridge/core/change.h"

/* Bytes. */
#define GROUP_NAME_MAX 256
#define GROUP_DESCRIPTION_MAX 4096

/* Makes or finds the direct conversation that ARGUMENTS (taken) of change_conversation_open() name,
 * for REQUEST's account. DONE gets REQUEST as its data; when making it is refused by the limit of
 * new conversations, REQUEST is answered and DONE is not called. */
void conversation_submit_open(struct request *request, json_t *arguments, change_done done);
