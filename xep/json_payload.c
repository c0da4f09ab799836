/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Elements of our own that hold JSON. */
#include "config.h"

#include <string.h>

#include "xep/json_payload.h"

bool json_payload_parse(xmpp_stanza_t *message, struct json_payload *ret)
{
    xmpp_stanza_t *element = stanza_child_having(message, "payload", NS_PAYLOAD, "type");
    struct json_payload payload = {0};
    if (!element)
        return false;
    payload.type = stanza_attr(element, "type");
    payload.json = stanza_child_text(element, "json", NS_JSON);
    if (strlen(payload.type) > JSON_PAYLOAD_TYPE_MAX || !payload.json || !*payload.json ||
        strlen(payload.json) > JSON_PAYLOAD_MAX)
        return false;
    *ret = payload;
    return true;
}

void json_payload_add(xmpp_stanza_t *message, const struct json_payload *payload)
{
    xmpp_stanza_t *element = stanza_add(message, "payload", NS_PAYLOAD);
    stanza_set(element, "type", payload->type);
    stanza_add_text(element, "json", NS_JSON, payload->json);
}

void json_poll_add(xmpp_stanza_t *message, const char *id, const char *json)
{
    xmpp_stanza_t *element = stanza_add(message, "poll", NS_POLL);
    stanza_set(element, "id", id);
    stanza_add_text(element, "json", NS_JSON, json);
}
