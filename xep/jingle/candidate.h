/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ICE candidates as lines of SDP (RFC 8839 section 5.1) and as elements of XEP-0176. */
#pragma once

#include "xep/jingle/media.h"
#include "xep/stanza.h"

#define CANDIDATE_LINE_MAX 512 /* bytes of a line that is read */

/* Reads a line, with or without "a=" in front; extensions it does not know are passed over, and so
 * is whether the candidate is of use. False: it is none. Strings are kept in DESCRIPTION. */
bool candidate_read_line(struct media_description *description, const char *line, size_t length,
                         struct candidate *ret);

/* Appends "candidate:…", without "a=" and line end; UFRAG (NULL: none) tells generations apart. */
void candidate_write_line(GString *out, const struct candidate *candidate, const char *ufrag);

/* Reads <candidate/>. What XEP-0176 requires and clients leave out (id, network, generation) may be
 * missing. False: it is none. */
bool candidate_parse(struct media_description *description, xmpp_stanza_t *element,
                     struct candidate *ret);

/* Adds <candidate/> to a transport; NUMBER makes its id. */
void candidate_add(xmpp_stanza_t *transport, const struct candidate *candidate, unsigned number);

/* Whether a candidate is of use to the other side: UDP, component 1, and an address that can be
 * reached: numeric, neither loopback, link-local nor unspecified. With RELAY_ONLY only relayed
 * ones, which then name no related address. */
bool candidate_may_pass(const struct candidate *candidate, bool relay_only);
/* CANDIDATE as it may be told: a relayed one without a related address under RELAY_ONLY, and none
 * that is unspecified. */
struct candidate candidate_shown(const struct candidate *candidate, bool relay_only);
