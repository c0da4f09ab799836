/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Contacts' presence in; probes, questions for last activity and for capabilities out, all from one
 * paced queue. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/core/part.h"
#include "bridge/core/stanza_out.h"
#include "bridge/presence/caps.h"
#include "bridge/presence/hosted.h"
#include "bridge/presence/contact_presence.h"
#include "bridge/presence/watch.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0012_last.h"
#include "xep/0203_delay.h"
#include "xep/presence.h"
#include "xep/time.h"
#include "xep/jid.h"

#define TOPIC "contact" /* on the bus */
#define TICK_MILLISECONDS 250
#define PACE_MILLISECONDS 20 /* between two questions */
#define QUESTIONS_MAX 100000 /* that wait; more are dropped, the next presence asks again */
#define CONTACT_QUESTIONS_MAX                                                                      \
    AVAILABLE_RESOURCES_MAX /* of them about capabilities of one contact */
#define CAPS_NODE_MAX 1023
#define CAPS_VER_MAX 64
#define LAST_TIMEOUT 30 /* seconds */

enum question_kind { ASK_PRESENCE, ASK_LAST, ASK_CAPS };

struct question {
    struct core *core;
    enum question_kind kind;
    struct uuid user;
    char *jid; /* bare; ASK_CAPS: full */
};

struct watch {
    struct core *core;
    struct contact_presences *contacts;
    GQueue questions;
    guint tick;
    guint pace; /* 0 while nobody is to be asked */
};

/* ---- Telling the user ------------------------------------------------------------------------ */

static void contact_tell(const struct contact_presence *contact, void *data)
{
    struct core *core = data;
    struct account *account = account_find(core->accounts, &contact->user);
    if (!account || !account->subscribers)
        return;
    char id[UUID_TEXT_SIZE];
    uuid_format(&contact->id, id);
    g_auto(buffer) payload = BUFFER_INIT(STATUS_JSON_MAX);
    status_write(&payload, id, &contact->shown.told);
    g_autoptr(trestle_event) event = event_new(EVENT_PRESENCE, 0, clock_wall(), &payload);
    event->active = contact->shown.told.kind != STATUS_OFFLINE;
    event->parties = (struct event_parties){.actor = contact->id, .actor_number = contact->number};
    event_deliver(account, event);
}

/* ---- Questions ------------------------------------------------------------------------------- */

static void question_free(gpointer data)
{
    struct question *question = data;
    g_free(question->jid);
    g_free(question);
}

static void ask_presence(struct core *core, const struct account *account, const char *jid)
{
    struct presence_stanza presence = {.from = account->jid, .to = jid, .type = PRESENCE_PROBE};
    g_autoptr(xmpp_stanza_t) stanza = presence_build(&presence);
    stanza_out(core, stanza);
}

static const struct part part;

static struct watch *watch_of(const struct core *core)
{
    return part_state(core, &part);
}

static void last_answered(xmpp_stanza_t *result, void *data)
{
    struct question *question = data;
    struct watch *watch = watch_of(question->core);
    const char *type = result ? stanza_attr(result, "type") : NULL;
    uint64_t seconds;
    if (watch && g_strcmp0(type, "result") == 0 && last_parse(result, &seconds) &&
        seconds < G_MAXINT32) {
        struct contact_presence *contact =
            contact_presence_find(watch->contacts, &question->user, question->jid);
        gint64 at = clock_wall() - (gint64)seconds * G_USEC_PER_SEC;
        if (contact && contact->last_seen == 0)
            contact_presence_last_seen(watch->contacts, contact, at, clock_monotonic());
    }
    question_free(question);
}

/* True if QUESTION is kept for the answer. */
static bool ask_last(const struct account *account, struct question *question)
{
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("get", NULL, account->full_jid, question->jid);
    stanza_add(iq, "query", NS_LAST);
    return stanza_ask(question->core, iq, LAST_TIMEOUT, last_answered, question);
}

