/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands as a transport of operations. Who asks is found out anew for each stanza, so that
 * whoever loses a role in the middle of a command does not get to its end. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/adhoc/caller.h"
#include "bridge/adhoc/command.h"
#include "bridge/adhoc/form.h"
#include "bridge/adhoc/result.h"
#include "bridge/adhoc/session.h"
#include "bridge/core/core.h"
#include "bridge/core/operation.h"
#include "bridge/core/request.h"
#include "xep/0050_commands.h"

struct running {
    struct request request; /* first: transports cast */
    xmpp_stanza_t *iq;      /* reference */
    char *admin;
    struct adhoc_session *session;
};

/* ---- What there is --------------------------------------------------------------------------- */

static const struct operation *operation_find(const struct core *core,
                                              const struct adhoc_caller *caller, const char *node)
{
    struct operation_walk walk = {core->operations, NULL};
    const struct operation *row;
    while ((row = operation_next(&walk))) {
        if (row->adhoc && strcmp(row->adhoc->node, node) == 0)
            return caller_may(caller, row) ? row : NULL;
    }
    return NULL;
}

const char *command_name(const struct core *core, const struct adhoc_caller *caller,
                         const char *node)
{
    const struct operation *operation = operation_find(core, caller, node);
    return operation ? operation->adhoc->name : NULL;
}

GArray *command_items(const struct core *core, const struct adhoc_caller *caller, const char *jid)
{
    GArray *items = g_array_new(FALSE, FALSE, sizeof(struct disco_item));
    struct operation_walk walk = {core->operations, NULL};
    const struct operation *row;
    while ((row = operation_next(&walk))) {
        struct disco_item item = {.jid = jid};
        if (!caller_may(caller, row))
            continue;
        item.node = row->adhoc->node;
        item.name = row->adhoc->name;
        g_array_append_val(items, item);
    }
    return items;
}

/* ---- Answers --------------------------------------------------------------------------------- */

static void reply_send(struct core *core, xmpp_stanza_t *reply)
{
    g_autoptr(xmpp_stanza_t) owned = reply;
    if (owned)
        stanza_out(core, owned);
}

static void error_send(struct core *core, xmpp_stanza_t *iq, enum error_code code, const char *text)
{
    const struct error_info *info = error_info(code);
    reply_send(core, stanza_reply_error(iq, info->type, info->condition, text));
}

/* The form that SESSION waits for, with NOTE (NULL: none), which says what was wrong. */
static void form_send(struct core *core, xmpp_stanza_t *iq, const struct adhoc_session *session,
                      const char *note)
{
    unsigned count = form_count(session->operation);
    bool last = session->form >= count;
    g_autoptr(data_form) form = form_build(session->operation, session->form, session->values);
    struct command_answer answer = {.node = session->operation->adhoc->node,
                                    .session = session->id,
                                    .status = "executing",
                                    .usual = last ? COMMAND_COMPLETE : COMMAND_NEXT,
                                    .note = note,
                                    .note_type = "error",
                                    .form = form};
    answer.actions = answer.usual | (session->form > 1 ? COMMAND_PREV : 0);
    reply_send(core, command_build_result(iq, &answer));
}

static void end_send(struct core *core, xmpp_stanza_t *iq, const struct adhoc_session *session,
                     struct command_answer answer)
{
    answer.node = session->operation->adhoc->node;
    answer.session = session->id;
    reply_send(core, command_build_result(iq, &answer));
}

/* ---- As a transport -------------------------------------------------------------------------- */

static void running_free(struct running *running)
{
    xmpp_stanza_release(running->iq);
    json_decref(running->request.body);
    account_unref(running->request.account);
    g_free(running->request.set_cookie);
    g_free(running->admin);
    g_free(running);
}

