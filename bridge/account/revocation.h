/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sign-outs and suspensions reach whoever has been let in. The database has them in order
 * (revocations); each process knows up to which position it has carried them out, asks at short
 * intervals for what came behind, and at once when it hears from another process that there is
 * something. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"

struct sessions;
struct token_verifier;

struct revocation {
    struct uuid user;       /* nil: everybody */
    struct uuid credential; /* this one only, unless nil */
    gint64 issued_before;   /* what is older only, unless 0; with both unset: all */
    /* What none of these keys has signed only, unless NULL; instead of the two above. */
    const struct token_verifier *keys;
    const char *reason;
};

struct revocations;
struct revocations *revocations_new(void);
void revocations_free(struct revocations *revocations);

/* Another log has other revocations: the next answer sets the start. */
void revocations_start_anew(struct sessions *sessions);

/* Begins to ask by itself. */
void revocations_start(struct sessions *sessions);

/* Asks now; DONE (may be NULL) is called once, later, when what was in the database at the time of
 * this call has been carried out, or when it could not be asked. */
void revocations_catch_up(struct sessions *sessions, void (*done)(void *data), void *data);

/* Like revocations_catch_up, when this process has added one itself: the other instances are told,
 * too. */
void revocations_added(struct sessions *sessions, void (*done)(void *data), void *data);

/* Whether an answer of the database that is as of POSITION may be believed: it is at least as new
 * as what was carried out. The first one sets the start. */
bool revocations_cover(struct sessions *sessions, gint64 position);
