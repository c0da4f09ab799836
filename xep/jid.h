/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XMPP addresses, RFC 7622: local@domain/resource, at most 1023 bytes each.
 *
 * Limit: lengths, UTF-8 and the forbidden characters are checked, but the PRECIS profiles and IDNA
 * are not applied. Addresses from the link are taken in the form the server prepared; addresses
 * typed by users are compared after folding ASCII letters, so a non-ASCII address must be typed
 * exactly. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define JID_PART_MAX 1023
#define JID_MAX (3 * JID_PART_MAX + 2)
#define JID_HOSTED_LOCAL_MAX 64

/* Borrowed pieces of an address, not NUL terminated; absent ones are NULL with length 0. */
struct jid_parts {
    const char *local;
    const char *domain;
    const char *resource;
    size_t local_length;
    size_t domain_length;
    size_t resource_length;
};

/* False, and *ret untouched, when TEXT is no valid address. */
bool jid_split(const char *text, struct jid_parts *ret);
bool jid_is_valid(const char *text);
/* Valid and without a resource; a mere domain counts. */
bool jid_is_valid_bare(const char *text);

/* Newly allocated local@domain, or NULL when TEXT is no valid address. */
char *jid_bare(const char *text);
/* Newly allocated copies of one part; NULL when it is absent or TEXT is invalid. */
char *jid_local(const char *text);
char *jid_domain(const char *text);
char *jid_resource(const char *text);
/* Newly allocated form for looking up what a user typed: ASCII letters of local and domain part in
 * lower case, one trailing dot of the domain gone, the resource as it is. NULL when invalid. */
char *jid_fold(const char *text);
/* Whether both are valid and equal but for their resources, byte by byte. */
bool jid_same_bare(const char *a, const char *b);
/* Whether LOCAL can be the local part of a hosted account: [a-z0-9][a-z0-9._-]{0,63}. */
bool jid_is_hosted_local(const char *local);
