/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an app is told of somebody who types, here and by way of the bus. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/feature/typing_tell.h"

#define TOPIC "typing" /* on the bus */
#define PAYLOAD_MAX 256

static bool is_wanted(const struct account *account, bool repeat)
{
    if (!account || !account->subscribers)
        return false;
    for (guint i = 0; repeat && i < account->subscribers->len; i++) {
        const struct subscriber *subscriber = g_ptr_array_index(account->subscribers, i);
        if (subscriber->repeats)
            return true;
    }
    return !repeat;
}

static void tell_here(struct core *core, const struct typing_notice *notice)
{
    struct account *account = account_find(core->accounts, &notice->to);
    if (!is_wanted(account, notice->repeat) || !toggle_is_on(core, TOGGLE_TYPING, &notice->to))
        return;
    char conversation[UUID_TEXT_SIZE], user[UUID_TEXT_SIZE];
    uuid_format(&notice->parties.conversation, conversation);
    uuid_format(&notice->parties.actor, user);
    g_auto(buffer) payload = BUFFER_INIT(PAYLOAD_MAX);
    buffer_expect(&payload, PAYLOAD_MAX);
    struct json_writer json;
    json_writer_init(&json, &payload);
    json_begin_object(&json);
    json_member_string(&json, "conversation_id", conversation);
    json_member_string(&json, "user_id", user);
    json_member_boolean(&json, "active", notice->active);
    json_end_object(&json);
    g_autoptr(trestle_event) event = event_new(EVENT_TYPING, 0, clock_wall(), &payload);
    event->active = notice->active;
    event->repeat = notice->repeat;
    event->parties = notice->parties;
    event_deliver(account, event);
}

static void tell_elsewhere(struct core *core, const struct typing_notice *notice)
{
    char conversation[UUID_TEXT_SIZE], actor[UUID_TEXT_SIZE], to[UUID_TEXT_SIZE];
    if (!bus_is_heard(core) || !elsewhere_is_online(core, &notice->to))
        return;
    uuid_format(&notice->parties.conversation, conversation);
    uuid_format(&notice->parties.actor, actor);
    uuid_format(&notice->to, to);
    bus_publish(core, TOPIC,
                json_pack("{s:s, s:s, s:I, s:s, s:I, s:b, s:b, s:b}", "conversation", conversation,
                          "actor", actor, "actor_number", (json_int_t)notice->parties.actor_number,
                          "to", to, "to_number", (json_int_t)notice->parties.peer_number, "active",
                          notice->active, "repeat", notice->repeat, "many", notice->parties.many));
}

static bool read_id(const json_t *message, const char *name, struct uuid *ret_id)
{
    const char *text = json_string_value(json_object_get(message, name));
    return text && uuid_parse(text, ret_id);
}

static void told_by_another(struct core *core, const json_t *message, void *data)
{
    (void)data;
    struct typing_notice notice = {
        .parties = {.actor_number = json_integer_value(json_object_get(message, "actor_number")),
                    .peer_number = json_integer_value(json_object_get(message, "to_number")),
                    .many = json_is_true(json_object_get(message, "many"))},
        .active = json_is_true(json_object_get(message, "active")),
        .repeat = json_is_true(json_object_get(message, "repeat"))};
    if (read_id(message, "conversation", &notice.parties.conversation) &&
        read_id(message, "actor", &notice.parties.actor) && read_id(message, "to", &notice.to))
        tell_here(core, &notice);
}

void typing_tell(struct core *core, const struct typing_notice *notice)
{
    tell_here(core, notice);
    tell_elsewhere(core, notice);
}

void typing_tell_start(struct core *core)
{
    bus_subscribe(core, TOPIC, told_by_another, NULL);
}
