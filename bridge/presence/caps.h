/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What contacts' clients can do, from their capabilities (XEP-0115): asked once for each hash,
 * believed only if the hash is right, and shared by all who show it. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct caps;
struct core;
struct available_resource;

void caps_start(void);
void caps_stop(void);

/* Whether RESOURCE's features are not known and its user was not asked a moment ago: caps_ask may
 * be called. */
bool caps_is_unknown(const struct available_resource *resource);
/* Asks RESOURCE in the name of FROM (full JID of a hosted user). */
void caps_ask(struct core *core, const char *from, const struct available_resource *resource);

struct caps_place {
    const char *from;     /* full JID of a hosted user, in whose name somebody may be asked */
    const char *full_jid; /* who shows the capabilities */
};

/* FEATURES is a set of text, borrowed; NULL: there was no answer. */
typedef void (*caps_done)(GHashTable *features, void *data);

/* What CAPS mean. DONE is called exactly once: at once if they are known, else when who shows them
 * has answered; an answer that is not what the hash says counts for that one alone. */
void caps_find(struct core *core, const struct caps_place *place, const struct caps *caps,
               caps_done done, void *data);

/* Whether it is known that RESOURCE has FEATURE. */
bool caps_has(const struct available_resource *resource, const char *feature);
/* Whether it is known that RESOURCE has no FEATURE. */
bool caps_lacks(const struct available_resource *resource, const char *feature);
