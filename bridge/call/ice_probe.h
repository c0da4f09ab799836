/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs trestle-ice, which tries STUN and TURN servers in a process of its own. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define ICE_PROBES_MAX 64 /* servers of one run */

struct ice_probe;

/* URI works, or REASON (one line of English) says why not. Both are borrowed. */
typedef void (*ice_probe_tell)(const char *uri, const char *reason, void *data);

struct ice_probe_plan {
    GString *servers;         /* of ice_probe_add(); taken */
    ice_probe_tell tell;      /* once for each server that was tried */
    void (*done)(void *data); /* last, once; then the probe is freed */
    void *data;
};

/* Appends a server; USERNAME and CREDENTIAL are those of TURN, else NULL. */
void ice_probe_add(GString *servers, const char *uri, const char *username, const char *credential);

/* Begins; it takes up to twenty seconds. NULL and *ERROR when the program cannot be started, as in
 * a build without it. */
struct ice_probe *ice_probe_start(const struct ice_probe_plan *plan, GError **error);
void ice_probe_stop(struct ice_probe *probe); /* nothing is told any more; NULL is fine */
