/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asks Sentinels, one after the other, where the primary of a name is. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/redis_url.h"

/* SERVER is borrowed for the call, and has the password of the Sentinel that said so; NULL: none of
 * them knows. */
typedef void (*redis_sentinel_done)(const struct redis_server *server, void *data);

struct redis_sentinel;

/* SERVERS is borrowed and has a name. DONE is called once for each question, never from inside it.
 */
struct redis_sentinel *redis_sentinel_new(const struct redis_servers *servers,
                                          redis_sentinel_done done, void *data);
void redis_sentinel_free(struct redis_sentinel *sentinel); /* calls nothing */
/* Does nothing while a question is under way. Each Sentinel has a second. */
void redis_sentinel_ask(struct redis_sentinel *sentinel);
