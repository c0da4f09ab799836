/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Events and who hears of them. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/metrics.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/part.h"
#include "bridge/loop/loop.h"

static const struct event_info infos[EVENT_TYPE_MAX] = {
#define TRESTLE_EVENT(symbol, name, payload, flags, summary)                                       \
    [EVENT_##symbol] = {name, payload, flags, summary},
#include "bridge/core/event.def"
};

const struct event_info *event_info(enum event_type type)
{
    return &infos[type];
}

const char *event_type_name(enum event_type type)
{
    return infos[type].name;
}

enum event_type event_type_from_name(const char *name)
{
    enum event_type type = 0;
    while (type < EVENT_TYPE_MAX && g_strcmp0(infos[type].name, name) != 0)
        type++;
    return type;
}

struct event *event_new(enum event_type type, gint64 position, gint64 wall, struct buffer *payload)
{
    struct event *event = g_new0(struct event, 1);
    event->references = 1;
    event->type = type;
    event->position = position;
    clock_format(wall, event->stamp);
    event->payload = buffer_take(payload, &event->payload_length);
    return event;
}

struct event *event_ref(struct event *event)
{
    event->references++;
    return event;
}

void event_unref(struct event *event)
{
    if (!event || --event->references > 0)
        return;
    for (int dialect = 0; dialect < DIALECT_MAX; dialect++) {
        g_bytes_unref(event->texts[dialect]);
        g_bytes_unref(event->frames[dialect]);
        g_bytes_unref(event->deflated[dialect]);
    }
    g_free(event->payload);
    g_free(event);
}

void subscriber_add(struct core *core, struct subscriber *subscriber, struct account *account)
{
    subscriber->account = account_ref(account);
    subscriber->since = clock_wall();
    if (!account->subscribers)
        account->subscribers = g_ptr_array_new();
    g_ptr_array_add(account->subscribers, subscriber);
    PARTS_TELL(core, subscriber_changed, core, subscriber, account, true);
    if (account->subscribers->len == 1) {
        if (core->router)
            core->router->subscribed(core, account, true);
        PARTS_TELL(core, online_changed, core, account, true);
    }
}

void subscriber_remove(struct core *core, struct subscriber *subscriber)
{
    struct account *account = g_steal_pointer(&subscriber->account);
    if (!account)
        return;
    g_ptr_array_remove_fast(account->subscribers, subscriber);
    bool last = account->subscribers->len == 0;
    if (last)
        g_clear_pointer(&account->subscribers, g_ptr_array_unref);
    PARTS_TELL(core, subscriber_changed, core, subscriber, account, false);
    if (last) {
        if (core->router)
            core->router->subscribed(core, account, false);
        PARTS_TELL(core, online_changed, core, account, false);
    }
    account_unref(account);
}

/* How many subscribers of ACCOUNT have this DELIVER: one kind of them. */
static unsigned subscriber_count(const struct account *account,
                                 void (*deliver)(struct subscriber *subscriber,
                                                 struct event *event))
{
    unsigned count = 0;
    for (guint i = 0; account->subscribers && i < account->subscribers->len; i++) {
        const struct subscriber *subscriber = account->subscribers->pdata[i];
        count += subscriber->deliver == deliver;
    }
    return count;
}

bool subscriber_is_one_too_many(const struct account *account,
                                void (*deliver)(struct subscriber *subscriber, struct event *event),
                                gint64 maximum)
{
    return maximum > 0 && subscriber_count(account, deliver) >= maximum;
}

void event_deliver(struct account *account, struct event *event)
{
    if (!account->subscribers)
        return;
    metric_add(METRIC_EVENTS_PUBLISHED, 1);
    /* A subscriber may remove itself, or others, while it is told; walk from the end. */
    for (guint i = account->subscribers->len; i-- > 0;) {
        if (i >= account->subscribers->len)
            continue;
        struct subscriber *subscriber = g_ptr_array_index(account->subscribers, i);
        if (event->repeat && !subscriber->repeats)
            continue;
        subscriber->deliver(subscriber, event);
        if (!account->subscribers)
            return;
    }
}

void event_missed(struct account *account, gint64 position)
{
    for (guint i = account->subscribers ? account->subscribers->len : 0; i-- > 0;) {
        if (!account->subscribers)
            return;
        if (i >= account->subscribers->len)
            continue;
        struct subscriber *subscriber = g_ptr_array_index(account->subscribers, i);
        if (subscriber->missed)
            subscriber->missed(subscriber, position);
        else
            subscriber->revoked(subscriber);
    }
}

bool event_is_wanted(const struct core *core, const struct uuid *users, size_t count)
{
    if (core->router)
        return true; /* who has sockets elsewhere is known too late */
    for (size_t i = 0; i < count; i++) {
        const struct account *account = account_find(core->accounts, &users[i]);
        if (account && account->subscribers)
            return true;
    }
    return false;
}

void event_passed(struct core *core, gint64 position)
{
    if (!core->router) /* it alone knows what was handed out */
        core->position = MAX(core->position, position);
}

struct later {
    struct event *event; /* reference */
    size_t count;
    struct uuid users[];
};

static void publish_until(struct core *core, gint64 position)
{
    const struct later *first;
    while ((first = g_queue_peek_head(&core->later)) && first->event->position <= position) {
        g_autofree struct later *later = g_queue_pop_head(&core->later);
        g_autoptr(trestle_event) event = later->event;
        event_hand_out(core, event, later->users, later->count);
    }
}

static void publish_rest(void *data)
{
    publish_until(data, G_MAXINT64);
}

/* Several statements are on their way at a time: what one of them added behind its rows comes
 * before the rows of the next, whose completions may be called in the same turn. */
void event_publish_later(struct core *core, struct event *event, const struct uuid *users,
                         size_t count)
{
    event_passed(core, event->position);
    if (core->router) { /* it sorts */
        core->router->take(core, event, users, count);
        return;
    }
    struct later *later = g_malloc(sizeof *later + count * sizeof *users);
    later->event = event_ref(event);
    later->count = count;
    memcpy(later->users, users, count * sizeof *users);
    if (g_queue_is_empty(&core->later))
        loop_defer(publish_rest, core);
    g_queue_push_tail(&core->later, later);
}

void event_publish(struct core *core, struct event *event, const struct uuid *users, size_t count)
{
    if (event->position > 0)
        publish_until(core, event->position);
    event_passed(core, event->position);
    if (event->position > 0 && core->router)
        core->router->take(core, event, users, count);
    else
        event_hand_out(core, event, users, count);
}

gint64 event_position(const struct core *core, const struct account *account)
{
    return core->router ? core->router->position(core, account) : core->position;
}

void event_hand_out(struct core *core, struct event *event, const struct uuid *users, size_t count)
{
    if (event->position > 0)
        PARTS_TELL(core, publishing, core, event, users, count);
    for (size_t i = 0; i < count; i++) {
        struct account *account = account_find(core->accounts, &users[i]);
        if (!account || !account->subscribers)
            continue;
        event_deliver(account, event);
        if (event->type == EVENT_MESSAGE_NEW && !uuid_equal(&users[i], &event->parties.actor))
            PARTS_TELL(core, delivered, core, &event->parties.conversation, &users[i],
                       &event->parties.message);
    }
}
