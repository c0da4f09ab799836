/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether the store has the files of the database. */
#pragma once

#include <stdbool.h>

#include "bridge/tool/doctor_part.h"

/* WHOLE: every byte is read, decrypted, and compared by its digest; else only whether each key
 * opens, and the last segment is there. */
void backup_files_check(struct doctor *doctor, PGconn *connection, bool whole);
