/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets that the bridge makes itself (cookies, tickets, server keys), and what is kept of them.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "bridge/base/id.h"

#define SECRET_LENGTH 43 /* 32 random bytes in base64url */
#define SERVER_KEY_PREFIX "tsk_"

/* A new secret; caller frees. NULL: the system has no randomness. */
char *secret_new(void);
/* A new server key, likewise: the prefix and a secret. */
char *server_key_new(void);

/* Whether TEXT looks like one of ours. */
bool secret_is_possible(const char *text, size_t length);

/* The first half of the SHA-256 of TEXT: all that memory and database keep of a credential. */
struct uuid secret_digest(const char *text);
struct uuid secret_digest_bytes(const char *bytes, size_t length);

/* The CSRF token that belongs to the session of COOKIE: it follows from it, and not the other way
 * round. Caller frees. */
char *secret_csrf(const char *cookie);

/* Compares in a time that depends on the lengths only. Either may be NULL: never equal. */
bool secret_equal(const char *a, const char *b);
