/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/feature/mam_link.h"
#include "bridge/feature/mam_queue.h"
#include "bridge/xmpp/link.h"

#define BUSY (256 * 1024) /* that wait at the link: results do, too */

static const struct part mam_part;

struct mam_queue *mam_queue_of(const struct core *core)
{
    return part_state(core, &mam_part);
}

static unsigned way_stream(void *link)
{
    return link_stream(link);
}

static size_t way_backlog(void *link)
{
    return link_backlog(link);
}

static bool way_send(void *link, xmpp_stanza_t *stanza, bool *ret_never)
{
    bool sent = link_send(link, stanza);
    *ret_never = !sent && !link_may_send(link, stanza);
    return sent;
}

static void link_drain(struct core *core)
{
    mam_queue_drain(mam_queue_of(core));
}

static const struct part mam_part = {.name = "mam", .drain = link_drain};

void mam_link_start(struct core *core)
{
    struct mam_way way = {way_stream, way_backlog, way_send, BUSY};
    way.busy = MIN(way.busy, (size_t)core->options->xmpp_send_queue_max / 2);
    part_add(core, &mam_part, mam_queue_new(&way));
}

void mam_link_stop(struct core *core)
{
    mam_queue_free(part_remove(core, &mam_part));
}
