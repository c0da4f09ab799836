/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The available resources that want to be told of hosted users' nodes (see pep.c): the list alone,
 * bounded per user and in all. Users and JIDs are compared as text. */
#pragma once

#include <glib.h>

struct watcher {
    char *jid;      /* full */
    char *ver;      /* of its capabilities */
    unsigned nodes; /* enum pep_node */
};

void watchers_start(void);
void watchers_stop(void);
void watchers_clear(void); /* forgets all */

/* Those of USER (bare JID), struct watcher *; NULL: none. Valid until one is added or removed. */
const GPtrArray *watchers_of(const char *user);

/* The one of USER with the full JID; NULL: none. */
struct watcher *watcher_find(const char *user, const char *jid);

/* A new one, without ver and nodes; NULL: there are too many. */
struct watcher *watcher_add(const char *user, const char *jid);

/* Forgets JID, or with a bare one all its resources. */
void watchers_remove(const char *user, const char *jid);
