/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many things each address has. Who has none costs nothing, so that the table is never larger
 * than what is counted. The key 0 is nobody and is never counted. */
#pragma once

#include <glib.h>

struct tally;

struct tally *tally_new(void);
void tally_free(struct tally *tally); /* NULL is fine */

unsigned tally_get(const struct tally *tally, guint64 key);
void tally_add(struct tally *tally, guint64 key);
/* One that was added is gone. */
void tally_remove(struct tally *tally, guint64 key);
