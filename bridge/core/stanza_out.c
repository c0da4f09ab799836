/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanzas that are sent once. */
#include "config.h"

#include "bridge/core/core.h"
#include "bridge/core/stanza_out.h"

bool stanza_out(struct core *core, xmpp_stanza_t *stanza)
{
    const char *from = stanza_attr(stanza, "from");
    enum service service = from ? service_of(core->options, from) : SERVICE_USERS;
    /* What is from nobody of ours is refused by any link. */
    const struct stanza_sink *sink = &core->sinks[service < SERVICE_MAX ? service : SERVICE_USERS];
    if (!sink->ready || !sink->ready(sink->link))
        return false;
    return sink->send(sink->link, stanza) != SINK_LATER;
}
