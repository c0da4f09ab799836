/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanzas that are sent once. */
#include "config.h"

#include "bridge/core/core.h"
#include "bridge/core/stanza_out.h"

bool stanza_out(struct core *core, xmpp_stanza_t *stanza)
{
    const struct stanza_sink *sink = &core->sink;
    if (!sink->ready || !sink->ready(sink->link))
        return false;
    return sink->send(sink->link, stanza) != SINK_LATER;
}
