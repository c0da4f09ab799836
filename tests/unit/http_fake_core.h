/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A core for tests of the transports: no database, one account, two tokens. */
#pragma once

#include "bridge/core/core.h"

/* "known" is remembered, "later" signs in at the loop's next turn, "away" fails with 503;
 * everything else is 401. "key" is a server key without an account. */
void fake_core_init(struct core *core); /* OPERATIONS and OPTIONS are set; ports are 0 */
void fake_core_clear(struct core *core);

/* How many requests of POST /api/slow wait for fake_core_release. */
unsigned fake_core_live_calls(void); /* of GET /api/live */
unsigned fake_core_uploads(void);    /* bodies that are being read */
int fake_core_upload_end(void);      /* enum error_code, how the newest ended; -1: it has not */
unsigned fake_core_waiting(void);
void fake_core_release(void);
