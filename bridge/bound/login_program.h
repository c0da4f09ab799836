/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What trestle-login (bridge/login) is given, and what it says. */
#pragma once

#include <glib.h>

#include "bridge/base/error.h"

struct options;

#define LOGIN_OUTPUT_MAX 512

/* One attempt: the bare JID, and how its server is reached. Whoever drops the last reference wipes
 * it. */
GBytes *login_input_new(const struct options *options, const char *jid, const char *password);
/* The password alone, with its NUL, wiped in the same way. */
GBytes *login_secret_new(const char *password);

struct login_result {
    enum error_code verdict; /* ERROR_NONE: right; ERROR_UNAUTHENTICATED; ERROR_UNAVAILABLE */
    char word[32];    /* the mechanism; of ERROR_UNAVAILABLE: connect, tls, certificate, mechanism,
                         stream, timeout */
    char detail[192]; /* about that, or "" */
};

/* TEXT: all that the program has written; "": it was ended before it could. */
void login_result_read(const char *text, struct login_result *ret);
