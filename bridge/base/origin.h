/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Origins (RFC 6454) and hosts, compared by what they mean: letters of any case, a port that is the
 * scheme's own, a dot at the end, a name in Unicode or in its xn-- form, an IPv6 address in any
 * spelling. */
#pragma once

#include <stdbool.h>

/* The one spelling of ORIGIN: "scheme://host" or "scheme://host:port", in lower case; the caller's.
 * NULL if it is none: without a host, with a path, user, query or wildcard. Any scheme may be: an
 * application in a shell of its own has one such as capacitor://localhost. */
char *origin_normal(const char *origin);

/* Whether HOST, a header's "name", "name:port", "[v6]" or "[v6]:port", can be read. */
bool origin_host_is_good(const char *host);

/* Whether the hosts A and B are the same; without a port they mean DEFAULT_PORT_OF_BOTH. */
bool origin_host_equal(const char *a, const char *b, unsigned default_port_of_both);

/* Whether ORIGIN, of http or https, is that of HOST, asked with the same scheme. */
bool origin_is_of_host(const char *origin, const char *host);
