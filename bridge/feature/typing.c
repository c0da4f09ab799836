/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Typing, between apps and chat states (XEP-0085) on XMPP. Nothing is stored, and once a
 * conversation is in memory no SQL statement is sent.
 *
 * To XMPP: composing, then active (the app said so), paused (it fell silent), inactive (the socket
 * closed) or gone (the last one did); the message itself says active. Only to peers who have been
 * heard of, see relation.h. From XMPP the same states, alone or with a message, whose arrival
 * clears them. */
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
#include "bridge/core/relation.h"
#include "bridge/core/typing.h"
#include "bridge/feature/typing_group.h"
#include "bridge/feature/typing_tell.h"
#include "bridge/presence/hosted.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0085_chat_states.h"
#include "xep/0203_delay.h"
#include "xep/0334_hints.h"
#include "xep/message.h"

#define SECOND G_USEC_PER_SEC
#define PACE SECOND
#define SHORT_SILENCE (3 * SECOND)
#define REPEAT (2 * SECOND)
#define TICK_MILLISECONDS 250

static struct {
    guint timer; /* 0 while nobody types */
} live;

/* ---- Telling --------------------------------------------------------------------------------- */

static void tell_app(struct core *core, const struct typing_change *change)
{
    const struct relation_party *typist = &change->relation->party[change->side];
    const struct relation_party *other = &change->relation->party[!change->side];
    struct typing_notice notice = {.parties = {.conversation = change->relation->conversation,
                                               .actor = typist->id,
                                               .actor_number = typist->number,
                                               .peer_number = other->number},
                                   .to = other->id,
                                   .active = change->active,
                                   .repeat = change->repeat};
    typing_tell(core, &notice);
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
    const struct relation_party *typist = &change->relation->party[change->side];
    enum chat_state state = state_of(change);
    if (change->repeat || state == CHAT_STATE_NONE || !change->relation->heard)
        return;
    g_autofree char *from = account_address(typist->jid);
    g_autoptr(xmpp_stanza_t) message =
        message_new("chat", NULL, from, change->relation->party[!change->side].jid);
    chat_state_add(message, state);
    hints_add(message, HINT_NO_STORE);
    stanza_out(core, message);
}

static void change_tell(const struct typing_change *change, void *data)
{
    struct core *core = data;
    if (change->relation->party[!change->side].hosted)
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
    if (report->active && !report->relation->live)
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

/* RELATION may be one without a conversation, or of the conversation with a user whose id was given
 * for a conversation's. */
static void report_typing(struct request *request, struct relation *relation)
{
    const struct uuid *asked = request_uuid(request, "conversation_id");
    unsigned side = relation_party_of(relation, &request->account->id);
    if (asked && uuid_is_nil(&relation->conversation)) {
        group_typing_report(request, asked, request_integer(request, "active") != 0);
        return;
    }
    if (side == RELATION_NEITHER || uuid_is_nil(&relation->conversation) ||
        (asked && !uuid_equal(asked, &relation->conversation))) {
        request_fail(request, ERROR_NOT_FOUND, NULL);
        return;
    }
    struct typing_report report = {relation, side, request->origin,
                                   request_integer(request, "active") != 0};
    if (has_socket(request->account, request->origin)) /* else it has closed meanwhile */
        report_apply(request->core, &report);
    g_auto(buffer) nothing = BUFFER_INIT(16);
    buffer_append_string(&nothing, "{}");
    request_reply(request, 200, &nothing);
}

static void relation_was_read(struct relation *relation, enum error_code error, void *data)
{
    struct request *request = data;
    if (error != ERROR_NONE)
        request_fail(request, error, NULL);
    else
        report_typing(request, relation);
}

/* JSON text, as relation_refer() takes it; NULL: absent. */
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
    char id[UUID_TEXT_SIZE];
    const struct uuid *conversation = request_uuid(request, "conversation_id");
    g_autofree char *reference = reference_of(request_value(request, "recipient_id"));
    if (conversation)
        uuid_format(conversation, id);
    struct relation_key key = {.user = request->account->jid,
                               .peer = conversation ? id : NULL,
                               .reference = reference,
                               .conversation = true};
    struct relation *relation = relation_recall(request->core, &key);
    if (relation)
        report_typing(request, relation);
    else
        relation_find(request->core, &key, relation_was_read, request);
}

