/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chat that the person is looking at, and what else is asked of Profanity: trestle.c alone has
 * its header, which defines what it declares. */
#pragma once

#include <stdbool.h>

struct place {
    const char *address; /* borrowed; NULL: no chat */
    bool room;
};

/* Shows LINE there; without a chat, in the console. */
void place_show(const struct place *place, const char *line);

/* False: there is no connection. */
bool place_send(const char *stanza);
/* A setting of the plugin that Profanity keeps. The caller frees it; NULL: none. */
char *place_setting(const char *name);
void place_keep(const char *name, const char *text);
