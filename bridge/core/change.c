/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Changes into the archive, their events out to sockets. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/secret.h"
#include "bridge/archive/write_kinds.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/outbox.h"
#include "bridge/core/part.h"
#include "bridge/core/relation.h"
#include "bridge/core/refusal.h"
#include "bridge/core/request.h"
#include "bridge/view/json.h"

struct changing {
    struct core *core;
    change_done done;
    void *data;
};

static gint64 member_integer(const json_t *object, const char *name)
{
    return json_integer_value(json_object_get(object, name));
}

typedef void (*publish_event)(struct core *core, struct event *event, const struct uuid *users,
                              size_t count);

/* A message that a change has stored: those who get it now have it. */
static void name_message(struct event *event, const json_t *message)
{
    const char *id = json_string_value(json_object_get(message, "id"));
    const char *sender = json_string_value(json_object_get(message, "sender_id"));
    if (id)
        uuid_parse(id, &event->parties.message);
    if (sender)
        uuid_parse(sender, &event->parties.actor);
}

static void name_parties(struct event *event, const json_t *row)
{
    const char *conversation = json_string_value(json_object_get(row, "conversation_id"));
    if (conversation)
        uuid_parse(conversation, &event->parties.conversation);
    event->parties.actor_number = member_integer(row, "actor");
    event->parties.peer_number = member_integer(row, "peer");
    event->parties.many = json_is_true(json_object_get(row, "many"));
}

static void publish_one(struct core *core, const json_t *row, publish_event publish)
{
    enum event_type type = event_type_from_name(json_string_value(json_object_get(row, "type")));
    if (type == EVENT_TYPE_MAX)
        return;
    g_auto(buffer) payload = BUFFER_INIT(VIEW_OBJECT_MAX);
    view_json(&payload, event_info(type)->payload, json_object_get(row, "payload"));
    g_autoptr(trestle_event) event =
        event_new(type, member_integer(row, "position"), member_integer(row, "at"), &payload);
    name_parties(event, row);
    if (type == EVENT_MESSAGE_NEW) {
        name_message(event, json_object_get(row, "payload"));
        archive_grew(core->archive, &event->parties.conversation);
    }
    const json_t *users = json_object_get(row, "users");
    g_autofree struct uuid *ids = g_new0(struct uuid, json_array_size(users) + 1);
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(users); i++)
        count += uuid_parse(json_string_value(json_array_get(users, i)), &ids[count]);
    publish(core, event, ids, count);
}

static void publish_all(struct core *core, const char *text, publish_event publish)
{
    json_t *events = text ? json_loads(text, 0, NULL) : NULL;
    for (size_t i = 0; i < json_array_size(events); i++)
        publish_one(core, json_array_get(events, i), publish);
    json_decref(events);
}

void change_publish_later(struct core *core, const char *events)
{
    publish_all(core, events, event_publish_later);
}

/* ---- What follows ---------------------------------------------------------------------------- */

static void tell_watchers(struct core *core, const struct change_write *change,
                          const json_t *follows)
{
    const json_t *watchers = json_object_get(follows, "watchers");
    struct change_watcher watcher = {.shown = json_is_true(json_object_get(follows, "shown")),
                                     .last_seen = member_integer(follows, "last_seen")};
    bool now = change->write.outcome == OUTCOME_DONE;
    for (size_t i = 0; now && i < json_array_size(watchers); i++) {
        watcher.jid = json_string_value(json_array_get(watchers, i));
        PARTS_TELL(core, watched, core, &change->user, &watcher);
    }
}

static void forget_relations(struct core *core, const json_t *users)
{
    struct uuid id;
    for (size_t i = 0; i < json_array_size(users); i++) {
        if (uuid_parse(json_string_value(json_array_get(users, i)), &id))
            relation_forget(core, &id);
    }
}

/* The rows may be another instance's to send. */
static void wake_outbox(struct core *core, gint64 newest)
{
    outbox_wake(core->outbox, newest);
    if (core->router)
        PARTS_TELL(core, outbox_grew, core, newest);
}

/* Who loses the presence is told before the outbox says `unsubscribed`, after which the peer's
 * server drops it; by then nothing old is remembered. */
