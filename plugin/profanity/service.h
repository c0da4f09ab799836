/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands (XEP-0050) of a service, each given in one go: what its form asks is known before. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#define SERVICE_NODE "urn:trestle:user:"

/* One of a list: what it says, by name. */
struct service_item {
    GHashTable *members; /* char * → char * */
};

/* Borrowed by whoever is told. */
struct service_answer {
    const char *problem; /* NULL: it is done */
    GHashTable *fields;  /* char * → char *, the first value of each */
    GPtrArray *items;    /* struct service_item * */
};

typedef void (*service_done)(const struct service_answer *answer, void *data);

/* The domain of the service, as the person has set it; NULL: not yet. The caller frees it. */
char *service_domain(void);
void service_set_domain(const char *domain);

/* Gives the command NODE (behind SERVICE_NODE) with VALUES, pairs of names and texts up to a NULL
 * name. DONE is called once, later, unless Profanity loses its connection before: then never, and
 * FREE_DATA frees DATA, as it does after DONE. False: not sent, DATA is freed. */
bool service_ask(const char *node, const char *const (*values)[2], service_done done, void *data,
                 GDestroyNotify free_data);

/* An IQ that came. Whether it was an answer for us. */
bool service_take(const char *stanza);
/* Forgets what was asked. */
void service_clear(void);
