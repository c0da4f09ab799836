/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions that are alike and come in one moment: many go as one statement. archive_gather() in
 * archive.h is the way in. */
#pragma once

#include "bridge/archive/archive.h"

struct gatherer;

struct gatherer *gatherer_new(struct archive *archive);
/* Asks what has gathered, if not enough is being asked already. At the end of each turn. */
void gatherer_flush(struct gatherer *gatherer);
void gatherer_add(struct gatherer *gatherer, enum gather kind, const char *const *values,
                  archive_done done, void *data);
/* Answers who has waited for longer than ARCHIVE_PATIENCE with ERROR_UNAVAILABLE; NOW:
 * clock_monotonic. */
void gatherer_tick(struct gatherer *gatherer, gint64 now);
/* Answers who still waits with ERROR_UNAVAILABLE, as the archive does with its reads; false: nobody
 * did. */
bool gatherer_stop(struct gatherer *gatherer);
void gatherer_free(struct gatherer *gatherer); /* after that */
