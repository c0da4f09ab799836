/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of apps: begun, accepted, declined, ended, signalled, looked at. What happens in a call is
 * bridge/call's; this file says how it is asked for. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/account/subscriber.h"
#include "bridge/archive/archive.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/options.h"
#include "bridge/call/act.h"
#include "bridge/call/call.h"
#include "bridge/call/ice.h"
#include "bridge/call/quality.h"
#include "bridge/call/signal.h"
#include "bridge/call/timer.h"
#include "bridge/cluster/elsewhere.h"
#include "bridge/core/change.h"
#include "bridge/core/conversation.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/core/part.h"
#include "bridge/core/relation.h"
#include "bridge/job/job.h"

#define HISTORY_MAX 50

/* ---- Who asks, and by which device ----------------------------------------------------------- */

/* The only socket of the account that was let in by the same credential; nil: there is none, or
 * several. */
static struct uuid only_session(const struct request *request)
{
    const GPtrArray *subscribers = request->account->subscribers;
    struct uuid session = {0};
    for (guint i = 0; subscribers && i < subscribers->len; i++) {
        const struct subscriber *subscriber = subscribers->pdata[i];
        if (uuid_is_nil(&subscriber->session) ||
            !uuid_equal(&subscriber->grant.credential, &request->grant.credential))
            continue;
        if (!uuid_is_nil(&session))
            return (struct uuid){0};
        session = subscriber->session;
    }
    return session;
}

/* SESSION: the socket that a REST request says it belongs to; NULL: it does not say. */
static struct call_actor actor_of(const struct request *request, const struct uuid *session)
{
    struct call_actor actor = {.user = request->account->id};
    actor.device.credential = request->grant.credential;
    if (request->origin)
        actor.device.session = request->origin->session;
    else if (session)
        actor.device.session = *session;
    else
        actor.device.session = only_session(request);
    return actor;
}

/* ---- Beginning ------------------------------------------------------------------------------- */

static const char *const call_types[] = {"audio", "video", "voice", NULL};

static const struct field initiate_fields[] = {
    {.name = "conversation_id", .type = FIELD_UUID, .flags = FIELD_ONE_OF},
    {.name = "receiver_id",
     .type = FIELD_USER,
     .flags = FIELD_ONE_OF,
     .minimum = 1,
     .maximum = 255},
    {.name = "call_type", .type = FIELD_CHOICE, .flags = FIELD_REQUIRED, .choices = call_types},
    {.name = "session_id", .type = FIELD_UUID},
    {0},
};

struct initiating {
    struct request *request;
    struct uuid conversation;
    struct uuid callee; /* nil: not known */
};

static void reply_json(struct request *request, unsigned status, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    g_auto(buffer) buf = BUFFER_INIT(text ? strlen(text) : 0);
    if (text)
        buffer_append_string(&buf, text);
    free(text);
    request_reply(request, status, &buf);
}

static void reply_nothing(struct request *request)
{
    g_auto(buffer) nothing = BUFFER_INIT(0);
    request_reply(request, 204, &nothing);
}

/* CALL with the servers for its media. */
static void reply_begun(struct request *request, unsigned status, const json_t *call,
                        const struct uuid *id, bool strangers)
{
    g_auto(buffer) servers = BUFFER_INIT(ICE_JSON_MAX);
    struct json_writer json;
    json_writer_init(&json, &servers);
    json_begin_object(&json);
    ice_servers_for(&json, id, ice_policy_of(request->core->options, strangers));
    json_end_object(&json);
    json_t *whole = json_copy((json_t *)(guintptr)call); /* shallow; only for jansson not const */
    json_t *more = json_loadb(servers.data ? servers.data : "", servers.length, 0, NULL);
    json_object_update(whole, more);
    json_decref(more);
    reply_json(request, status, whole);
    json_decref(whole);
}

/* The callee's devices have been told, or the peer is now. */
static void call_ring(struct call *call)
{
    const struct call_peer *peer = call_get_peer();
    const struct call_person *callee = &call->person[CALL_CALLEE];
    if (!callee->hosted) {
        static const struct call_deed fail = {.event = CALL_FAIL};
        if (!peer || !peer->ring || !peer->ring(call))
            call_act(call, &fail, NULL, NULL);
        return;
    }
    struct call_actor actor = {.user = callee->id};
    struct call_deed deed = {.event = CALL_RING, .actor = &actor};
    call_act(call, &deed, NULL, NULL); /* also of a silent one: that looks as if it rang */
}

