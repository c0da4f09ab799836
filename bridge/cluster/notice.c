/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A notice that is lost costs time, not truth: when the bus knows that something was lost, nothing
 * that is remembered of relations counts any more, and what may be shown is asked again after a
 * minute in any case. The outbox is read again with the next row. */
#include "config.h"

#include "bridge/base/id.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/notice.h"
#include "bridge/core/core.h"
#include "bridge/core/outbox.h"
#include "bridge/core/part.h"
#include "bridge/core/relation.h"

#define TOPIC_RELATION "relation"
#define TOPIC_OUTBOX "outbox"

static void related_tell(struct core *core, const struct uuid *user)
{
    char id[UUID_TEXT_SIZE];
    if (!bus_is_heard(core))
        return;
    uuid_format(user, id);
    bus_publish(core, TOPIC_RELATION, json_pack("{s:s}", "user", id));
}

static void related_told(struct core *core, const json_t *message, void *data)
{
    (void)data;
    struct uuid user;
    const char *id = json_string_value(json_object_get(message, "user"));
    if (id && uuid_parse(id, &user))
        relation_changed_elsewhere(core, &user);
}

static void instance_changed(struct core *core, const char *instance, bool here, void *data)
{
    (void)instance;
    (void)data;
    if (here)
        relations_forget_all(core);
}

static void outbox_tell(struct core *core, gint64 newest)
{
    bus_publish(core, TOPIC_OUTBOX, json_pack("{s:I}", "newest", (json_int_t)newest));
}

static void outbox_told(struct core *core, const json_t *message, void *data)
{
    (void)data;
    if (core->outbox)
        outbox_wake(core->outbox, json_integer_value(json_object_get(message, "newest")));
}

static const struct part part = {
    .name = "notices", .related_here = related_tell, .outbox_grew = outbox_tell};

void notices_start(struct core *core)
{
    part_add(core, &part, NULL);
    bus_subscribe(core, TOPIC_RELATION, related_told, NULL);
    bus_subscribe(core, TOPIC_OUTBOX, outbox_told, NULL);
    bus_watch_instances(core, instance_changed, NULL);
}

void notices_stop(struct core *core)
{
    part_remove(core, &part);
}