static void ask_caps(struct watch *watch, const struct account *account, const char *full_jid)
{
    g_autofree char *bare = jid_cut(full_jid);
    struct contact_presence *contact = contact_presence_find(watch->contacts, &account->id, bare);
    if (contact && contact->questions > 0)
        contact->questions--;
    for (guint i = 0; contact && i < contact->resources->len; i++) {
        const struct available_resource *resource = contact->resources->pdata[i];
        if (strcmp(resource->full_jid, full_jid) == 0 && caps_is_unknown(resource))
            caps_ask(watch->core, account->full_jid, resource);
    }
}

/* Takes QUESTION. */
static void question_ask(struct watch *watch, struct question *question)
{
    const struct account *account = account_find(watch->core->accounts, &question->user);
    bool kept = false;
    if (account && question->kind == ASK_PRESENCE)
        ask_presence(watch->core, account, question->jid);
    else if (account && question->kind == ASK_LAST)
        kept = ask_last(account, question);
    else if (account)
        ask_caps(watch, account, question->jid);
    if (!kept)
        question_free(question);
}

static gboolean on_pace(gpointer data)
{
    struct watch *watch = data;
    const struct stanza_sink *sink = &watch->core->sinks[SERVICE_USERS];
    if (watch->questions.length > 0 && sink->ready(sink->link)) {
        question_ask(watch, g_queue_pop_head(&watch->questions));
        return G_SOURCE_CONTINUE;
    }
    watch->pace = 0; /* when the link is up again, all is asked anew */
    return G_SOURCE_REMOVE;
}

static bool question_enqueue(struct watch *watch, enum question_kind kind, const struct uuid *user,
                             const char *jid)
{
    if (watch->questions.length >= QUESTIONS_MAX)
        return false;
    struct question *question = g_new0(struct question, 1);
    *question = (struct question){watch->core, kind, *user, g_strdup(jid)};
    g_queue_push_tail(&watch->questions, question);
    if (watch->pace == 0)
        watch->pace = g_timeout_add(PACE_MILLISECONDS, on_pace, watch);
    return true;
}

/* Whoever shows other capabilities all the time waits for the next turn; others must not wait for
 * that. */
static void enqueue_caps(struct watch *watch, struct contact_presence *contact,
                         const struct available_resource *resource)
{
    if (contact->questions < CONTACT_QUESTIONS_MAX && caps_is_unknown(resource))
        contact->questions += question_enqueue(watch, ASK_CAPS, &contact->user, resource->full_jid);
}

/* ---- What is watched ------------------------------------------------------------------------- */

void watch_add(struct core *core, const struct account *account,
               const struct watch_contact *contact)
{
    struct watch *watch = watch_of(core);
    if (contact_presence_find(watch->contacts, &account->id, contact->jid))
        return;
    if (contact_presence_watch(watch->contacts, &account->id, contact->jid, contact->id,
                               contact->number))
        question_enqueue(watch, ASK_PRESENCE, &account->id, contact->jid);
}

void watch_remove(struct core *core, const struct uuid *user, const char *jid)
{
    contact_presence_unwatch(watch_of(core)->contacts, user, jid, true);
}

void watch_remove_all(struct core *core, const struct uuid *user)
{
    contact_presences_unwatch_all(watch_of(core)->contacts, user);
}

bool watch_status(const struct core *core, const struct uuid *user, const char *jid,
                  struct status *ret_status)
{
    const struct contact_presence *contact =
        contact_presence_find(watch_of(core)->contacts, user, jid);
    if (contact)
        *ret_status = contact->shown.now;
    return contact != NULL;
}

static bool resource_lacks(const struct available_resource *resource, const char *const *features)
{
    while (*features && !caps_lacks(resource, *features))
        features++;
    return *features != NULL;
}

bool presence_lacks(const struct core *core, const struct uuid *user, const char *peer,
                    const char *const *features)
{
    const struct contact_presence *contact =
        contact_presence_find(watch_of(core)->contacts, user, peer);
    for (guint i = 0; contact && i < contact->resources->len; i++) {
        if (!resource_lacks(contact->resources->pdata[i], features))
            return false;
    }
    return contact && contact->resources->len > 0;
}