static void call_initiated(const struct change_result *result, void *data)
{
    g_autofree struct initiating *initiating = data;
    struct request *request = initiating->request;
    const char *reason = json_string_value(json_object_get(result->json, "error_reason"));
    if (result->error == ERROR_NONE && result->outcome == OUTCOME_CONFLICT && reason) {
        request_fail_reason(request, ERROR_CONFLICT, reason);
        return;
    }
    if (!change_succeeded(result)) {
        change_reply(request, 201, result);
        return;
    }
    const json_t *row = json_object_get(result->json, "row");
    bool strangers = json_is_true(json_object_get(json_object_get(row, "live"), "strangers"));
    struct uuid id = {0};
    uuid_parse(json_string_value(json_object_get(row, "id")), &id);
    struct call *call = result->outcome == OUTCOME_DONE ? call_began(request->core, row) : NULL;
    reply_begun(request, result->outcome == OUTCOME_DONE ? 201 : 200,
                json_object_get(result->json, "call"), &id, strangers);
    if (call)
        call_ring(call);
}

/* Whether anybody would hear it ring. */
static bool is_reachable(const struct core *core, const struct relation *relation)
{
    const struct relation_party *other = &relation->party[RELATION_PEER];
    const struct call_peer *peer = call_get_peer();
    if (uuid_is_nil(&other->id))
        return true;
    const char *domain = strchr(other->jid, '@');
    if (!domain || strcmp(domain + 1, core->options->xmpp_domain) != 0)
        return peer && (!peer->may_ring || peer->may_ring(core, relation));
    const struct account *account = account_find(core->accounts, &other->id);
    return (account && account->subscribers) || elsewhere_is_online(core, &other->id);
}

static void initiate_submit(struct initiating *initiating, bool reachable)
{
    struct request *request = initiating->request;
    char id[UUID_TEXT_SIZE], message[UUID_TEXT_SIZE], conversation[UUID_TEXT_SIZE];
    struct uuid made;
    struct call_actor actor = actor_of(request, request_uuid(request, "session_id"));
    uuid_generate(&made);
    uuid_format(&made, id);
    uuid_generate(&made);
    uuid_format(&made, message);
    uuid_format(&initiating->conversation, conversation);
    bool video = strcmp(request_text(request, "call_type"), "video") == 0;
    unsigned seconds = call_timer_seconds(CALL_TIMER_RING,
                                          (unsigned)request->core->options->calls_ring_timeout, 0);
    json_t *arguments =
        json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:b, s:o*}", "id", id, "message_id", message,
                  "conversation_id", conversation, "call_type", video ? "video" : "audio", "live",
                  call_live_new(&actor.device), "seconds", (int)seconds, "reachable", reachable,
                  "once", change_once(request));
    change_submit(request->core, "call_initiate", &request->account->id, arguments, call_initiated,
                  initiating);
}

static void relation_came(struct relation *relation, enum error_code error, void *data)
{
    struct initiating *initiating = data;
    struct request *request = initiating->request;
    if (error != ERROR_NONE) {
        request_fail(request, error, NULL);
        g_free(initiating);
        return;
    }
    const struct uuid *peer = &relation->party[RELATION_PEER].id;
    char peer_text[UUID_TEXT_SIZE];
    uuid_format(peer, peer_text);
    g_autofree char *both = g_strconcat(request->account->id_text, " ", peer_text, NULL);
    struct uuid subject = limit_subject_of(both);
    if (!request->by_key &&
        !limiter_take(request->core->limiter, &subject, LIMIT_CALLS_PEER, &request->limit)) {
        request_fail_limited(request, LIMIT_CALLS_PEER);
        g_free(initiating);
        return;
    }
    initiate_submit(initiating, is_reachable(request->core, relation));
}

static void initiate_in(struct request *request, const struct uuid *conversation)
{
    char text[UUID_TEXT_SIZE];
    struct initiating *initiating = g_new0(struct initiating, 1);
    initiating->request = request;
    initiating->conversation = *conversation;
    uuid_format(conversation, text);
    struct relation_key key = {.user = request->account->jid, .peer = text};
    relation_find(request->core, &key, relation_came, initiating);
}

