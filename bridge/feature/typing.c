/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Typing, between apps and chat states (XEP-0085) on XMPP. Nothing is stored, and once a
 * conversation is in memory no SQL statement is sent.
 *
 * To XMPP: composing, then active (the app said so), paused (it fell silent), inactive (the socket
 * closed) or gone (the last one did); the message itself says active. Only to peers who have been
 * heard of, see pair.h. From XMPP the same states, alone or with a message, whose arrival clears
 * them. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/options.h"
#include "bridge/cluster/bus.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/core/pair.h"
#include "bridge/core/typing.h"
#include "bridge/presence/hosted.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0085_chat_states.h"
#include "xep/0203_delay.h"
#include "xep/0334_hints.h"
#include "xep/message.h"

#define TOPIC "typing" /* on the bus */
#define SECOND G_USEC_PER_SEC
#define PACE SECOND
#define SHORT_SILENCE (3 * SECOND)
#define REPEAT (2 * SECOND)
#define TICK_MILLISECONDS 250
#define PAYLOAD_MAX 256

static struct {
    guint timer; /* 0 while nobody types */
} live;

/* ---- Telling --------------------------------------------------------------------------------- */

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

/* What one app is told. */
struct notice {
    struct event_parties parties;
    struct uuid to;
    bool active;
    bool repeat;
};

static void tell_here(struct core *core, const struct notice *notice)
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

static void tell_elsewhere(struct core *core, const struct notice *notice)
{
    char conversation[UUID_TEXT_SIZE], actor[UUID_TEXT_SIZE], to[UUID_TEXT_SIZE];
    if (!bus_is_heard(core) || !elsewhere_is_online(core, &notice->to))
        return;
    uuid_format(&notice->parties.conversation, conversation);
    uuid_format(&notice->parties.actor, actor);
    uuid_format(&notice->to, to);
    bus_publish(core, TOPIC,
                json_pack("{s:s, s:s, s:I, s:s, s:I, s:b, s:b}", "conversation", conversation,
                          "actor", actor, "actor_number", (json_int_t)notice->parties.actor_number,
                          "to", to, "to_number", (json_int_t)notice->parties.peer_number, "active",
                          notice->active, "repeat", notice->repeat));
}

static bool read_id(const json_t *message, const char *name, struct uuid *ret_id)
{
    const char *text = json_string_value(json_object_get(message, name));
    return text && uuid_parse(text, ret_id);
}

static void told_by_another(struct core *core, const json_t *message, void *data)
{
    (void)data;
    struct notice notice = {
        .parties = {.actor_number = json_integer_value(json_object_get(message, "actor_number")),
                    .peer_number = json_integer_value(json_object_get(message, "to_number"))},
        .active = json_is_true(json_object_get(message, "active")),
        .repeat = json_is_true(json_object_get(message, "repeat"))};
    if (read_id(message, "conversation", &notice.parties.conversation) &&
        read_id(message, "actor", &notice.parties.actor) && read_id(message, "to", &notice.to))
        tell_here(core, &notice);
}

static void tell_app(struct core *core, const struct typing_change *change)
{
    const struct pair_side *typist = &change->pair->side[change->side];
    const struct pair_side *other = &change->pair->side[!change->side];
    struct notice notice = {.parties = {.conversation = change->pair->conversation,
                                        .actor = typist->user,
                                        .actor_number = typist->number,
                                        .peer_number = other->number},
                            .to = other->user,
                            .active = change->active,
                            .repeat = change->repeat};
    tell_here(core, &notice);
    tell_elsewhere(core, &notice);
}

static enum chat_state state_of(const struct typing_change *change)
{
    if (change->active)
        return CHAT_STATE_COMPOSING;
    switch (change->end) {
    case TYPING_STOPPED:
        return CHAT_STATE_ACTIVE; /* clients go on showing that somebody has paused */
    case TYPING_LEFT:
        return CHAT_STATE_INACTIVE;
    case TYPING_GONE:
        return CHAT_STATE_GONE;
    case TYPING_MESSAGE:
        return CHAT_STATE_NONE; /* the message says it */
    case TYPING_PAUSED:
    default:
        return CHAT_STATE_PAUSED;
    }
}

/* Without an id: an error that comes back is nobody's. */
static void tell_peer(struct core *core, const struct typing_change *change)
{
    const struct pair_side *typist = &change->pair->side[change->side];
    enum chat_state state = state_of(change);
    if (change->repeat || state == CHAT_STATE_NONE || !change->pair->heard)
        return;
    g_autofree char *from = g_strconcat(typist->jid, "/rest", NULL);
    g_autoptr(xmpp_stanza_t) message =
        message_new("chat", NULL, from, change->pair->side[!change->side].jid);
    chat_state_add(message, state);
    hints_add(message, HINT_NO_STORE);
    stanza_out(core, message);
}

