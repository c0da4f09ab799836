/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What contacts' clients can do, from their capabilities (XEP-0115): asked once for each hash,
 * believed only if the hash is right, and shared by all who show it. */
#pragma once

#include <stdbool.h>

struct core;
struct peer_resource;

void caps_start(void);
void caps_stop(void);

/* Whether RESOURCE's features are not known and its user was not asked a moment ago: caps_ask may be
 * called. */
bool caps_is_unknown(const struct peer_resource *resource);
/* Asks RESOURCE in the name of FROM (full JID of a hosted user). */
void caps_ask(struct core *core, const char *from, const struct peer_resource *resource);

/* False also as long as it is not known. */
bool caps_has(const struct peer_resource *resource, const char *feature);
