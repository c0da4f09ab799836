/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords of accounts of other hosts, tried at their own server by a program of its own
 * (bridge/login). Nobody here keeps one. */
#pragma once

#include "bridge/base/error.h"

struct core;

/* ERROR_NONE: it is right; ERROR_UNAUTHENTICATED: it is not, or there is no such account;
 * ERROR_UNAVAILABLE: the server could not be asked; ERROR_RATE_LIMITED: too many wrong ones were
 * tried. */
typedef void (*login_done)(enum error_code error, void *data);

/* Tries PASSWORD (borrowed) of JID (bare; NULL: of nobody, which is wrong). DONE is called once,
 * later; what went wrong takes whole seconds, so that the time tells nothing. */
void login_check(struct core *core, const char *jid, const char *password, login_done done,
                 void *data);
/* Ends what is under way; nobody is called any more. */
void login_stop(void);