static bool resource_has(const struct available_resource *resource, const char *const *features)
{
    while (*features && caps_has(resource, *features))
        features++;
    return *features == NULL;
}

const char *presence_resource(const struct core *core, const struct uuid *user, const char *peer,
                              const char *const *features)
{
    const struct contact_presence *contact =
        contact_presence_find(watch_of(core)->contacts, user, peer);
    for (guint i = 0; contact && i < contact->resources->len; i++) {
        const struct available_resource *resource = contact->resources->pdata[i];
        if (resource_has(resource, features))
            return resource->full_jid;
    }
    return NULL;
}

/* ---- Stanzas --------------------------------------------------------------------------------- */

/* What a contact's server told a hosted user. */
struct presence_notice {
    const char *user; /* bare JIDs */
    const char *contact;
    struct available_resource resource; /* full_jid is who it is about; the rest if available */
    bool available;
    gint64 at; /* available: idle since; else when it left, -1: a moment ago if it was there; 0:
                * unknown, and not to be asked for */
};

/* True if the user watches the contact here. */
static bool notice_take(struct core *core, const struct presence_notice *notice)
{
    struct watch *watch = watch_of(core);
    const struct account *account = account_find_jid(core->accounts, notice->user);
    struct contact_presence *contact =
        account ? contact_presence_find(watch->contacts, &account->id, notice->contact) : NULL;
    gint64 now = clock_monotonic();
    if (!contact)
        return false;
    if (notice->available) {
        contact_presence_available(watch->contacts, contact, &notice->resource, notice->at, now);
        enqueue_caps(watch, contact, &notice->resource);
        return true;
    }
    bool first = !contact->known;
    gint64 left = contact->resources->len > 0 ? clock_wall() : 0;
    contact_presence_unavailable(watch->contacts, contact, notice->resource.full_jid,
                                 notice->at >= 0 ? notice->at : left, now);
    if (first && contact->last_seen == 0 && notice->at != 0)
        question_enqueue(watch, ASK_LAST, &contact->user, contact->jid);
    return true;
}

/* The user may have sockets at another instance. */
static void notice_pass_on(struct core *core, const struct presence_notice *notice)
{
    const struct available_resource *resource = &notice->resource;
    if (bus_is_heard(core))
        bus_publish(core, TOPIC,
                    json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:s?, s:s?, s:I}", "user",
                              notice->user, "contact", notice->contact, "full_jid",
                              resource->full_jid, "available", notice->available, "away",
                              resource->away, "in_call", resource->in_call, "node",
                              resource->caps_node, "ver", resource->caps_ver, "at",
                              (json_int_t)notice->at));
}

static char *message_member(const json_t *message, const char *name)
{
    return (char *)(guintptr)json_string_value(json_object_get(message, name));
}

static void on_notice(struct core *core, const json_t *message, void *data)
{
    (void)data;
    struct presence_notice notice = {
        .user = message_member(message, "user"),
        .contact = message_member(message, "contact"),
        .resource = {.full_jid = message_member(message, "full_jid"),
                     .away = json_is_true(json_object_get(message, "away")),
                     .in_call = json_is_true(json_object_get(message, "in_call")),
                     .caps_node = message_member(message, "node"),
                     .caps_ver = message_member(message, "ver")},
        .available = json_is_true(json_object_get(message, "available")),
        .at = json_integer_value(json_object_get(message, "at"))};
    if (!notice.resource.caps_node || !notice.resource.caps_ver)
        notice.resource.caps_node = notice.resource.caps_ver = NULL;
    if (watch_of(core) && notice.user && notice.contact && notice.resource.full_jid)
        notice_take(core, &notice);
}

static bool has_usable_caps(const struct caps *caps)
{
    return caps->ver && strcmp(caps->hash, "sha-1") == 0 && strlen(caps->ver) <= CAPS_VER_MAX &&
           strlen(caps->node) <= CAPS_NODE_MAX;
}