static void on_subscriber(struct core *core, struct subscriber *subscriber, struct account *account,
                          bool added)
{
    if (added)
        return;
    struct typing_stop stop = {.user = &account->id, .origin = subscriber, .end = TYPING_LEFT};
    if (!account->subscribers) {
        stop.end = TYPING_GONE;
        group_typing_end(core, &account->id, NULL);
    }
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
        relation_forget_conversation(core, &parties->conversation);
    if (event->type == EVENT_CONVERSATION_NEW)
        relations_grew(core);
    if (event->type != EVENT_MESSAGE_NEW)
        return;
    if (parties->many) {
        group_typing_end(core, &parties->actor, &parties->conversation);
        return;
    }
    struct relation *relation = relation_of_conversation(core, &parties->conversation);
    unsigned side = relation ? relation_party_of(relation, &parties->actor) : RELATION_NEITHER;
    if (!relation)
        relations_grew(core); /* this may be its first message */
    else if (!relation->live)
        relation_forget_conversation(core, &parties->conversation); /* who writes accepts */
    else if (side != RELATION_NEITHER && !relation->party[side].hosted)
        relation_note_heard(core, relation);
    struct typing_stop stop = {
        .user = &parties->actor, .conversation = &parties->conversation, .end = TYPING_MESSAGE};
    typing_stop(typing_of(core), &stop, clock_monotonic());
}

/* ---- XMPP ------------------------------------------------------------------------------------ */

struct arrival {
    struct core *core;
    bool active;
};

static void report_peer(struct core *core, struct relation *relation, bool active)
{
    if (uuid_is_nil(&relation->conversation) || relation->party[RELATION_PEER].hosted)
        return;
    relation_note_heard(core, relation);
    struct typing_report report = {.relation = relation, .side = RELATION_PEER, .active = active};
    report_apply(core, &report);
}

static void peer_relation_read(struct relation *relation, enum error_code error, void *data)
{
    g_autofree struct arrival *arrival = data;
    if (error == ERROR_NONE && typing_of(arrival->core))
        report_peer(arrival->core, relation, arrival->active);
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
    struct relation_key key = {
        .user = context->to_bare, .peer = context->from_bare, .conversation = true};
    bool active = state == CHAT_STATE_COMPOSING;
    struct relation *relation = relation_recall(core, &key);
    if (relation) {
        report_peer(core, relation, active);
        return;
    }
    struct arrival *arrival = g_new0(struct arrival, 1);
    *arrival = (struct arrival){core, active};
    relation_find(core, &key, peer_relation_read, arrival);
}

/* Somebody who has gone does not type. */
static void on_unavailable(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct relation_key key = {
        .user = context->to_bare, .peer = context->from_bare, .conversation = true};
    const struct relation *relation =
        typing_count(typing_of(core)) > 0 ? relation_recall(core, &key) : NULL;
    if (!relation || uuid_is_nil(&relation->conversation))
        return;
    struct typing_stop stop = {.user = &relation->party[RELATION_PEER].id,
                               .conversation = &relation->conversation,
                               .end = TYPING_GONE};
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
    typing_tell_start(core);
    group_typing_start(core);
    part_add(core, &part, typing_new(&rules, clock_monotonic()));
}

static void live_stop(struct core *core)
{
    if (live.timer)
        g_source_remove(live.timer);
    live.timer = 0;
    group_typing_stop();
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
    {"message", "chat|normal|headline", NULL, NS_CHAT_STATES,
     TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT, .observe = on_state},
    {"message", "groupchat", NULL, NS_CHAT_STATES, TARGET_ROOM | TARGET_RESOURCE,
     .observe = group_typing_observe},
    {"presence", "unavailable", NULL, NULL, TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT,
     .observe = on_unavailable},
    {0},
};

static const struct part part = {
    .name = "typing", .subscriber_changed = on_subscriber, .publishing = on_publishing};

const struct feature feature_typing = {.name = "typing",
                                       .part = &part,
                                       .operations = operations,
                                       .stanzas = stanzas,
                                       .start = live_start,
                                       .stop = live_stop};
