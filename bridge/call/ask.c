/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Calls of apps: accepted, declined, ended, signalled, moved. What happens in a call is
 * bridge/call's; this file says how it is asked for. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/call/act.h"
#include "bridge/call/call.h"
#include "bridge/call/ice.h"
#include "bridge/call/quality.h"
#include "bridge/call/signal.h"
#include "bridge/call/timer.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/part.h"
#include "bridge/call/begin.h"
#include "bridge/call/request.h"
#include "bridge/call/transfer.h"
#include "bridge/job/job.h"

/* ---- Deeds ----------------------------------------------------------------------------------- */

/* A request that does something in a call. */
struct doing {
    struct request *request;
    enum call_event event;
    enum call_reason reason;
    struct call_actor actor;
    struct call_device target;
    json_t *signal, *state, *bound;
    struct signal_given given; /* what the signal was read from; of the request */
};

static void doing_free(struct doing *doing)
{
    json_decref(doing->signal);
    json_decref(doing->state);
    json_decref(doing->bound);
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
        call_reply_begun(request, 200, call, request_uuid(request, "call_id"), showing->strangers);
    else
        call_reply_json(request, 200, call);
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
        request_reply_nothing(request);
    else if (accepts && call)
        call_reply_begun(request, 200, call, request_uuid(request, "call_id"), strangers);
    else if (call)
        call_reply_json(request, 200, call);
    else
        reply_read(request, accepts, strangers);
}

static void call_was_acted(struct call *call, const struct call_outcome *outcome, void *data)
{
    struct doing *doing = data;
    struct request *request = doing->request;
    if (outcome->reason)
        request_fail_reason(request, ERROR_CONFLICT, outcome->reason);
    else if (outcome->next)
        call_reply_next(request, outcome);
    else if (outcome->error == ERROR_UNPROCESSABLE)
        request_fail(request, outcome->error,
                     "a DTLS fingerprint may change only with the ICE credentials");
    else if (outcome->error != ERROR_NONE)
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
    json_decref(signal.bound);
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
        request_reply_nothing(doing->request);
        doing_free(doing);
        return;
    }
    json_t *next = doing->event == CALL_ACCEPT ? call_next_of_guest(call, &doing->actor) : NULL;
    struct call_deed deed = {.event = doing->event,
                             .next = next,
                             .reason = doing->reason,
                             .actor = &doing->actor,
                             .signal = doing->signal,
                             .bound = doing->bound,
                             .state = doing->state,
                             .target = &doing->target};
    call_act(call, &deed, call_was_acted, doing);
    json_decref(next);
}

/* SESSION: the field that has it, see call_request_actor(). */
static struct doing *doing_new(struct request *request, enum call_event event, const char *session)
{
    struct doing *doing = g_new0(struct doing, 1);
    doing->request = request;
    doing->event = event;
    doing->actor = call_request_actor(request, request_uuid(request, session));
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
    doing->bound = signal.bound;
    doing->given = given;
    if (!signal.passes) {
        request_reply_nothing(request);
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

static void call_transfer(struct request *request)
{
    if (!request_uuid(request, "session_id")) {
        call_hand_on(request);
        return;
    }
    struct doing *doing = doing_new(request, CALL_TRANSFER, "from_session");
    doing->target.session = *request_uuid(request, "session_id");
    doing_begin(doing);
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
     .fields = call_initiate_fields,
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
     .errors = NOT_NOW | OPERATION_ERROR(REFUSED),
     .summary = "Accepts a call that rings; the first device wins"},
    {.method = "POST",
     .path = "/api/calls/:call_id/answer",
     .toggle = TOGGLE_CALLS,
     .fields = call_fields,
     .handle = call_accept,
     .reply = "CallBegun",
     .errors = NOT_NOW | OPERATION_ERROR(REFUSED),
     .summary = "The same as accept"},
    {.method = "POST",
     .path = "/api/calls/answer",
     .toggle = TOGGLE_CALLS,
     .fields = call_body_fields,
     .handle = call_accept,
     .reply = "CallBegun",
     .errors = NOT_NOW | OPERATION_ERROR(REFUSED),
     .summary = "The same as accept"},
    {.method = "POST",
     .path = "/api/calls/:call_id/decline",
     .command = "call.decline",
     .fields = call_fields,
     .handle = call_decline,
     .reply = "Call|CallOffer",
     .errors = NOT_NOW,
     .summary = "Declines a call that rings"},
    {.method = "POST",
     .path = "/api/calls/decline",
     .fields = call_body_fields,
     .handle = call_decline,
     .reply = "Call|CallOffer",
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
     .reply = "CallBegun|Call|CallOffer",
     .errors = NOT_NOW | OPERATION_ERROR(REFUSED),
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
     .fields = call_transfer_fields,
     .handle = call_transfer,
     .reply = "Call",
     .errors = NOT_NOW | OPERATION_ERROR(REFUSED) | OPERATION_ERROR(FORBIDDEN) |
               OPERATION_ERROR(NOT_AVAILABLE),
     .summary = "Has the call go on at another socket of one's own, or hands it on to somebody "
                "else, once that has accepted"},
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
    job_conclude(job, error, false);
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
