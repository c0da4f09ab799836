/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanzas that are sent once. */
#include "config.h"

#include "bridge/core/core.h"
#include "bridge/core/stanza_out.h"

const struct stanza_sink *stanza_sink_of(const struct core *core, xmpp_stanza_t *stanza)
{
    const char *from = stanza_attr(stanza, "from");
    enum service service = from ? service_of(core->options, from) : SERVICE_USERS;
    if (service == SERVICE_MAX && core->bound.send)
        return &core->bound;
    /* What is from nobody of ours is refused by any link. */
    return &core->sinks[service < SERVICE_MAX ? service : SERVICE_USERS];
}

bool stanza_out(struct core *core, xmpp_stanza_t *stanza)
{
    const struct stanza_sink *sink = stanza_sink_of(core, stanza);
    if (!sink->ready || !sink->ready(sink->link))
        return false;
    return (sink->once ? sink->once : sink->send)(sink->link, stanza) != SINK_LATER;
}

bool stanza_ask(struct core *core, xmpp_stanza_t *iq, unsigned seconds, stanza_answer answer,
                void *data)
{
    const struct stanza_sink *sink = stanza_sink_of(core, iq);
    return sink->ask && sink->ask(sink->link, iq, seconds, answer, data);
}

bool stanza_is_mine(const struct core *core)
{
    const struct stanza_sink *sink = &core->sinks[SERVICE_USERS];
    if (sink->durable)
        return sink->durable(sink->link);
    return sink->ready && sink->ready(sink->link);
}

bool stanza_may_ask(const struct core *core)
{
    const struct stanza_sink *sink = &core->sinks[SERVICE_USERS];
    return sink->may_ask && sink->may_ask(sink->link);
}