static void initiate_opened(const struct change_result *result, void *data)
{
    struct request *request = data;
    struct uuid conversation;
    const char *id = json_string_value(json_object_get(result->json, "id"));
    if (change_succeeded(result) && id && uuid_parse(id, &conversation))
        initiate_in(request, &conversation);
    else
        change_reply(request, 200, result);
}

static void call_initiate(struct request *request)
{
    const struct uuid *conversation = request_uuid(request, "conversation_id");
    const struct field_value *receiver = request_value(request, "receiver_id");
    if (conversation) {
        initiate_in(request, conversation);
        return;
    }
    json_t *arguments = json_pack("{s:o,s:s,s:b}", "participant", field_user_json(receiver),
                                  "field", "receiver_id", "id_only", 1);
    conversation_submit_open(request, arguments, initiate_opened);
}

/* ---- Deeds ----------------------------------------------------------------------------------- */

/* A request that does something in a call. */
struct doing {
    struct request *request;
    enum call_event event;
    enum call_reason reason;
    struct call_actor actor;
    struct call_device target;
    json_t *signal, *state;
    struct signal_given given; /* what the signal was read from; of the request */
};

static void doing_free(struct doing *doing)
{
    json_decref(doing->signal);
    json_decref(doing->state);
    g_free(doing);
}

struct showing {
    struct request *request;
    bool begun;     /* with the servers for its media */
    bool strangers; /* see struct call */
};

static void call_came(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct showing *showing = data;
    struct request *request = showing->request;
    const char *text =
        error == ERROR_NONE && rows_count(rows) == 1 ? rows_text(rows, 0, CALL_GET_CALL) : NULL;
    json_t *call = text ? json_loads(text, 0, NULL) : NULL;
    if (!call)
        request_fail(request, error == ERROR_NONE ? ERROR_NOT_FOUND : error, NULL);
    else if (showing->begun)
        reply_begun(request, 200, call, request_uuid(request, "call_id"), showing->strangers);
    else
        reply_json(request, 200, call);
    json_decref(call);
}

/* Answers with the call as it is, when nothing was written just now. */
static void reply_read(struct request *request, bool begun, bool strangers)
{
    char id[UUID_TEXT_SIZE];
    struct showing *showing = g_new0(struct showing, 1);
    *showing = (struct showing){request, begun, strangers};
    uuid_format(request_uuid(request, "call_id"), id);
    const char *values[] = {request->account->id_text, id};
    archive_query(request->core->archive, QUERY_CALL_GET, values, call_came, showing);
}

/* CALL: as the caller sees it, if it was written just now. */
static void reply_done(struct request *request, enum call_event event, const json_t *call,
                       bool strangers)
{
    bool accepts = event == CALL_ACCEPT;
    bool quiet = event == CALL_OFFER || event == CALL_ANSWER || event == CALL_CANDIDATE ||
                 event == CALL_RESTART || (event == CALL_INFO && request->operation->reply == NULL);
    if (quiet)
        reply_nothing(request);
    else if (accepts && call)
        reply_begun(request, 200, call, request_uuid(request, "call_id"), strangers);
    else if (call)
        reply_json(request, 200, call);
    else
        reply_read(request, accepts, strangers);
}

static void call_was_acted(struct call *call, const struct call_outcome *outcome, void *data)
{
    struct doing *doing = data;
    struct request *request = doing->request;
    if (outcome->error != ERROR_NONE)
        request_fail(request, outcome->error, NULL);
    else if (outcome->verdict == CALL_STRANGER)
        request_fail(request, ERROR_NOT_FOUND, NULL);
    else if (outcome->verdict == CALL_FORBIDDEN)
        request_fail(request, ERROR_FORBIDDEN, "the call goes on at another device");
    else if (outcome->verdict == CALL_CONFLICT)
        request_fail_reason(request, ERROR_CONFLICT, call_state_name(call->machine.state));
    else
        reply_done(request, doing->event, outcome->call, call->strangers);
    doing_free(doing);
}

/* A silent call is none to the callee. */
static bool is_hidden(const struct call *call, const struct uuid *user)
{
    return call->silent && uuid_equal(&call->person[CALL_CALLEE].id, user);
}

/* Takes out of a signal what the other side is not to learn. False: nothing is left to be told. */
static bool signal_strip(struct doing *doing, const struct call *call)
{
    const char *pointer;
    struct signal signal;
    if (!doing->signal || ice_policy_of(call->core->options, call->strangers) != ICE_RELAY ||
        call_side_of(&call->machine, &doing->actor.user) == CALL_NOBODY ||
        signal_read(&doing->given, true, &signal, &pointer))
        return true;
    json_decref(doing->signal);
    doing->signal = signal.json;
    return signal.passes;
}

