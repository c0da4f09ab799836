/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling the devices of those who take part what is not in the log. What a device that is away
 * would have been told waits for it, in memory, up to a ceiling. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/subscriber.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/call/tell.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"

#define TOPIC "call-tell"
#define PAYLOAD_MAX (192 * 1024)

/* For whom an event is. */
struct addressee {
    struct uuid user;
    enum call_audience audience;
    struct call_party party; /* the one that takes part, or is to */
};

static bool is_meant(const struct addressee *to, const struct subscriber *subscriber)
{
    struct call_device device = {subscriber->session, subscriber->grant.credential};
    switch (to->audience) {
    case CALL_TO_DEVICE:
    case CALL_TO_NEXT:
        return call_device_matches(&to->party, &device);
    case CALL_TO_OTHERS:
        return !call_device_matches(&to->party, &device);
    case CALL_TO_ALL:
    default:
        return true;
    }
}

/* SIGNAL for the dialect s3 under the name of what it says, if that is wanted; NULL: it is not. */
static struct event *signal_split(const struct core *core, const struct event *event)
{
    if (event->type != EVENT_CALL_SIGNAL || event->split ||
        g_strcmp0(core->options->calls_s3_split_signals, "on") != 0)
        return NULL;
    g_auto(buffer) text = BUFFER_INIT(PAYLOAD_MAX);
    buffer_append(&text, event->payload, event->payload_length);
    struct event *split = event_new(event->type, 0, clock_wall(), &text);
    split->split = true;
    return split;
}

static unsigned devices_tell(struct core *core, const struct addressee *to, struct event *event)
{
    struct account *account = account_find(core->accounts, &to->user);
    unsigned told = 0;
    for (guint i = account && account->subscribers ? account->subscribers->len : 0; i-- > 0;) {
        if (!account->subscribers)
            break;
        if (i >= account->subscribers->len)
            continue; /* one that was told has closed */
        struct subscriber *subscriber = g_ptr_array_index(account->subscribers, i);
        if (!is_meant(to, subscriber))
            continue;
        subscriber->deliver(subscriber, event);
        told++;
    }
    return told;
}

/* How many were told. */
static unsigned tell_here(struct core *core, const struct addressee *to, struct event *event)
{
    g_autoptr(trestle_event) split = signal_split(core, event);
    unsigned told = devices_tell(core, to, event);
    if (split)
        devices_tell(core, to, split);
    return told;
}

static json_t *id_json(const struct uuid *id)
{
    char text[UUID_TEXT_SIZE];
    uuid_format(id, text);
    return json_string(text);
}

static bool tell_elsewhere(struct core *core, const struct addressee *to, const struct event *event)
{
    if (!bus_is_heard(core) || !elsewhere_is_online(core, &to->user))
        return false;
    return bus_publish(
        core, TOPIC,
        json_pack("{s:o, s:i, s:o, s:o, s:b, s:s, s:s%}", "user", id_json(&to->user), "audience",
                  (int)to->audience, "session", id_json(&to->party.device.session), "credential",
                  id_json(&to->party.device.credential), "lost", to->party.lost, "type",
                  event_type_name(event->type), "payload", event->payload, event->payload_length));
}

static void id_read(const json_t *message, const char *name, struct uuid *ret_id)
{
    const char *text = json_string_value(json_object_get(message, name));
    if (text)
        uuid_parse(text, ret_id);
}

static void told_by_another(struct core *core, const json_t *message, void *data)
{
    (void)data;
    struct addressee to = {
        .audience = (enum call_audience)json_integer_value(json_object_get(message, "audience")),
        .party = {.lost = json_is_true(json_object_get(message, "lost"))}};
    const json_t *payload = json_object_get(message, "payload");
    enum event_type type =
        event_type_from_name(json_string_value(json_object_get(message, "type")));
    if (type == EVENT_TYPE_MAX || !json_is_string(payload))
        return;
    id_read(message, "user", &to.user);
    id_read(message, "session", &to.party.device.session);
    id_read(message, "credential", &to.party.device.credential);
    g_auto(buffer) text = BUFFER_INIT(PAYLOAD_MAX);
    buffer_append(&text, json_string_value(payload), json_string_length(payload));
    if (text.overflow)
        return;
    g_autoptr(trestle_event) event = event_new(type, 0, clock_wall(), &text);
    tell_here(core, &to, event);
}

static void wait_for_device(struct call *call, enum call_side side, struct event *event)
{
    GQueue *waiting = &call->waiting[side];
    if (waiting->length >= CALL_SIGNALS_MAX)
        event_unref(g_queue_pop_head(waiting));
    g_queue_push_tail(waiting, event_ref(event));
}

static struct addressee addressee_of(const struct call *call, enum call_side side,
                                     enum call_audience audience)
{
    struct addressee to = {call->person[side].id, audience, call->machine.party[side]};
    if (audience == CALL_TO_NEXT) {
        to.party.device = call->machine.next;
        to.party.lost = false;
    }
    return to;
}

void call_tell(struct call *call, enum call_side side, enum call_audience audience, int type,
               json_t *payload)
{
    char conversation[UUID_TEXT_SIZE];
    uuid_format(&call->conversation, conversation);
    json_object_set_new(payload, "call_id", json_string(call->id_text));
    json_object_set_new(payload, "conversation_id", json_string(conversation));
    char *text = json_dumps(payload, JSON_COMPACT);
    json_decref(payload);
    g_auto(buffer) buf = BUFFER_INIT(PAYLOAD_MAX);
    if (text)
        buffer_append_string(&buf, text);
    free(text);
    if (buf.overflow || buf.length == 0)
        return;
    g_autoptr(trestle_event) event = event_new((enum event_type)type, 0, clock_wall(), &buf);
    event->parties.conversation = call->conversation;
    struct addressee to = addressee_of(call, side, audience);
    unsigned told = tell_here(call->core, &to, event);
    told += tell_elsewhere(call->core, &to, event);
    if (told == 0 && audience == CALL_TO_DEVICE && call->machine.state == CALL_ACTIVE)
        wait_for_device(call, side, event);
}

void call_tell_waiting(struct call *call, enum call_side side)
{
    GQueue waiting = call->waiting[side];
    struct addressee to = addressee_of(call, side, CALL_TO_DEVICE);
    struct event *event;
    g_queue_init(&call->waiting[side]);
    while ((event = g_queue_pop_head(&waiting))) {
        if (tell_here(call->core, &to, event) + tell_elsewhere(call->core, &to, event) == 0)
            wait_for_device(call, side, event);
        event_unref(event);
    }
}

bool call_is_heard(const struct core *core, const struct uuid *user)
{
    const struct account *account = account_find(core->accounts, user);
    return (account && account->subscribers) || elsewhere_is_online(core, user);
}

void call_tell_start(struct core *core)
{
    bus_subscribe(core, TOPIC, told_by_another, NULL);
}
