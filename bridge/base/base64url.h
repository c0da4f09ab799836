/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strict base64url without padding (RFC 4648 section 5, RFC 7515 section 2). */
#pragma once

#include <glib.h>
#include <stddef.h>

/* Caller frees. */
char *base64url_encode(const void *bytes, size_t length);

/* The bytes of the LENGTH characters at TEXT, followed by a NUL that is not counted; caller frees.
 * NULL if a character is not of the alphabet (padding and spaces are not), or if bits that no byte
 * uses are set: each sequence of bytes has exactly one spelling. */
guchar *base64url_decode(const char *text, size_t length, size_t *ret_length);