static void call_was_found(struct call *call, enum error_code error, void *data)
{
    struct doing *doing = data;
    if (!call || is_hidden(call, &doing->actor.user)) {
        request_fail(doing->request, call ? ERROR_NOT_FOUND : error, NULL);
        doing_free(doing);
        return;
    }
    if (!signal_strip(doing, call)) {
        reply_nothing(doing->request);
        doing_free(doing);
        return;
    }
    struct call_deed deed = {.event = doing->event,
                             .reason = doing->reason,
                             .actor = &doing->actor,
                             .signal = doing->signal,
                             .state = doing->state,
                             .target = &doing->target};
    call_act(call, &deed, call_was_acted, doing);
}

/* SESSION: the field that has it, see actor_of(). */
static struct doing *doing_new(struct request *request, enum call_event event, const char *session)
{
    struct doing *doing = g_new0(struct doing, 1);
    doing->request = request;
    doing->event = event;
    doing->actor = actor_of(request, request_uuid(request, session));
    return doing;
}

static void doing_begin(struct doing *doing)
{
    struct call_name name = {.id = request_uuid(doing->request, "call_id")};
    call_find(doing->request->core, &name, call_was_found, doing);
}

/* With the call in the path, or not, and the socket. */
#define CALL_FIELDS(in_path)                                                                       \
    {.name = "call_id", .type = FIELD_UUID, .flags = FIELD_REQUIRED | (in_path)},                  \
    {                                                                                              \
        .name = "session_id", .type = FIELD_UUID                                                   \
    }

static const struct field call_fields[] = {CALL_FIELDS(FIELD_IN_PATH), {0}};
static const struct field call_body_fields[] = {CALL_FIELDS(0), {0}};

static void call_accept(struct request *request)
{
    doing_begin(doing_new(request, CALL_ACCEPT, "session_id"));
}

static void call_decline(struct request *request)
{
    doing_begin(doing_new(request, CALL_DECLINE, "session_id"));
}

static void call_end(struct request *request)
{
    doing_begin(doing_new(request, CALL_END, "session_id"));
}

/* Of clients that answer a call with one frame. */
static const struct field response_fields[] = {
    CALL_FIELDS(0), {.name = "accepted", .type = FIELD_BOOLEAN, .flags = FIELD_REQUIRED}, {0}};

static void call_respond(struct request *request)
{
    if (request_integer(request, "accepted"))
        call_accept(request);
    else
        call_decline(request);
}

/* ---- Signals --------------------------------------------------------------------------------- */

static const char *const signal_types[] = {"offer",         "answer",      "ice_candidate",
                                           "ice-candidate", "ice_restart", NULL};
#define SIGNAL_FIELDS(in_path)                                                                     \
    CALL_FIELDS(in_path), {.name = "data", .type = FIELD_JSON},                                    \
        {.name = "sdp", .type = FIELD_JSON},                                                       \
    {                                                                                              \
        .name = "ice_candidate", .type = FIELD_JSON                                                \
    }
#define SIGNAL_TYPE                                                                                \
    {                                                                                              \
        .name = "type", .type = FIELD_CHOICE, .flags = FIELD_REQUIRED, .choices = signal_types     \
    }

static const struct field signal_fields[] = {SIGNAL_FIELDS(FIELD_IN_PATH), SIGNAL_TYPE, {0}};
static const struct field signal_body_fields[] = {SIGNAL_FIELDS(0), SIGNAL_TYPE, {0}};
static const struct field typed_fields[] = {SIGNAL_FIELDS(0), {0}};

static void signal_send(struct request *request, const char *type)
{
    struct signal_given given = {type, request_value(request, "data")->list,
                                 request_value(request, "sdp")->list,
                                 request_value(request, "ice_candidate")->list};
    const char *pointer = "";
    struct signal signal;
    const char *wrong = signal_read(&given, false, &signal, &pointer);
    if (wrong) {
        struct field_problem problem = {.code = ERROR_UNPROCESSABLE, .detail = wrong};
        g_strlcpy(problem.pointer, pointer, sizeof problem.pointer);
        request_fail_field(request, &problem);
        return;
    }
    struct doing *doing = doing_new(request, signal.event, "session_id");
    doing->signal = signal.json;
    doing->given = given;
    if (!signal.passes) {
        reply_nothing(request);
        doing_free(doing);
        return;
    }
    doing_begin(doing);
}