static void transport_reply(struct request *request, unsigned status, struct buffer *json)
{
    struct running *running = (struct running *)(void *)request;
    (void)status;
    json_t *reply =
        json->length > 0 && !json->overflow ? json_loadb(json->data, json->length, 0, NULL) : NULL;
    g_autoptr(data_form) form = result_build(request->operation, reply);
    g_autofree char *more = result_note(reply);
    struct command_answer answer = {.status = "completed",
                                    .note = more   ? more
                                            : form ? NULL
                                                   : "Done.",
                                    .form = form};
    if (json->overflow) {
        answer.note = "The answer is too long; ask for less.";
        answer.note_type = "error";
    }
    end_send(request->core, running->iq, running->session, answer);
    buffer_clear(json);
    json_decref(reply);
    adhoc_session_end(running->session);
    running_free(running);
}

/* "Until: is not a time (RFC 3339)"; the caller frees it. */
static char *problem_text(const json_t *problem)
{
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *title = json_string_value(json_object_get(problem, "title"));
    const char *pointer = json_string_value(
        json_object_get(json_array_get(json_object_get(problem, "errors"), 0), "pointer"));
    g_autofree char *label = pointer && pointer[0] == '/' ? form_label(pointer + 1) : NULL;
    if (label && detail)
        return g_strdup_printf("%s: %s", label, detail);
    return g_strdup(detail ? detail : title ? title : "That did not work");
}

/* What the one who asks can mend is asked for again; the rest ends the command. */
static bool can_be_mended(const struct adhoc_session *session, enum error_code code)
{
    return form_count(session->operation) > 0 &&
           (code == ERROR_UNPROCESSABLE || code == ERROR_NOT_FOUND || code == ERROR_CONFLICT);
}

static void transport_fail(struct request *request, enum error_code code, struct buffer *text)
{
    struct running *running = (struct running *)(void *)request;
    struct adhoc_session *session = running->session;
    json_t *problem = text->data ? json_loadb(text->data, text->length, 0, NULL) : NULL;
    g_autofree char *note = problem_text(problem);
    session->is_running = false;
    if (can_be_mended(session, code)) {
        session->form = 1;
        form_send(request->core, running->iq, session, note);
    } else {
        error_send(request->core, running->iq, code, note);
        adhoc_session_end(session);
    }
    json_decref(problem);
    buffer_clear(text);
    running_free(running);
}

static const struct request_transport transport = {
    .door = "xmpp", .reply = transport_reply, .fail = transport_fail};

/* ---- Running --------------------------------------------------------------------------------- */

