/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the descriptions of one side bind to a call: its ICE user name fragments, each with the
 * DTLS fingerprint that was told with it. Whoever wants another key has to restart ICE, which both
 * ends can see; a candidate of anything else is not passed on. Pure. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct media_description;

/* { fragment: fingerprint } of what is not rejected in DESCRIPTION; a new reference. */
json_t *binding_of(const struct media_description *description);
/* Whether a description that binds NEXT may come after one that has bound BOUND (NULL: none). */
bool binding_allows(const json_t *bound, const json_t *next);
/* Whether the candidate DATA { candidate, usernameFragment } may come from who has bound BOUND:
 * always, if that is nothing, or if the candidate names no fragment. */
bool binding_has(const json_t *bound, const json_t *data);