static void call_signal(struct request *request)
{
    signal_send(request, request_text(request, "type"));
}

static void call_offer(struct request *request)
{
    signal_send(request, "offer");
}

static void call_answer(struct request *request)
{
    signal_send(request, "answer");
}

static void call_candidate(struct request *request)
{
    signal_send(request, "ice_candidate");
}

/* ---- State ----------------------------------------------------------------------------------- */

static const char *const connections[] = {"connecting", "connected", "disconnected", "failed",
                                          NULL};
static const struct field state_fields[] = {
    CALL_FIELDS(FIELD_IN_PATH),
    {.name = "muted", .type = FIELD_BOOLEAN},
    {.name = "video", .type = FIELD_BOOLEAN},
    {.name = "screen", .type = FIELD_BOOLEAN},
    {.name = "on_hold", .type = FIELD_BOOLEAN},
    {.name = "connection", .type = FIELD_CHOICE, .choices = connections},
    {.name = "quality", .type = FIELD_JSON},
    {0},
};

static void state_add(json_t *state, const char *name, const struct field_value *value)
{
    if (value->present)
        json_object_set_new(state, name, json_boolean(value->integer));
}

static json_t *state_json(const struct request *request)
{
    json_t *state = json_object();
    const char *connection = request_text(request, "connection");
    json_t *quality = request_value(request, "quality")->list;
    state_add(state, "muted", request_value(request, "muted"));
    state_add(state, "video", request_value(request, "video"));
    state_add(state, "screen", request_value(request, "screen"));
    state_add(state, "on_hold", request_value(request, "on_hold"));
    if (connection)
        json_object_set_new(state, "connection", json_string(connection));
    if (quality)
        json_object_set(state, "quality", quality);
    return state;
}

static void call_state(struct request *request)
{
    static const struct field_problem bad = {ERROR_UNPROCESSABLE, "/quality",
                                             "must have rtt_ms, loss (to 1), level (to 4) alone"};
    const json_t *quality = request_value(request, "quality")->list;
    if (quality && !call_quality_is_fine(quality)) {
        request_fail_field(request, &bad);
        return;
    }
    bool failed = g_strcmp0(request_text(request, "connection"), "failed") == 0;
    struct doing *doing = doing_new(request, failed ? CALL_FAIL : CALL_INFO, "session_id");
    if (!failed)
        doing->state = state_json(request);
    doing_begin(doing);
}

/* ---- Transfer -------------------------------------------------------------------------------- */

static const struct field transfer_fields[] = {
    FIELD_ID_IN_PATH("call_id"),
    {.name = "session_id", .type = FIELD_UUID, .flags = FIELD_REQUIRED},
    {.name = "from_session", .type = FIELD_UUID},
    {0},
};