static void change_tell(const struct typing_change *change, void *data)
{
    struct core *core = data;
    if (change->pair->side[!change->side].hosted)
        tell_app(core, change);
    else
        tell_peer(core, change);
}

static const struct part part;

static struct typing *typing_of(const struct core *core)
{
    return part_state(core, &part);
}

static gboolean on_tick(gpointer data)
{
    struct core *core = data;
    typing_advance(typing_of(core), clock_monotonic());
    if (typing_count(typing_of(core)) > 0)
        return G_SOURCE_CONTINUE;
    live.timer = 0;
    return G_SOURCE_REMOVE;
}

static void report_apply(struct core *core, const struct typing_report *report)
{
    if (report->active && !report->pair->live)
        return;
    typing_set(typing_of(core), report, clock_monotonic());
    if (live.timer == 0 && typing_count(typing_of(core)) > 0)
        live.timer = g_timeout_add(TICK_MILLISECONDS, on_tick, core);
}

/* ---- Apps ------------------------------------------------------------------------------------ */

static const struct field typing_fields[] = {
    {.name = "conversation_id", .type = FIELD_UUID, .flags = FIELD_ONE_OF},
    {.name = "recipient_id",
     .type = FIELD_USER,
     .flags = FIELD_ONE_OF,
     .minimum = 1,
     .maximum = 255},
    {.name = "active", .type = FIELD_BOOLEAN, .flags = FIELD_REQUIRED},
    {0},
};

static bool has_socket(const struct account *account, const struct subscriber *origin)
{
    return account->subscribers && g_ptr_array_find(account->subscribers, origin, NULL);
}

static void report_typing(struct request *request, struct pair *pair)
{
    unsigned side = pair ? pair_side_of(pair, &request->account->id) : 2;
    if (side == 2) {
        request_fail(request, ERROR_NOT_FOUND, NULL);
        return;
    }
    struct typing_report report = {pair, side, request->origin,
                                   request_integer(request, "active") != 0};
    if (has_socket(request->account, request->origin)) /* else it has closed meanwhile */
        report_apply(request->core, &report);
    g_auto(buffer) nothing = BUFFER_INIT(16);
    buffer_append_string(&nothing, "{}");
    request_reply(request, 200, &nothing);
}

static void pair_was_read(struct pair *pair, enum error_code error, void *data)
{
    struct request *request = data;
    if (error != ERROR_NONE)
        request_fail(request, error, NULL);
    else
        report_typing(request, pair);
}

/* JSON text, as user_refer() takes it; NULL: absent. */
static char *reference_of(const struct field_value *recipient)
{
    json_t *json = field_user_json(recipient);
    char *text = json ? json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    char *copy = g_strdup(text);
    free(text);
    json_decref(json);
    return copy;
}

static void on_typing(struct request *request)
{
    const struct uuid *conversation = request_uuid(request, "conversation_id");
    struct pair_key key = {0};
    g_autofree char *reference = reference_of(request_value(request, "recipient_id"));
    if (conversation)
        key.conversation = conversation;
    else
        key = (struct pair_key){.user = &request->account->id, .reference = reference};
    struct pair *pair;
    if (pair_lookup(request->core, &key, &pair))
        report_typing(request, pair);
    else
        pair_read(request->core, &key, pair_was_read, request);
}

static void on_subscriber(struct core *core, struct subscriber *subscriber, struct account *account,
                          bool added)
{
    if (added)
        return;
    struct typing_stop stop = {.user = &account->id, .origin = subscriber, .end = TYPING_LEFT};
    if (!account->subscribers)
        stop.end = TYPING_GONE;
    typing_stop(typing_of(core), &stop, clock_monotonic());
}

/* A message clears what its author has typed before it; and whoever writes may be answered with
 * chat states. */
static void on_publishing(struct core *core, const struct event *event, const struct uuid *users,
                          size_t count)
{
    (void)users;
    (void)count;
    const struct event_parties *parties = &event->parties;
    if (event->type == EVENT_CONVERSATION_UPDATED || event->type == EVENT_CONVERSATION_REMOVED)
        pair_forget(core, &parties->conversation);
    if (event->type == EVENT_CONVERSATION_NEW)
        pairs_grew(core);
    if (event->type != EVENT_MESSAGE_NEW)
        return;
    struct pair *pair = pair_known(core, &parties->conversation);
    if (!pair)
        pairs_grew(core); /* this may be its first message */
    else if (!pair->live)
        pair_forget(core, &parties->conversation); /* who writes accepts */
    pair = pair_known(core, &parties->conversation);
    unsigned side = pair ? pair_side_of(pair, &parties->actor) : 2;
    if (side < 2 && !pair->side[side].hosted)
        pair->heard = true;
    struct typing_stop stop = {
        .user = &parties->actor, .conversation = &parties->conversation, .end = TYPING_MESSAGE};
    typing_stop(typing_of(core), &stop, clock_monotonic());
}

