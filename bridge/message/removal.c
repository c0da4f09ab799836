/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Deletion: by the author for everybody, for a while (XEP-0424); by a group's moderators
 * (XEP-0425); and for oneself. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/entry.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "bridge/job/job.h"
#include "bridge/message/late.h"
#include "bridge/room/guest_hear.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0334_hints.h"
#include "xep/0359_ids.h"
#include "xep/0424_retraction.h"
#include "xep/0425_moderation.h"
#include "xep/0428_fallback.h"
#include "xep/message.h"

#define FOREIGN_ID_MAX 255

static const char retracted[] =
    "/me retracted a previous message, but your client does not support that.";
static const char moderated[] =
    "A moderator removed a message, but your client does not support that.";

/* ---- Apps ------------------------------------------------------------------------------------ */

static const char *const whom[] = {"everyone", "me", NULL};

static const struct field delete_fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    {.name = "for",
     .type = FIELD_CHOICE,
     .flags = FIELD_IN_QUERY,
     .choices = whom,
     .fallback = "everyone"},
    {.name = "reason",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY | FIELD_PROSE,
     .minimum = 1,
     .maximum = 500},
    {0},
};

static const struct field moderation_fields[] = {FIELD_ID_IN_PATH("message_id"), {0}};

static void change_answer(const struct change_result *result, void *data)
{
    change_reply(data, 200, result);
}

static void message_delete(struct request *request)
{
    char id[UUID_TEXT_SIZE], stanza_id[UUID_TEXT_SIZE];
    uuid_generate_text(stanza_id);
    uuid_format(request_uuid(request, "message_id"), id);
    json_t *arguments =
        json_pack("{s:s, s:s, s:s*, s:s, s:I}", "message_id", id, "for",
                  request_text(request, "for"), "reason", request_text(request, "reason"), "stanza",
                  stanza_id, "window", (json_int_t)request->core->options->messages_delete_window);
    change_submit(request->core, "message_delete", &request->account->id, arguments, change_answer,
                  request);
}

static const struct operation operations[] = {
    {.method = "DELETE",
     .path = "/api/messages/:message_id",
     .command = "message.delete",
     .limit = LIMIT_MESSAGES,
     .fields = delete_fields,
     .handle = message_delete,
     .reply = "Deletion",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .summary = "Deletes a message, for everyone or for the caller"},
    {.method = "GET",
     .path = "/api/moderation/messages/:message_id",
     .fields = moderation_fields,
     .change = "moderation_read",
     .flags = OPERATION_SERVER_KEY,
     .scope = "moderate",
     .role = "moderator",
     .audit = "moderation.read",
     .reply = "RemovedMessage",
     .summary = "What a deleted message said; that it was read is written down"},
    {0},
};

/* ---- XMPP ------------------------------------------------------------------------------------ */

/* One without a text for clients that know no retraction is about a message or nothing. */
static bool on_retraction(const struct stanza_context *context)
{
    const struct core *core = context->data;
    struct retraction retraction;
    if (guest_is_said(context) && guest_hear_moderation(context))
        return true;
    if (!retraction_parse(context->stanza, &retraction) || strlen(retraction.id) > FOREIGN_ID_MAX)
        return false;
    struct message_late *late = message_late_new(context);
    if (!late)
        return false;
    json_t *arguments = message_late_arguments(late, retraction.id);
    json_object_set_new(arguments, "window", json_integer(core->options->messages_xmpp_window));
    change_submit(context->data, "retraction_arrived", NULL, arguments, message_late_done, late);
    return true;
}

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal", "retract", NS_RETRACT, TARGET_USER | TARGET_RESOURCE | TARGET_FILED,
     .claim = on_retraction},
    {"message", "chat|normal", "apply-to", NS_FASTEN, TARGET_USER | TARGET_RESOURCE | TARGET_FILED,
     .claim = on_retraction},
    {"message", "groupchat", "retract", NS_RETRACT, TARGET_ROOM | TARGET_RESOURCE,
     .claim = on_retraction},
    {"message", "groupchat", "apply-to", NS_FASTEN, TARGET_ROOM | TARGET_RESOURCE,
     .claim = on_retraction},
    {0},
};

static void add_fallback(xmpp_stanza_t *stanza, const char *ns, const char *text)
{
    fallback_add(stanza, ns, NULL);
    stanza_add_text(stanza, "body", NULL, text);
    hints_add(stanza, HINT_STORE);
}

static void add_retraction(xmpp_stanza_t *stanza, const char *id)
{
    struct retraction retraction = {.id = id};
    retraction_add(stanza, &retraction);
    add_fallback(stanza, NS_RETRACT, retracted);
}

static void add_moderation(xmpp_stanza_t *stanza, const struct moderation *moderation)
{
    moderation_add(stanza, moderation);
    add_fallback(stanza, NS_MODERATE, moderated);
}

/* REFERENCE is the id by which the peer knows the message, PAYLOAD that of the stanza. */
static xmpp_stanza_t *build_retraction(const struct outbox_entry *entry)
{
    g_autofree char *from = outbox_entry_from(entry);
    xmpp_stanza_t *stanza = message_new("chat", entry->payload, from, entry->to);
    add_retraction(stanza, entry->reference);
    origin_id_add(stanza, entry->payload);
    return stanza;
}

static const char *fact_text(const json_t *facts, const char *name)
{
    return json_string_value(json_object_get(facts, name));
}

static const struct outgoing outgoing[] = {
    {.kind = "retraction", .build = build_retraction},
    {0},
};

/* In the archive of a room. */
static bool archived_retraction(xmpp_stanza_t *stanza, const struct entry *entry)
{
    if (entry->target)
        add_retraction(stanza, entry->target);
    return entry->target != NULL;
}

static bool archived_moderation(xmpp_stanza_t *stanza, const struct entry *entry)
{
    struct moderation moderation = {
        .id = entry->target,
        .moderator = {fact_text(entry->payload, "by"), fact_text(entry->payload, "occupant")},
        .reason = fact_text(entry->payload, "reason")};
    if (entry->target)
        add_moderation(stanza, &moderation);
    return entry->target != NULL;
}

static const struct entry_kind entries[] = {
    {"retraction", archived_retraction}, {"moderation", archived_moderation}, {0}};

/* ---- What was deleted ------------------------------------------------------------------------ */

static void reap_removed(struct job *job)
{
    job_reap_older(job, QUERY_REAP_REMOVED, job_core(job)->options->messages_kept_for_moderation,
                   "500");
}

static const struct job_kind jobs[] = {
    {.name = "reap.removed", .interval = 3600, .run = reap_removed},
    {0},
};

const struct feature feature_removal = {.name = "removal",
                                        .operations = operations,
                                        .stanzas = stanzas,
                                        .outgoing = outgoing,
                                        .entries = entries,
                                        .jobs = jobs};
