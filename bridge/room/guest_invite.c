/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Our users are asked into rooms elsewhere, by somebody there (XEP-0249) or by the room for them
 * (XEP-0045 section 7.8.2); and apps enter rooms by their addresses. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/base/clock.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/base/text.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/room/demand.h"
#include "bridge/room/inviter.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0045_admin.h"
#include "xep/0045_invitation.h"
#include "xep/0249_direct_invitation.h"
#include "xep/jid.h"
#include "xep/message.h"

#define PASSWORD_MAX 1000                                 /* bytes */
#define FRESH (G_GINT64_CONSTANT(86400) * G_USEC_PER_SEC) /* an invitation out of an archive */

/* ---- From XMPP ------------------------------------------------------------------------------- */

/* Borrowed; what is not said is NULL. */
struct asked {
    const char *room; /* prepared */
    const char *inviter;
    const char *reason, *password;
    bool by_room;
};

/* An invitation that waits for what becomes of it. */
struct waiting {
    struct core *core;
    xmpp_stanza_t *stanza; /* reference */
};

static void invitation_kept(const struct change_result *result, void *data)
{
    g_autofree struct waiting *waiting = data;
    g_autoptr(xmpp_stanza_t) stanza = waiting->stanza;
    if (!waiting->core->archive || !stanza)
        return;
    if (result->error != ERROR_NONE)
        room_reject_later(waiting->core, stanza, error_info(ERROR_UNAVAILABLE), NULL);
    else if (!change_succeeded(result)) /* as an unknown user answers */
        room_reject_later(waiting->core, stanza, error_info(ERROR_REFUSED), NULL);
}

static void invitation_keep(const struct stanza_context *context, const struct asked *asked)
{
    struct message_stanza message;
    struct waiting *waiting = g_new0(struct waiting, 1);
    waiting->core = context->data;
    waiting->stanza = context->filed ? NULL : xmpp_stanza_clone(context->stanza);
    message_parse(context->stanza, NULL, &message);
    json_t *arguments =
        json_pack("{s:s, s:s, s:s, s:b, s:s*, s:s*}", "room", asked->room, "to", context->to_bare,
                  "inviter", asked->inviter, "by_room", asked->by_room, "reason",
                  text_bounded(asked->reason ? asked->reason : message.body, ROOM_REASON_MAX),
                  "password", text_bounded(asked->password, PASSWORD_MAX));
    change_submit(context->data, "guest_invited", NULL, arguments, invitation_kept, waiting);
}

/* Whether groups are to be had, and the sender is within bounds; else it was answered. */
static bool is_admitted(const struct stanza_context *context)
{
    if (context->filed)
        return clock_wall() - context->filed->stamp < FRESH;
    if (message_is_admitted(context->data, context->from_bare))
        return true;
    metric_add(METRIC_STANZAS_LIMITED, 1);
    room_reject_later(context->data, context->stanza, error_info(ERROR_RATE_LIMITED), NULL);
    return false;
}

/* The address of a room elsewhere, prepared; NULL: it is none. */
static char *room_elsewhere(const struct core *core, const char *address)
{
    g_autofree char *room = jid_prepare_bare(address);
    bool usable = room && strchr(room, '@') && service_of(core->options, room) == SERVICE_MAX;
    return usable ? g_steal_pointer(&room) : NULL;
}

static bool on_mediated(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct invitation list[INVITATIONS_MAX];
    bool more;
    if (!toggle_is_on(core, TOGGLE_GROUPS, NULL) || strchr(context->from, '/') ||
        invitations_parse(context->stanza, list, &more) == 0 || list[0].kind != INVITATION_INVITE)
        return false;
    g_autofree char *room = room_elsewhere(core, context->from);
    if (!room)
        return false;
    if (!is_admitted(context))
        return true;
    g_autofree char *inviter = inviter_of(core->options, room, list[0].from);
    const struct asked asked = {.room = room,
                                .inviter = inviter,
                                .reason = list[0].reason,
                                .password = list[0].password,
                                .by_room = true};
    invitation_keep(context, &asked);
    return true;
}

/* One that a room passes on may have this form, too. */
static bool is_mediated(xmpp_stanza_t *stanza)
{
    struct invitation list[INVITATIONS_MAX];
    bool more;
    return invitations_parse(stanza, list, &more) > 0;
}

