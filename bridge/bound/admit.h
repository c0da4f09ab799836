/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the module of a host says of an account. */
#pragma once

#include <jansson.h>

#include "bridge/base/error.h"
#include "bridge/bound/bound_part.h"

/* ERROR_NONE: yes; ERROR_UNAUTHENTICATED: the password is wrong, or the account may not be used
 * here; ERROR_FORBIDDEN: it may not, when no password was asked for; ERROR_UNAVAILABLE: the module
 * did not say. */
typedef void (*admit_done)(enum error_code error, void *data);

/* Asks by this instance's own link whether JID (bare, at a host) may be used here, and unless
 * PASSWORD (borrowed) is NULL, whether that is its password. False: cannot be asked now, DONE is
 * not called; else it is called once, later. */
bool bound_admit_ask(struct bound *bound, const char *jid, const char *password, unsigned seconds,
                     admit_done done, void *data);

/* Whether JID may be used here: by the options, and by its host, which the instance that has the
 * link is asked for. DATA is the core. DONE is called once, later. */
void bound_admit(const char *jid, admit_done done, void *done_data, void *data);

/* A message of another instance. */
void bound_admit_hear(struct bound *bound, const json_t *message);
void bound_admit_open(struct bound *bound);
/* Answers those who still wait for another instance. */
void bound_admit_drain(struct bound *bound);
void bound_admit_close(struct bound *bound);
