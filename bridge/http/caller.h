/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From where a request comes: what limits by address count. */
#pragma once

#include <glib.h>
#include <stdbool.h>

struct sockaddr;

/* The client's address (see limit_address) in the value of X-Forwarded-For: the last one of the
 * list, which is what the proxy itself has written. What stands around it is taken off: white
 * space, quotes, brackets, a port (RFC 7239 section 6 and what proxies write), the zone of an IPv6
 * address. 0: it names no address ("unknown", an obfuscated "_name", nothing at all). */
guint64 caller_of_forwarded(const char *header);

/* The reverse proxies of the option http.proxies, each an address of 16 bytes. */
GArray *proxies_new(const char *const *words);
bool proxies_have(const GArray *proxies, const struct sockaddr *peer);

/* The address to count a request for, which came from PEER with FORWARDED (NULL: no such header).
 * 0 is never limited: loopback that is no proxy of ours. A proxy that does not tell the client's
 * address counts itself, loopback or not; *ret_silent says so. */
guint64 caller_address(const GArray *proxies, const struct sockaddr *peer, const char *forwarded,
                       bool *ret_silent);