static void change_follow(struct core *core, const struct change_write *change)
{
    json_t *follows = change->follows ? json_loads(change->follows, 0, NULL) : NULL;
    forget_relations(core, json_object_get(follows, "relations"));
    tell_watchers(core, change, follows);
    if (json_object_get(follows, "outbox"))
        wake_outbox(core, member_integer(follows, "outbox"));
    if (json_is_true(json_object_get(follows, "guests")))
        PARTS_TELL(core, guests_due, core);
    json_decref(follows);
}

static void change_finished(struct write *write, enum error_code error)
{
    struct change_write *change = (struct change_write *)(void *)write;
    g_autofree struct changing *changing = write->data;
    if (error == ERROR_NONE) {
        event_passed(changing->core, change->write.position);
        publish_all(changing->core, change->events, event_publish);
        change_follow(changing->core, change);
    }
    json_t *json = change->result ? json_loads(change->result, JSON_DECODE_ANY, NULL) : NULL;
    struct change_result result = {error, write->outcome, json, change->result, write->position};
    if (changing->done)
        changing->done(&result, changing->data);
    json_decref(json);
    change_write_free(change);
}

void change_submit(struct core *core, const char *name, const struct uuid *user, json_t *arguments,
                   change_done done, void *data)
{
    struct changing *changing = g_new0(struct changing, 1);
    *changing = (struct changing){core, done, data};
    struct change_write *change = g_new0(struct change_write, 1);
    change->write = (struct write){.kind = WRITE_CHANGE, .done = change_finished, .data = changing};
    change->name = name;
    if (user)
        change->user = *user;
    char *text = arguments ? json_dumps(arguments, JSON_COMPACT) : NULL;
    change->arguments = g_strdup(text ? text : "{}");
    free(text);
    json_decref(arguments);
    archive_write(core->archive, &change->write);
}

json_t *change_once(const struct request *request)
{
    if (!request->once_key)
        return NULL;
    char digest[UUID_TEXT_SIZE];
    char *body = request->body ? json_dumps(request->body, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    g_autofree char *text = g_strconcat(request->operation->path, "\n", body ? body : "", NULL);
    struct uuid fingerprint = secret_digest(text);
    uuid_format(&fingerprint, digest);
    free(body);
    return json_pack("{s:s, s:s}", "key", request->once_key, "fingerprint", digest);
}

static void change_refuse(struct request *request, const struct change_result *result)
{
    const char *pointer = json_string_value(json_object_get(result->json, "pointer"));
    const char *detail = json_string_value(json_object_get(result->json, "detail"));
    const char *reason = json_string_value(json_object_get(result->json, "error_reason"));
    struct field_problem why = {.code = outcome_error(result->outcome), .detail = detail};
    if (reason) {
        request_fail_reason(request, why.code, reason);
        return;
    }
    g_strlcpy(why.pointer, pointer ? pointer : "", sizeof why.pointer);
    refusal_answer(request, result->outcome, &why);
}

void change_reply(struct request *request, unsigned status, const struct change_result *result)
{
    if (result->error != ERROR_NONE) {
        request_fail(request, result->error, NULL);
    } else if (outcome_error(result->outcome) != ERROR_NONE) {
        change_refuse(request, result);
    } else {
        g_auto(buffer) buf = BUFFER_INIT(VIEW_OBJECT_MAX);
        view_json(&buf, request->operation->reply, result->json);
        request_reply(request, result->outcome == OUTCOME_DONE ? status : 200, &buf);
    }
}

bool change_succeeded(const struct change_result *result)
{
    return result->error == ERROR_NONE && outcome_error(result->outcome) == ERROR_NONE;
}

enum error_code change_error(const struct change_result *result)
{
    if (change_succeeded(result))
        return ERROR_NONE;
    return result->error != ERROR_NONE ? result->error : ERROR_INTERNAL;
}

void change_reply_member(struct request *request, unsigned status,
                         const struct change_result *result, const char *member)
{
    if (!change_succeeded(result)) {
        change_reply(request, status, result);
        return;
    }
    struct change_result part = *result;
    part.json = json_object_get(result->json, member);
    change_reply(request, status, &part);
}
