/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Elements of our own that hold JSON (XEP-0335), beside a text that says it in words:
 * docs/namespaces.md. */
#pragma once

#include "xep/stanza.h"

#define JSON_PAYLOAD_TYPE_MAX 64 /* bytes */
#define JSON_PAYLOAD_MAX 16384   /* bytes of JSON */

/* Borrowed. */
struct json_payload {
    const char *type; /* what it is, as its authors call it; not empty */
    const char *json; /* text; whether it is JSON was not looked at */
};

/* Reads <payload/> in MESSAGE. False: there is none with a type and with JSON within the bounds. */
bool json_payload_parse(xmpp_stanza_t *message, struct json_payload *ret);
void json_payload_add(xmpp_stanza_t *message, const struct json_payload *payload);

/* A poll, of which JSON says question and options; ID is that of the message. */
void json_poll_add(xmpp_stanza_t *message, const char *id, const char *json);