static bool on_direct(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct direct_invitation invitation;
    if (!toggle_is_on(core, TOGGLE_GROUPS, NULL) || is_mediated(context->stanza) ||
        !direct_invitation_parse(context->stanza, &invitation))
        return false;
    g_autofree char *room = room_elsewhere(core, invitation.room);
    if (!room)
        return false;
    if (!is_admitted(context))
        return true;
    const struct asked asked = {.room = room,
                                .inviter = context->from_bare,
                                .reason = invitation.reason,
                                .password = invitation.password};
    invitation_keep(context, &asked);
    return true;
}

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal", "x", NS_MUC_USER, TARGET_USER | TARGET_RESOURCE | TARGET_FILED,
     .claim = on_mediated},
    {"message", "chat|normal", "x", NS_INVITATION, TARGET_USER | TARGET_RESOURCE | TARGET_FILED,
     .claim = on_direct},
    {0},
};

/* ---- To XMPP --------------------------------------------------------------------------------- */

/* The room is to pass on that the user asks somebody, the reference; the payload is why. */
static xmpp_stanza_t *build_invitation(const struct outbox_entry *entry)
{
    g_autofree char *from = outbox_entry_from(entry);
    g_autofree char *id = outbox_entry_id(entry);
    struct invitation asked = {
        .kind = INVITATION_INVITE, .to = entry->reference, .reason = entry->payload};
    xmpp_stanza_t *message = message_new(NULL, id, from, entry->to);
    invitations_add(message, &asked, 1);
    return message;
}

/* The room is asked to change what somebody may do there, by the payload: { nick or jid, role or
 * affiliation, reason }. It tells by presences that it has. */
static xmpp_stanza_t *build_manage(const struct outbox_entry *entry)
{
    json_t *facts = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    g_autofree char *from = outbox_entry_from(entry);
    g_autofree char *id = outbox_entry_id(entry);
    struct muc_item item = {.nick = json_string_value(json_object_get(facts, "nick")),
                            .jid = json_string_value(json_object_get(facts, "jid")),
                            .reason = json_string_value(json_object_get(facts, "reason"))};
    xmpp_stanza_t *iq = NULL;
    if (muc_role_find(json_string_value(json_object_get(facts, "role")), &item.role) &&
        muc_affiliation_find(json_string_value(json_object_get(facts, "affiliation")),
                             &item.affiliation)) {
        iq = stanza_new_iq("set", id, from, entry->to);
        muc_admin_add(iq, &item, 1);
    }
    json_decref(facts);
    return iq;
}

/* The room is told that the user does not come, and tells who has asked: the reference. */
static xmpp_stanza_t *build_declined(const struct outbox_entry *entry)
{
    g_autofree char *from = outbox_entry_from(entry);
    g_autofree char *id = outbox_entry_id(entry);
    struct invitation declined = {.kind = INVITATION_DECLINE, .to = entry->reference};
    xmpp_stanza_t *message = message_new(NULL, id, from, entry->to);
    invitations_add(message, &declined, 1);
    return message;
}

static const struct outgoing outgoing[] = {
    {.kind = "guest_declined", .build = build_declined},
    {.kind = "guest_manage", .build = build_manage},
    {.kind = "guest_invitation", .build = build_invitation},
    {0},
};

/* ---- Apps ------------------------------------------------------------------------------------ */

static const struct field join_fields[] = {
    {.name = "jid",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_JID,
     .minimum = 1,
     .maximum = 3071},
    {.name = "nick", .type = FIELD_TEXT, .flags = FIELD_LINE, .minimum = 1, .maximum = 255},
    {.name = "password", .type = FIELD_TEXT, .minimum = 1, .maximum = PASSWORD_MAX},
    {0},
};

static void join_done(const struct change_result *result, void *data)
{
    change_reply_member(data, 201, result, "conversation");
}

static void group_join(struct request *request)
{
    g_autofree char *room = jid_prepare_bare(request_text(request, "jid"));
    if (!room || !strchr(room, '@') || service_of(request->core->options, room) == SERVICE_USERS) {
        request_fail(request, ERROR_NOT_FOUND, NULL); /* whatever that is, it is no room */
        return;
    }
    change_submit(request->core, "guest_join", &request->account->id,
                  json_pack("{s:s, s:s*, s:s*}", "jid", room, "nick", request_text(request, "nick"),
                            "password", request_text(request, "password")),
                  join_done, request);
}

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/groups/join",
     .command = "group.enter",
     .fields = join_fields,
     .handle = group_join,
     .member = "conversation",
     .limit = LIMIT_GROUPS,
     .toggle = TOGGLE_GROUPS,
     .flags = OPERATION_CREATES,
     .reply = "Conversation",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(NOT_FOUND),
     .summary =
         "Becomes a member of the group that is the room with an address, here or elsewhere"},
    {0},
};

const struct feature feature_guest_invite = {
    .name = "guest_invite", .operations = operations, .stanzas = stanzas, .outgoing = outgoing};
