/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one cookie of ours in a header Cookie (RFC 6265 section 4.2). */
#pragma once

#include <stdbool.h>

#define COOKIE_NAME "trestle_session"

enum cookie_result {
    COOKIE_NONE, /* no cookie of that name */
    COOKIE_FOUND,
    COOKIE_BAD /* more than one of that name, or not a secret of ours */
};

/* Looks through HEADER (may be NULL) and copies the value to RET_VALUE, which has room for a secret
 * (SECRET_LENGTH) and its NUL. */
enum cookie_result cookie_find(const char *header, char *ret_value);
