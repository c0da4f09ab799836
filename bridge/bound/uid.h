/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ids of archives: UUIDs, which ejabberd spells as decimal numbers of 128 bits. */
#pragma once

#include "bridge/base/id.h"

/* Reads either spelling; false: TEXT is something else. */
bool uid_parse(const char *text, struct uuid *ret_uid);
/* The number; newly allocated. */
char *uid_decimal(const struct uuid *uid);
/* The id of what somebody else has named ID, in the archive of OWNER and by SENDER: always the
 * same. */
void uid_of_text(const char *owner, const char *sender, const char *id, struct uuid *ret_uid);