static void notice_receive(const struct stanza_context *context, struct presence_notice *notice)
{
    struct core *core = context->data;
    notice->user = context->to_bare;
    notice->contact = context->from_bare;
    notice->resource.full_jid = (char *)(guintptr)context->from;
    if (!notice_take(core, notice))
        notice_pass_on(core, notice);
}

static bool on_available(const struct stanza_context *context)
{
    struct presence_stanza presence;
    if (!presence_parse(context->stanza, &presence))
        return true;
    bool usable = has_usable_caps(&presence.caps);
    struct presence_notice notice = {
        .resource = {.away =
                         presence.show == PRESENCE_SHOW_AWAY || presence.show == PRESENCE_SHOW_XA,
                     .in_call = presence.in_call,
                     .caps_node = usable ? (char *)(guintptr)presence.caps.node : NULL,
                     .caps_ver = usable ? (char *)(guintptr)presence.caps.ver : NULL},
        .available = true,
        .at = presence.idle_since_us >= XEP_TIME_EARLIEST && presence.idle_since_us < clock_wall()
                  ? presence.idle_since_us
                  : 0};
    notice_receive(context, &notice);
    return true;
}

static bool on_unavailable(const struct stanza_context *context)
{
    struct presence_notice notice = {.at = -1};
    const char *at = strchr(context->from_bare, '@');
    const char *const by[] = {at ? at + 1 : context->from_bare, context->from_bare, context->from,
                              "", NULL};
    delay_choose(context->stanza, by, clock_wall(), &notice.at);
    notice_receive(context, &notice);
    return true;
}

/* The user's presence came back: whom it cannot reach is not there. What they granted each other
 * stays. */
static bool on_error(const struct stanza_context *context)
{
    struct presence_notice notice = {.at = 0};
    notice_receive(context, &notice);
    return true;
}

/* ---- The link, start and stop ---------------------------------------------------------------- */

static void ask_again(struct contact_presence *contact, void *data)
{
    question_enqueue(data, ASK_PRESENCE, &contact->user, contact->jid);
}

static void link_up(struct core *core)
{
    contact_presences_foreach(watch_of(core)->contacts, NULL, ask_again, watch_of(core));
}

static void forget_questions(struct contact_presence *contact, void *data)
{
    (void)data;
    contact->questions = 0;
}

static void link_down(struct core *core)
{
    g_queue_clear_full(&watch_of(core)->questions, question_free);
    contact_presences_foreach(watch_of(core)->contacts, NULL, forget_questions, NULL);
    contact_presences_unknown(watch_of(core)->contacts, clock_monotonic());
}

static gboolean on_tick(gpointer data)
{
    struct watch *watch = data;
    contact_presences_advance(watch->contacts, clock_monotonic());
    return G_SOURCE_CONTINUE;
}

static void watch_start(struct core *core)
{
    struct watch *watch = g_new0(struct watch, 1);
    watch->core = core;
    watch->contacts = contact_presences_new(contact_tell, core, clock_monotonic());
    g_queue_init(&watch->questions);
    watch->tick = g_timeout_add(TICK_MILLISECONDS, on_tick, watch);
    caps_start();
    part_add(core, &part, watch);
    bus_subscribe(core, TOPIC, on_notice, NULL);
}

static void watch_stop(struct core *core)
{
    struct watch *watch = part_remove(core, &part);
    g_source_remove(watch->tick);
    if (watch->pace)
        g_source_remove(watch->pace);
    g_queue_clear_full(&watch->questions, question_free);
    contact_presences_free(watch->contacts);
    caps_stop();
    g_free(watch);
}

static const struct part part = {.name = "watch", .link_up = link_up, .link_down = link_down};

static const struct stanza_handler stanzas[] = {
    {"presence", "available", NULL, NULL, TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT,
     .fallback = on_available},
    {"presence", "unavailable", NULL, NULL, TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT,
     .fallback = on_unavailable},
    {"presence", "error", NULL, NULL, TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT,
     .fallback = on_error},
    {0},
};

const struct feature feature_watch = {
    .name = "watch", .stanzas = stanzas, .part = &part, .start = watch_start, .stop = watch_stop};
