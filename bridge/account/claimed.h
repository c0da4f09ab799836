/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The account of another server that a token names. */
#pragma once

struct options;

/* Newly allocated bare JID, at one of bound_hosts, of what bound_login_claim says; TEXT may be
 * NULL. NULL: it names no account there, and its holder is a user of the app. */
char *claimed_account(const struct options *options, const char *text);
