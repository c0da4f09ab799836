/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XMPP addresses, RFC 7622: local@domain/resource, at most 1023 bytes each.
 *
 * Addresses from the link are taken in the form in which the server delivered them, but for their
 * domains (jid_settle), after a check of lengths, UTF-8 and forbidden characters; they are compared
 * byte by byte. What a user typed goes through jid_prepare first. */
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
/* JID up to its first slash, not looked at: the same, of an address that is known to be valid. */
char *jid_cut(const char *jid);
/* Newly allocated copies of one part; NULL when it is absent or TEXT is invalid. */
char *jid_local(const char *text);
char *jid_domain(const char *text);
char *jid_resource(const char *text);
/* Newly allocated form of an address that a user typed or pasted: each part prepared as RFC 7622
 * says, in the form that servers deliver (docs/decisions/0013). What is around it is taken off:
 * white space, angle brackets and a name before them, "xmpp:" (RFC 5122) and "mailto:" with their
 * queries, an empty resource, a full stop. The one place where addresses of apps become ours. NULL
 * when there is none. */
char *jid_prepare(const char *text);
/* The same without the resource, which must be right, though. */
char *jid_prepare_bare(const char *text);
/* ADDRESS, which a server delivered, with its domain in the one form that jid_prepare() gives
 * domains: U-labels, lower case, no final dot; newly allocated. NULL: it is that already, or has
 * none. The other parts are left alone: the server has prepared them. */
char *jid_settle(const char *address);
/* Whether both are valid and equal but for their resources, byte by byte. */
bool jid_same_bare(const char *a, const char *b);
/* Whether LOCAL can be the local part of a hosted account: [a-z0-9][a-z0-9._-]{0,63}. */
bool jid_is_hosted_local(const char *local);