static void call_transfer(struct request *request)
{
    struct doing *doing = doing_new(request, CALL_TRANSFER, "from_session");
    doing->target.session = *request_uuid(request, "session_id");
    doing_begin(doing);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static const struct field get_fields[] = {FIELD_ID_IN_PATH("call_id"), {0}};
static const struct field active_fields[] = {FIELD_ID_IN_PATH("conversation_id"), {0}};
static const struct field list_fields[] = {
    FIELD_PAGE_LIMIT(HISTORY_MAX),
    {.name = "before", .type = FIELD_UUID, .flags = FIELD_IN_QUERY},
    {0},
};

/* ---- Statistics ------------------------------------------------------------------------------ */

static const struct field stats_fields[] = {
    FIELD_ID_IN_PATH("call_id"),
    {.name = "samples", .type = FIELD_JSON, .flags = FIELD_REQUIRED},
    {0},
};

static void samples_added(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    const char *added = error == ERROR_NONE && rows_count(rows) == 1
                            ? rows_text(rows, 0, CALL_SAMPLE_ADD_ADDED)
                            : NULL;
    g_auto(buffer) buf = BUFFER_INIT(64);
    if (added) {
        buffer_append_printf(&buf, "{\"added\":%s}", added);
        request_reply(request, 200, &buf);
    } else {
        request_fail(request, error == ERROR_NONE ? ERROR_NOT_FOUND : error, NULL);
    }
}

static void call_stats(struct request *request)
{
    static const struct field_problem bad = {
        ERROR_UNPROCESSABLE, "/samples",
        "must be 1 to 120 of { at, rtt_ms, jitter_ms, loss (to 1), bitrate }"};
    json_t *samples = request_value(request, "samples")->list;
    char id[UUID_TEXT_SIZE];
    if (!call_samples_settle(samples)) {
        request_fail_field(request, &bad);
        return;
    }
    uuid_format(request_uuid(request, "call_id"), id);
    char *text = json_dumps(samples, JSON_COMPACT);
    const char *values[] = {request->account->id_text, id, text};
    archive_query(request->core->archive, QUERY_CALL_SAMPLE_ADD, values, samples_added, request);
    free(text);
}

/* ---- The feature ----------------------------------------------------------------------------- */

#define NOT_NOW (OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(NOT_FOUND))

/* A call can be ended also when calls have been switched off meanwhile. */
static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/calls/initiate",
     .toggle = TOGGLE_CALLS,
     .command = "call.initiate",
     .limit = LIMIT_CALLS,
     .fields = initiate_fields,
     .handle = call_initiate,
     .flags = OPERATION_CREATES | OPERATION_ONCE,
     .reply = "CallBegun",
     .errors = OPERATION_ERROR(REFUSED) | NOT_NOW,
     .summary =
         "Calls the other one of a conversation of two: rings first, offers after the answer"},
    {.method = "POST",
     .path = "/api/calls/:call_id/accept",
     .toggle = TOGGLE_CALLS,
     .command = "call.accept",
     .fields = call_fields,
     .handle = call_accept,
     .reply = "CallBegun",
     .errors = NOT_NOW,
     .summary = "Accepts a call that rings; the first device wins"},
    {.method = "POST",
     .path = "/api/calls/:call_id/answer",
     .toggle = TOGGLE_CALLS,
     .fields = call_fields,
     .handle = call_accept,
     .reply = "CallBegun",
     .errors = NOT_NOW,
     .summary = "The same as accept"},
    {.method = "POST",
     .path = "/api/calls/answer",
     .toggle = TOGGLE_CALLS,
     .fields = call_body_fields,
     .handle = call_accept,
     .reply = "CallBegun",
     .errors = NOT_NOW,
     .summary = "The same as accept"},
    {.method = "POST",
     .path = "/api/calls/:call_id/decline",
     .command = "call.decline",
     .fields = call_fields,
     .handle = call_decline,
     .reply = "Call",
     .errors = NOT_NOW,
     .summary = "Declines a call that rings"},
    {.method = "POST",
     .path = "/api/calls/decline",
     .fields = call_body_fields,
     .handle = call_decline,
     .reply = "Call",
     .errors = NOT_NOW,
     .summary = "The same"},
    {.method = "POST",
     .path = "/api/calls/:call_id/end",
     .command = "call.end",
     .fields = call_fields,
     .handle = call_end,
     .reply = "Call",
     .errors = NOT_NOW,
     .summary = "Hangs up, or gives up calling"},
    {.method = "POST",
     .path = "/api/calls/end",
     .fields = call_body_fields,
     .handle = call_end,
     .reply = "Call",
     .errors = NOT_NOW,
     .summary = "The same"},
    {.method = "POST",
     .path = "/api/calls/:call_id/signal",
     .toggle = TOGGLE_CALLS,
     .command = "call.signal",
     .limit = LIMIT_SIGNALS,
     .fields = signal_fields,
     .handle = call_signal,
     .errors = NOT_NOW,
     .summary = "Sends a description or candidate to the other side; the caller's wait until the "
                "call is accepted"},
    {.method = "POST",
     .path = "/api/calls/signal",
     .toggle = TOGGLE_CALLS,
     .limit = LIMIT_SIGNALS,
     .fields = signal_body_fields,
     .handle = call_signal,
     .errors = NOT_NOW,
     .summary = "The same"},
    {.command = "call.respond",
     .fields = response_fields,
     .handle = call_respond,
     .reply = "CallBegun|Call",
     .errors = NOT_NOW,
     .summary = "Accepts or declines a call"},
    {.command = "call.offer",
     .toggle = TOGGLE_CALLS,
     .limit = LIMIT_SIGNALS,
     .fields = typed_fields,
     .handle = call_offer,
     .errors = NOT_NOW,
     .summary = "Sends an offer"},
    {.command = "call.answer",
     .toggle = TOGGLE_CALLS,
     .limit = LIMIT_SIGNALS,
     .fields = typed_fields,
     .handle = call_answer,
     .errors = NOT_NOW,
     .summary = "Sends an answer"},
    {.command = "call.candidate",
     .toggle = TOGGLE_CALLS,
     .limit = LIMIT_SIGNALS,
     .fields = typed_fields,
     .handle = call_candidate,
     .errors = NOT_NOW,
     .summary = "Sends a candidate"},
    {.method = "POST",
     .path = "/api/calls/:call_id/state",
     .toggle = TOGGLE_CALLS,
     .command = "call.state",
     .limit = LIMIT_SIGNALS,
     .fields = state_fields,
     .handle = call_state,
     .reply = "Call",
     .errors = NOT_NOW,
     .summary =
         "Says that one is muted, shows the screen, is on hold, connected, and how good it is"},
    {.method = "POST",
     .path = "/api/calls/:call_id/transfer",
     .toggle = TOGGLE_CALLS,
     .command = "call.transfer",
     .fields = transfer_fields,
     .handle = call_transfer,
     .reply = "Call",
     .errors = NOT_NOW,
     .summary = "Has the call go on at another socket of one's own, once that has accepted"},
    {.method = "POST",
     .path = "/api/calls/:call_id/stats",
     .toggle = TOGGLE_CALLS,
     .fields = stats_fields,
     .handle = call_stats,
     .reply = "CallSamples",
     .summary = "Says how the media was; kept for 30 days"},
    {.method = "GET",
     .path = "/api/calls/:call_id/report",
     .toggle = TOGGLE_CALLS,
     .fields = get_fields,
     .read = QUERY_CALL_REPORT,
     .reply = "CallReport",
     .summary = "How both sides found the media"},
    {.method = "GET",
     .path = "/api/calls/:call_id/events",
     .toggle = TOGGLE_CALLS,
     .fields = get_fields,
     .read = QUERY_CALL_EVENT_LIST,
     .flags = OPERATION_LISTS,
     .reply = "CallEventPage",
     .summary = "What happened in a call"},
    {.method = "GET",
     .path = "/api/admin/calls/:call_id/events",
     .toggle = TOGGLE_CALLS,
     .fields = get_fields,
     .read = QUERY_CALL_EVENT_AUDIT,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "admin",
     .reply = "CallEventPage",
     .summary = "The same, for auditors"},
    {.method = "GET",
     .path = "/api/calls/active/:conversation_id",
     .toggle = TOGGLE_CALLS,
     .fields = active_fields,
     .read = QUERY_CALL_ACTIVE,
     .reply = "CallActive",
     .summary = "The call that rings or goes on in a conversation"},
    {.method = "GET",
     .path = "/api/calls/:call_id",
     .toggle = TOGGLE_CALLS,
     .fields = get_fields,
     .read = QUERY_CALL_GET,
     .reply = "Call",
     .summary = "One call"},
    {.method = "GET",
     .path = "/api/calls",
     .toggle = TOGGLE_CALLS,
     .fields = list_fields,
     .read = QUERY_CALL_LIST,
     .flags = OPERATION_LISTS,
     .reply = "CallPage",
     .summary = "The caller's calls, newest first"},
    {0},
};

/* ---- Jobs ------------------------------------------------------------------------------------ */

static void overdue_read(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    for (int i = 0; error == ERROR_NONE && i < rows_count(rows); i++) {
        json_t *row = json_loads(rows_text(rows, i, CALL_OPEN_CALL), 0, NULL);
        call_learn(job_core(job), row); /* the clock ends it */
        json_decref(row);
    }
    job_end(job, error == ERROR_NONE ? JOB_DONE : JOB_FAILED, NULL,
            error == ERROR_NONE ? NULL : error_info(error)->code);
}

/* Calls that no instance has in memory any more. */
static void end_overdue(struct job *job)
{
    archive_query(job_core(job)->archive, QUERY_CALL_OPEN, (const char *[]){"-5", "1000"},
                  overdue_read, job);
}

static const struct job_kind jobs[] = {
    {.name = "call.overdue", .interval = 10, .run = end_overdue},
    {0},
};

static const struct part part = {.name = "calls", .subscriber_changed = call_subscriber_changed};

const struct feature feature_call = {.name = "calls",
                                     .part = &part,
                                     .operations = operations,
                                     .jobs = jobs,
                                     .start = calls_start,
                                     .stop = calls_stop};