static void operation_begin(struct core *core, const struct adhoc_caller *caller, xmpp_stanza_t *iq,
                            struct adhoc_session *session)
{
    struct running *running = g_new0(struct running, 1);
    struct request *request = &running->request;
    running->iq = xmpp_stanza_clone(iq);
    running->session = session;
    *request = (struct request){.transport = &transport,
                                .operation = session->operation,
                                .core = core,
                                .body = json_incref(session->values)};
    if (caller->is_operator && session->operation->role)
        request->admin = running->admin = g_strdup(caller->bare);
    else
        request->account = account_ref(caller->account);
    session->is_running = true;
    operation_run_form(request);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

static void step_back(struct core *core, xmpp_stanza_t *iq, struct adhoc_session *session,
                      const struct data_form *form)
{
    struct field_problem ignored;
    if (form) /* what was filled in is kept, be it right or wrong */
        form_read(session->operation, session->form, form, session->values, &ignored);
    session->form--;
    form_send(core, iq, session, NULL);
}

static void step_on(struct core *core, const struct adhoc_caller *caller, xmpp_stanza_t *iq,
                    struct adhoc_session *session, const struct data_form *form)
{
    struct field_problem problem = {0};
    if (!form_read(session->operation, session->form, form, session->values, &problem)) {
        g_autofree char *label = form_label(*problem.pointer ? problem.pointer + 1 : "form");
        g_autofree char *note = g_strdup_printf("%s: %s", label, problem.detail);
        form_send(core, iq, session, note);
        return;
    }
    if (session->form >= form_count(session->operation)) {
        operation_begin(core, caller, iq, session);
        return;
    }
    session->form++;
    form_send(core, iq, session, NULL);
}

static void session_go_on(struct core *core, const struct adhoc_caller *caller, xmpp_stanza_t *iq,
                          const struct command_request *asked, struct adhoc_session *session)
{
    bool last = session->form >= form_count(session->operation);
    unsigned allowed =
        (last ? COMMAND_COMPLETE : COMMAND_NEXT) | (session->form > 1 ? COMMAND_PREV : 0);
    g_autoptr(data_form) form = asked->form ? data_form_parse(asked->form) : NULL;
    bool gives_up = form && g_strcmp0(form->type, "cancel") == 0;
    if (asked->action == COMMAND_CANCEL || (gives_up && asked->action == COMMAND_EXECUTE)) {
        end_send(core, iq, session, (struct command_answer){.status = "canceled"});
        adhoc_session_end(session);
    } else if (asked->action != COMMAND_EXECUTE && !(asked->action & allowed)) {
        reply_send(core, command_build_error(iq, "bad-action", "this step does not have that"));
    } else if (asked->action == COMMAND_PREV) {
        step_back(core, iq, session, form);
    } else if (!form && form_count(session->operation) > 0 && !last) {
        reply_send(core, command_build_error(iq, "bad-payload", "the form is missing"));
    } else {
        step_on(core, caller, iq, session, form);
    }
}

static void session_begin(struct core *core, const struct adhoc_caller *caller, xmpp_stanza_t *iq,
                          const struct command_request *asked, const struct operation *operation)
{
    if (asked->action != COMMAND_EXECUTE && asked->action != COMMAND_NEXT) {
        reply_send(core, command_build_error(
                             iq, asked->action == COMMAND_CANCEL ? "bad-sessionid" : "bad-action",
                             "there is no such session"));
        return;
    }
    struct adhoc_session *session = adhoc_session_new(caller->address, operation);
    if (!session)
        error_send(core, iq, ERROR_UNAVAILABLE, "too many commands are under way");
    else if (form_count(operation) == 0)
        operation_begin(core, caller, iq, session);
    else
        form_send(core, iq, session, NULL);
}

static void operation_serve(struct core *core, const struct adhoc_caller *caller, xmpp_stanza_t *iq,
                            const struct command_request *asked, const struct operation *operation)
{
    struct adhoc_session *session = NULL;
    if (!asked->session) {
        session_begin(core, caller, iq, asked, operation);
        return;
    }
    switch (adhoc_session_find(asked->session, caller->address, operation, &session)) {
    case SESSION_FOUND:
        session_go_on(core, caller, iq, asked, session);
        return;
    case SESSION_EXPIRED:
        reply_send(core, command_build_error(iq, "session-expired", "begin anew"));
        return;
    case SESSION_UNKNOWN:
    default:
        reply_send(core, command_build_error(iq, "bad-sessionid", "there is no such session"));
    }
}

void command_serve(struct core *core, const struct adhoc_caller *caller, xmpp_stanza_t *iq)
{
    struct command_request asked = {0};
    enum command_fault fault = command_parse(iq, &asked);
    const struct operation *operation =
        asked.node ? operation_find(core, caller, asked.node) : NULL;
    if (!caller_is_somebody(core, caller))
        error_send(core, iq, ERROR_REFUSED, NULL);
    else if (fault == COMMAND_NONE)
        error_send(core, iq, ERROR_BAD_REQUEST, NULL);
    else if (!operation)
        error_send(core, iq, ERROR_NOT_FOUND, NULL);
    else if (fault == COMMAND_MALFORMED_ACTION)
        reply_send(core, command_build_error(iq, "malformed-action", NULL));
    else if (fault == COMMAND_BAD_PAYLOAD)
        reply_send(core, command_build_error(iq, "bad-payload", NULL));
    else
        operation_serve(core, caller, iq, &asked, operation);
}
