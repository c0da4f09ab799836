/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0363 HTTP File Upload, as the service. */
#pragma once

#include "xep/stanza.h"

/* Borrowed. */
struct upload_request {
    const char *filename;
    uint64_t size;
    const char *content_type; /* NULL: not said */
};

/* False: it is no request, or says no name or no size. */
bool upload_request_parse(xmpp_stanza_t *iq, struct upload_request *ret);

/* The answer: where it goes and where it is then. NULL when IQ must not be answered, as below. */
xmpp_stanza_t *upload_slot_build(xmpp_stanza_t *iq, const char *put, const char *get);

/* The refusal of one that is larger than MOST bytes. */
xmpp_stanza_t *upload_too_large_build(xmpp_stanza_t *iq, uint64_t most);