/* ---- XMPP ------------------------------------------------------------------------------------ */

struct arrival {
    struct core *core;
    char *peer; /* bare JID */
    bool active;
};

static void report_peer(struct core *core, struct pair *pair, const char *peer, bool active)
{
    unsigned side = strcmp(pair->side[0].jid, peer) == 0 ? 0 : 1;
    pair->heard = true;
    struct typing_report report = {.pair = pair, .side = side, .active = active};
    report_apply(core, &report);
}

static void peer_pair_read(struct pair *pair, enum error_code error, void *data)
{
    struct arrival *arrival = data;
    (void)error;
    if (pair && typing_of(arrival->core))
        report_peer(arrival->core, pair, arrival->peer, arrival->active);
    g_free(arrival->peer);
    g_free(arrival);
}

static bool has_text(xmpp_stanza_t *stanza)
{
    struct message_stanza message;
    return message_parse(stanza, NULL, &message) && message.body && *message.body;
}

static void on_state(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct delay delay;
    enum chat_state state = chat_state_parse(context->stanza);
    if (state == CHAT_STATE_NONE || delay_parse(context->stanza, &delay) ||
        has_text(context->stanza)) /* a text clears by itself, see on_publishing */
        return;
    const struct account *account = account_find_jid(core->accounts, context->to_bare);
    if ((!account || !account->subscribers) && !bus_is_heard(core))
        return; /* nobody to tell */
    struct pair_key key = {.peer = context->from_bare, .hosted = context->to_bare};
    bool active = state == CHAT_STATE_COMPOSING;
    struct pair *pair;
    if (pair_lookup(core, &key, &pair)) {
        if (pair)
            report_peer(core, pair, context->from_bare, active);
        return;
    }
    struct arrival *arrival = g_new0(struct arrival, 1);
    *arrival = (struct arrival){core, g_strdup(context->from_bare), active};
    pair_read(core, &key, peer_pair_read, arrival);
}

/* Somebody who has gone does not type. */
static void on_unavailable(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct pair_key key = {.peer = context->from_bare, .hosted = context->to_bare};
    struct pair *pair;
    if (typing_count(typing_of(core)) == 0 || !pair_lookup(core, &key, &pair) || !pair)
        return;
    unsigned side = strcmp(pair->side[0].jid, context->from_bare) == 0 ? 0 : 1;
    struct typing_stop stop = {
        .user = &pair->side[side].user, .conversation = &pair->conversation, .end = TYPING_GONE};
    typing_stop(typing_of(core), &stop, clock_monotonic());
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void live_start(struct core *core)
{
    struct typing_rules rules = {.app_silence = core->options->typing_app_silence * SECOND,
                                 .peer_silence = core->options->typing_peer_silence * SECOND,
                                 .short_silence = SHORT_SILENCE,
                                 .repeat = REPEAT,
                                 .pace = PACE,
                                 .tell = change_tell,
                                 .data = core};
    bus_subscribe(core, TOPIC, told_by_another, NULL);
    part_add(core, &part, typing_new(&rules, clock_monotonic()));
}

static void live_stop(struct core *core)
{
    if (live.timer)
        g_source_remove(live.timer);
    live.timer = 0;
    typing_free(part_remove(core, &part));
}

static const struct operation operations[] = {
    {.command = "typing",
     .fields = typing_fields,
     .handle = on_typing,
     .toggle = TOGGLE_TYPING,
     .reply = "Empty",
     .limit = LIMIT_TYPING,
     .summary = "Says that the user types, or does not any more"},
    {0},
};

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal|headline", NULL, NS_CHAT_STATES, TARGET_USER | TARGET_RESOURCE,
     .observe = on_state},
    {"presence", "unavailable", NULL, NULL, TARGET_USER | TARGET_RESOURCE,
     .observe = on_unavailable},
    {0},
};

static const struct part part = {.name = "typing",
                                 .subscriber_changed = on_subscriber,
                                 .publishing = on_publishing,
                                 .related = pairs_forget};

const struct feature feature_typing = {.name = "typing",
                                       .part = &part,
                                       .operations = operations,
                                       .stanzas = stanzas,
                                       .start = live_start,
                                       .stop = live_stop};
