/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accounts of other servers: whether their session stays bound while nobody is here, and the app's
 * own ids that let them in by token. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/bound/bound.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0172_nick.h"
#include "xep/name.h"
#include "xep/presence.h"

#define REPLY_MAX 4096
#define NOTE_MAX 1000 /* bytes kept of what comes with a request */

static void reply_state(struct request *request)
{
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    bound_state_write(&buf, request->core, request->account);
    request_reply(request, 200, &buf);
}

static bool refuse_hosted(struct request *request)
{
    bool hosted = !request->account->bound;
    if (hosted)
        request_fail(request, ERROR_NOT_AVAILABLE, "the account lives here");
    return hosted;
}

/* ---- Keeping the session --------------------------------------------------------------------- */

static void watch_stored(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    bool on = request->data != NULL;
    request->data = NULL;
    if (error != ERROR_NONE || !rows_boolean(rows, 0, BOUND_WATCH_WATCHED)) {
        request_fail(request, error != ERROR_NONE ? error : ERROR_INTERNAL, NULL);
        return;
    }
    bound_account_watch(request->core, request->account, on);
    if (on)
        reply_state(request);
    else
        request_reply_nothing(request);
}

static void watch_store(struct request *request, bool on)
{
    static char yes[] = "";
    const char *values[] = {request->account->id_text, on ? "true" : "false"};
    request->data = on ? yes : NULL;
    archive_query(request->core->archive, QUERY_BOUND_WATCH, values, watch_stored, request);
}

static void bound_begin(struct request *request)
{
    if (refuse_hosted(request))
        return;
    if (bound_state_of(request->core, request->account) == BOUND_STATE_LACKING)
        request_fail(request, ERROR_NOT_AVAILABLE, "the account's server binds no sessions");
    else
        watch_store(request, true);
}

static void bound_end(struct request *request)
{
    if (!refuse_hosted(request))
        watch_store(request, false);
}

/* ---- Tokens that let an account in ----------------------------------------------------------- */

static const struct field link_fields[] = {
    {.name = "external_id",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = 255},
    {.name = "jid",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_JID,
     .minimum = 1,
     .maximum = FIELD_USERS_JID_MAX},
    {0},
};

enum { LINK_MADE, LINK_WAS, LINK_TAKEN };

static void link_made(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    if (error != ERROR_NONE)
        request_fail(request, error, NULL);
    else if (rows_integer(rows, 0, BOUND_LINK_OUTCOME) == LINK_TAKEN)
        request_fail(request, ERROR_CONFLICT, "the id or the account is somebody else's");
    else
        request_reply_nothing(request);
}

static void bound_link(struct request *request)
{
    static const struct field_problem foreign = {ERROR_UNPROCESSABLE, "/jid",
                                                 "is no account of a server in bound.hosts"};
    g_autofree char *jid = request_jid(request, "jid");
    if (!bound_may_enter(request->core, jid)) {
        request_fail_field(request, &foreign);
        return;
    }
    const char *values[] = {request_text(request, "external_id"), jid};
    archive_query(request->core->archive, QUERY_BOUND_LINK, values, link_made, request);
}

/* ---- Who wants to see an account's presence -------------------------------------------------- */

struct asking {
    struct core *core;
    char *user, *peer; /* bare JIDs */
};

/* Who was asked before is let in at once. */
static void asking_stored(const struct change_result *result, void *data)
{
    g_autofree struct asking *asking = data;
    g_autofree char *user = asking->user;
    g_autofree char *peer = asking->peer;
    const char *answer = json_string_value(json_object_get(result->json, "answer"));
    if (!change_succeeded(result) || g_strcmp0(answer, "subscribed") != 0)
        return;
    const struct presence_stanza presence = {.from = user, .to = peer, .type = PRESENCE_SUBSCRIBED};
    g_autoptr(xmpp_stanza_t) stanza = presence_build(&presence);
    stanza_out(asking->core, stanza);
}

/* Everything else about subscriptions is told by the contact list. */
static bool on_subscribe(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct presence_stanza presence;
    const struct account *account = account_find_jid(core->accounts, context->to_bare);
    if (!account || !presence_parse(context->stanza, &presence))
        return true;
    xmpp_stanza_t *nick = stanza_child(context->stanza, "nick", NS_NICK);
    const char *called = nick ? nick_parse(nick) : NULL;
    g_autofree char *name = called ? name_clean(called, NAME_BYTES_MAX, NAME_LINE) : NULL;
    g_autofree char *note =
        presence.status ? name_clean(presence.status, NOTE_MAX, NAME_PROSE) : NULL;
    struct asking *asking = g_new0(struct asking, 1);
    *asking = (struct asking){core, g_strdup(context->to_bare), g_strdup(context->from_bare)};
    change_submit(core, "contact_stanza", &account->id,
                  json_pack("{s:s, s:s, s:s*, s:s*}", "type", "subscribe", "peer",
                            context->from_bare, "note", note, "nick", name),
                  asking_stored, asking);
    return true;
}

static const struct stanza_handler stanzas[] = {
    {"presence", "subscribe", NULL, NULL, TARGET_ACCOUNT, .fallback = on_subscribe},
    {0},
};

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/bound",
     .handle = bound_begin,
     .reply = "AccountState",
     .errors = OPERATION_ERROR(NOT_AVAILABLE),
     .summary = "Keeps the session of an account of another server bound while nobody is here"},
    {.method = "DELETE",
     .path = "/api/bound",
     .handle = bound_end,
     .reply = "Nothing",
     .errors = OPERATION_ERROR(NOT_AVAILABLE),
     .summary = "Lets it end after the last socket"},
    {.method = "GET",
     .path = "/api/bound/rooms",
     .command = "bound.rooms",
     .read = QUERY_BOUND_BOOKMARK_LIST,
     .reply = "BookmarkList",
     .summary =
         "Rooms that the account's server has as bookmarks, whether the app is in them or not"},
    {.method = "PUT",
     .path = "/api/bound/login",
     .fields = link_fields,
     .handle = bound_link,
     .flags = OPERATION_SERVER_KEY,
     .scope = "bound",
     .reply = "Nothing",
     .errors = OPERATION_ERROR(CONFLICT),
     .summary = "Lets tokens of an id of the app's own in as an account of another server"},
    {0},
};

const struct feature feature_bound_account = {
    .name = "bound_account", .operations = operations, .stanzas = stanzas};
