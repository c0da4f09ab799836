/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0377 reports: read in a request to block (XEP-0191), or in a message of a server that
 * passes them on. */
#pragma once

#include "xep/stanza.h"

#define REPORT_IDS_MAX 20

/* Borrowed from the stanza. */
struct abuse_report {
    const char *jid;                 /* who is reported */
    const char *reason;              /* the last part of the URI: spam, abuse, or anything else */
    const char *text;                /* NULL: none */
    const char *ids[REPORT_IDS_MAX]; /* of messages */
    size_t id_count;
};

/* False when there is none, or one that names nobody. */
bool abuse_report_parse(xmpp_stanza_t *stanza, struct abuse_report *ret);

/* Adds a report to MESSAGE, as servers pass them on: whom it is about, and why. */
void abuse_report_add(xmpp_stanza_t *message, const struct abuse_report *report);
