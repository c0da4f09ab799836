/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A room's configuration, and its end, by XMPP (XEP-0045 section 10). Rooms are what groups are:
 * private ones are for members and show who everybody is, public ones are for all and show it to
 * moderators; both stay when nobody is there, and keep what was said. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/text.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "bridge/room/demand.h"
#include "bridge/room/scene.h"
#include "xep/0045_config.h"
#include "xep/0045_owner.h"
#include "xep/jid.h"
#include "xep/name.h"

#define NAME_MAX_BYTES 256 /* as groups have them in the API */
#define DESCRIPTION_MAX_BYTES 4096
#define MEMBERS_MAX 256

/* ---- The form -------------------------------------------------------------------------------- */

static struct muc_config config_of_row(const struct rows *rows)
{
    bool is_public = rows_boolean(rows, 0, ROOM_CONFIGURATION_PUBLIC);
    return (struct muc_config){
        .name = rows_text(rows, 0, ROOM_CONFIGURATION_NAME),
        .description = rows_text(rows, 0, ROOM_CONFIGURATION_DESCRIPTION),
        .is_persistent = true,
        .is_public = is_public,
        .members_only = !is_public,
        .is_moderated = rows_boolean(rows, 0, ROOM_CONFIGURATION_MODERATED),
        .members_invite = rows_boolean(rows, 0, ROOM_CONFIGURATION_INVITES),
        .is_logged = true,
        .whois = is_public ? WHOIS_MODERATORS : WHOIS_ANYONE,
        .private_messages = PM_ANYONE,
        .max_users = (uint32_t)rows_integer(rows, 0, ROOM_CONFIGURATION_MEMBERS_MAX),
    };
}

static xmpp_stanza_t *form_build(const struct room_call *call, const struct rows *rows)
{
    struct muc_config config = config_of_row(rows);
    g_autoptr(data_form) form = muc_config_form(&config);
    xmpp_stanza_t *reply = stanza_reply_result(call->stanza);
    if (reply)
        muc_owner_add(reply, form);
    return reply;
}

/* ---- What was filled in ---------------------------------------------------------------------- */

static bool form_has(const struct data_form *form, const char *field)
{
    g_autofree char *var = g_strconcat("muc#roomconfig_", field, NULL);
    return data_form_value(form, var) != NULL;
}

static json_t *settings_of(const struct data_form *form, const struct muc_config *config)
{
    json_t *settings = json_object();
    bool unlimited = config->max_users == MUC_USERS_UNLIMITED || config->max_users > MEMBERS_MAX;
    if (form_has(form, "moderatedroom"))
        json_object_set_new(settings, "who_can_send",
                            json_string(config->is_moderated ? "admins_only" : "everyone"));
    if (form_has(form, "allowinvites"))
        json_object_set_new(settings, "who_can_add",
                            json_string(config->members_invite ? "everyone" : "admins_only"));
    if (form_has(form, "maxusers"))
        json_object_set_new(settings, "max_members",
                            json_integer(unlimited ? MEMBERS_MAX : MAX(config->max_users, 2)));
    return settings;
}

/* A name that shows nothing leaves the room the one that it has. */
static json_t *config_arguments(const struct data_form *form, const struct muc_config *config)
{
    g_autofree char *name =
        config->name ? name_clean(config->name, NAME_MAX_BYTES, NAME_LINE) : NULL;
    g_autofree char *description =
        config->description ? name_clean(config->description, DESCRIPTION_MAX_BYTES, NAME_PROSE)
                            : NULL;
    json_t *arguments =
        json_pack("{s:s*, s:o}", "name", name, "settings", settings_of(form, config));
    if (config->description)
        json_object_set_new(arguments, "description",
                            description ? json_string(description) : json_null());
    if (form_has(form, "membersonly"))
        json_object_set_new(arguments, "members_only", json_boolean(config->members_only));
    if (form_has(form, "publicroom"))
        json_object_set_new(arguments, "listed", json_boolean(config->is_public));
    return arguments;
}

/* ---- Requests -------------------------------------------------------------------------------- */

static void call_refuse_unavailable(struct room_call *call)
{
    const struct error_info *unavailable = error_info(ERROR_UNAVAILABLE);
    room_refuse(call, unavailable->type, unavailable->condition, NULL);
}

static void configuration_read(const struct rows *rows, enum error_code error, void *data)
{
    struct room_call *call = data;
    if (error != ERROR_NONE || !call->core->archive)
        call_refuse_unavailable(call);
    else if (rows_count(rows) == 0)
        room_refuse(call, "cancel", "item-not-found", NULL);
    else if (!rows_boolean(rows, 0, ROOM_CONFIGURATION_ALLOWED))
        room_refuse(call, "auth", "forbidden", NULL);
    else
        room_answer(call, form_build(call, rows));
}

static void serve_form(struct room_call *call)
{
    g_autofree char *from = jid_prepare_bare(stanza_attr(call->stanza, "from"));
    const char *values[] = {call->room, stanza_attr(call->stanza, "from"), from};
    archive_query(call->core->archive, QUERY_ROOM_CONFIGURATION, values, configuration_read, call);
}

static bool submit_form(const struct stanza_context *context, const struct data_form *form)
{
    struct muc_config config = {0};
    const char *wrong = muc_config_read(form, &config);
    if (wrong)
        return room_reject(context, "modify", "bad-request", wrong);
    if (config.needs_password)
        return room_reject(context, "modify", "not-acceptable", "Rooms have no passwords here");
    return room_demand(context, "room_configure", config_arguments(form, &config));
}

static bool destroy_room(const struct stanza_context *context, const struct muc_destroy *request)
{
    const char *reason = text_bounded(request->reason, ROOM_REASON_MAX);
    g_autofree char *place = request->jid ? jid_prepare_bare(request->jid) : NULL;
    return room_demand(context, "room_destroy",
                       json_pack("{s:s*, s:s*}", "reason", reason, "place", place));
}

static bool on_owner(const struct stanza_context *context)
{
    struct data_form *parsed = NULL;
    struct muc_destroy request = {0};
    enum muc_owner_request kind = muc_owner_parse(context->stanza, &parsed, &request);
    g_autoptr(data_form) form = parsed;
    switch (kind) {
    case OWNER_GET:
        return room_serve(context, serve_form);
    case OWNER_SUBMIT:
        return submit_form(context, form);
    case OWNER_CANCEL:
        return room_demand(context, "room_destroy", json_pack("{s:s}", "of", "locked"));
    case OWNER_DESTROY:
        return destroy_room(context, &request);
    case OWNER_NONE:
    default:
        return room_reject(context, "modify", "bad-request", NULL);
    }
}

/* The answer to what has ended the room: behind what those who are in it are told. */
static xmpp_stanza_t *build_result(const struct outbox_entry *entry)
{
    json_t *facts = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    xmpp_stanza_t *result = stanza_new_iq("result", json_string_value(json_object_get(facts, "id")),
                                          entry->from, entry->to);
    json_decref(facts);
    return result;
}

static const struct outgoing outgoing[] = {
    {"room_result", SERVICE_ROOMS, .build = build_result},
    {0},
};

static const struct stanza_handler stanzas[] = {
    {"iq", "get|set", "query", NS_MUC_OWNER, TARGET_ROOM, .claim = on_owner},
    {0},
};

const struct feature feature_room_owner = {
    .name = "room_owner", .stanzas = stanzas, .outgoing = outgoing};
