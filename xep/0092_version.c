/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0092 software version. */
#include "config.h"

#include <string.h>

#include "xep/0092_version.h"

xmpp_stanza_t *version_build_result(xmpp_stanza_t *iq, const struct software_version *software)
{
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (!result)
        return NULL;
    xmpp_stanza_t *query = stanza_add(result, "query", NS_VERSION);
    stanza_add_text(query, "name", NS_VERSION, software->name);
    stanza_add_text(query, "version", NS_VERSION, software->version);
    if (software->os)
        stanza_add_text(query, "os", NS_VERSION, software->os);
    return result;
}

bool version_parse(xmpp_stanza_t *iq, struct software_version *ret)
{
    xmpp_stanza_t *query = stanza_child(iq, "query", NS_VERSION);
    if (!query)
        return false;
    *ret = (struct software_version){
        .name = stanza_child_text(query, "name", NS_VERSION),
        .version = stanza_child_text(query, "version", NS_VERSION),
        .os = stanza_child_text(query, "os", NS_VERSION),
    };
    return true;
}
