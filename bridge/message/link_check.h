/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Links that a service ([spam] links_url) knows to be dangerous: one that speaks the Lookup API of
 * Safe Browsing (v4, threatMatches:find). What it says of a link is remembered for a while,
 * bounded. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct core;
struct options;

void link_check_start(struct core *core);
/* Whoever waits is told that nothing is known. */
void link_check_drain(void);
void link_check_stop(void);
/* From now on the key in FRESH is used (not kept); without one, that of the start. */
void link_check_renew(struct core *core, const struct options *fresh);

/* Whether there is such a service. */
bool link_check_is_on(void);

/* The links in TEXT (may be NULL), at most 20: a new array, which may be empty. */
json_t *link_check_find(const char *text);

/* THREATS: { url: what it is }, of those of the links that are dangerous, borrowed. */
typedef void (*link_check_done)(const json_t *threats, void *data);

/* Asks about URLS (taken), an array of texts. DONE is told once, now if all is remembered, or that
 * the service is not asked; what it does not say in time is no threat. */
void link_check_ask(json_t *urls, link_check_done done, void *data);
