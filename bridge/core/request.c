/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers to requests, and the problem object (RFC 9457) that every failure is told with. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/metrics.h"
#include "bridge/core/core.h"
#include "bridge/core/request.h"
#include "xep/jid.h"

/* Details and pointers are short; a problem that does not fit is a mistake of ours. */
#define PROBLEM_MAX 4096

unsigned operation_errors(const struct operation *operation)
{
    unsigned errors = operation->errors | OPERATION_ERROR(BAD_REQUEST) |
                      OPERATION_ERROR(TOO_LARGE) | OPERATION_ERROR(UPLOAD_TIMEOUT) |
                      OPERATION_ERROR(TARGET_TOO_LONG) | OPERATION_ERROR(UNSUPPORTED_TYPE) |
                      OPERATION_ERROR(HEADERS_TOO_LARGE) | OPERATION_ERROR(UNPROCESSABLE) |
                      OPERATION_ERROR(RATE_LIMITED) | OPERATION_ERROR(INTERNAL) |
                      OPERATION_ERROR(UNAVAILABLE);
    if (!(operation->flags & OPERATION_ANONYMOUS))
        errors |= OPERATION_ERROR(UNAUTHENTICATED) | OPERATION_ERROR(FORBIDDEN) |
                  OPERATION_ERROR(NOT_FOUND); /* nobody there for a server key to act for */
    if ((operation->flags & OPERATION_HOSTED) || operation->limit == LIMIT_MESSAGES)
        errors |= OPERATION_ERROR(NOT_AVAILABLE);
    if (operation->toggle != TOGGLE_NONE)
        errors |= OPERATION_ERROR(NOT_AVAILABLE);
    for (const struct field *field = operation->fields; field && field->name; field++) {
        if (field->flags & FIELD_IN_PATH)
            errors |= OPERATION_ERROR(NOT_FOUND);
    }
    return errors;
}

const struct field_value *request_value(const struct request *request, const char *name)
{
    return field_value(request->operation->fields, request->values, name);
}

const char *request_text(const struct request *request, const char *name)
{
    return request_value(request, name)->text;
}

gint64 request_integer(const struct request *request, const char *name)
{
    return request_value(request, name)->integer;
}

const struct uuid *request_uuid(const struct request *request, const char *name)
{
    const struct field_value *value = request_value(request, name);
    return value->present ? &value->uuid : NULL;
}

char *request_jid(const struct request *request, const char *name)
{
    const char *text = request_text(request, name);
    return text ? jid_prepare(text) : NULL;
}

void request_reply(struct request *request, unsigned status, struct buffer *json)
{
    request->transport->reply(request, status, json);
}

void request_reply_nothing(struct request *request)
{
    g_auto(buffer) nothing = BUFFER_INIT(0);
    request_reply(request, 204, &nothing);
}

void request_add_header(struct request *request, const char *name, const char *value)
{
    guint count = request->headers ? g_strv_length(request->headers) : 0;
    g_return_if_fail(count < 32);
    request->headers = g_renew(char *, request->headers, count + 3);
    request->headers[count] = g_strdup(name);
    request->headers[count + 1] = g_strdup(value);
    request->headers[count + 2] = NULL;
}

void request_watch(struct request *request, void (*left)(struct request *request))
{
    if (request->transport->watch)
        request->transport->watch(request, left);
}

void request_read_body(struct request *request, const struct body_reader *reader)
{
    g_return_if_fail(request->operation->raw_stream > 0);
    request->transport->read_body(request, reader);
}

void request_body_resume(struct request *request)
{
    request->transport->resume_body(request);
}

void request_fail_body(struct request *request, enum error_code error)
{
    if (error == ERROR_TOO_LARGE)
        request_fail_large(request, "the body is too large",
                           (gint64)request->operation->raw_stream);
    else
        request_fail(request, error, NULL);
}

void request_reply_bytes(struct request *request, const struct reply_bytes *content)
{
    if (request->transport->reply_bytes)
        request->transport->reply_bytes(request, content);
    else
        request_fail(request, ERROR_UNPROCESSABLE, "not here; use the REST route");
}

static void problem_answer(struct request *request, struct problem problem)
{
    g_auto(buffer) text = BUFFER_INIT(PROBLEM_MAX);
    problem.request_id = request->id;
    if (request->operation && request->operation->limit == LIMIT_MESSAGES)
        metric_add_of(METRIC_MESSAGES_FAILED, error_info(problem.code)->code, 1);
    problem_write(&text, &problem);
    request->transport->fail(request, problem.code, &text);
}

void request_fail(struct request *request, enum error_code code, const char *detail)
{
    problem_answer(request, (struct problem){.code = code, .detail = detail});
}

void request_fail_field(struct request *request, const struct field_problem *problem)
{
    problem_answer(request, (struct problem){.code = problem->code,
                                             .detail = problem->detail,
                                             .pointer = problem->pointer});
}

bool request_refuse_field(struct request *request, const char *name, const char *detail)
{
    struct field_problem problem = {.code = ERROR_UNPROCESSABLE, .detail = detail};
    g_snprintf(problem.pointer, sizeof problem.pointer, "/%s", name);
    request_fail_field(request, &problem);
    return false;
}

void request_fail_reason(struct request *request, enum error_code code, const char *reason)
{
    problem_answer(request, (struct problem){.code = code, .detail = reason, .reason = reason});
}

void request_fail_large(struct request *request, const char *detail, gint64 limit)
{
    problem_answer(request,
                   (struct problem){.code = ERROR_TOO_LARGE, .detail = detail, .limit = limit});
}

void request_fail_type(struct request *request, const char *detail, const char *const *supported)
{
    problem_answer(
        request,
        (struct problem){.code = ERROR_UNSUPPORTED_TYPE, .detail = detail, .supported = supported});
}

/* ---- Limits ---------------------------------------------------------------------------------- */

static bool refuse_limited(struct request *request)
{
    char detail[128];
    g_snprintf(detail, sizeof detail,
               "the limit \"%s\" is used up; try again in %" G_GINT64_FORMAT " s",
               limit_name(request->limit.limit), limit_retry_seconds(&request->limit));
    request_fail(request, ERROR_RATE_LIMITED, detail);
    return false;
}

static bool take_of(struct request *request, const struct uuid *subject, enum limit limit)
{
    return limiter_take(request->core->limiter, subject, limit, &request->limit) ||
           refuse_limited(request);
}

bool request_take(struct request *request, enum limit limit)
{
    const struct account *account = request->account;
    if (!account || request->by_key || limit_is_waived(request->core->limiter, account, limit))
        return true;
    return take_of(request, &account->id, limit);
}

void request_fail_limited(struct request *request, enum limit limit)
{
    if (!request_take(request, limit))
        return;
    /* There is one again just now. */
    limit_release(request->core->limiter, request->account, limit);
    request_fail(request, ERROR_RATE_LIMITED, NULL);
}

static bool request_charge(struct request *request)
{
    if (request->by_key)
        return take_of(request, &request->grant.credential, LIMIT_SERVER);
    return request_take(request, request->operation->limit);
}

/* What the account, whose server is another one, cannot do because of that; NULL: nothing. */
static const char *account_lacks(const struct request *request)
{
    const struct core *core = request->core;
    const struct account *account = request->account;
    if (!account || !account->bound)
        return NULL;
    if (request->operation->flags & OPERATION_HOSTED)
        return "this is for accounts that live here";
    if ((request->operation->limit == LIMIT_MESSAGES || request->operation->limit == LIMIT_CALLS) &&
        (!core->bound_lacks || core->bound_lacks(core, account)))
        return "the account's server binds no sessions";
    return NULL;
}

bool request_admit(struct request *request)
{
    const char *lack = account_lacks(request);
    const struct account *account = request->account;
    enum toggle toggle = request->operation->toggle;
    char detail[128];
    if (!request_charge(request))
        return false;
    if (lack) {
        request_fail(request, ERROR_NOT_AVAILABLE, lack);
        return false;
    }
    if (toggle_is_on(request->core, toggle, account ? &account->id : NULL))
        return true;
    g_snprintf(detail, sizeof detail, "the feature \"%s\" is switched off", toggle_name(toggle));
    request_fail(request, ERROR_NOT_AVAILABLE, detail);
    return false;
}

void request_identify(struct request *request)
{
    uuid_generate_text(request->id);
}

/* ---- The problem object ---------------------------------------------------------------------- */

static void write_errors(struct json_writer *json, const char *pointer, const char *detail)
{
    json_key(json, "errors");
    json_begin_array(json);
    json_begin_object(json);
    json_member_string(json, "pointer", pointer);
    if (detail)
        json_member_string(json, "detail", detail);
    json_end_object(json);
    json_end_array(json);
}

static void write_supported(struct json_writer *json, const char *const *supported)
{
    json_key(json, "supported");
    json_begin_array(json);
    for (; *supported; supported++)
        json_put_string(json, *supported);
    json_end_array(json);
}

void problem_write(struct buffer *buf, const struct problem *problem)
{
    const struct error_info *info = error_info(problem->code);
    /* These two must not tell one cause from another (design: one body, byte for byte). */
    bool opaque = problem->code == ERROR_NOT_FOUND || problem->code == ERROR_REFUSED;
    struct json_writer json;
    json_writer_init(&json, buf);
    json_begin_object(&json);
    json_key(&json, "type");
    char type[64];
    g_snprintf(type, sizeof type, "urn:trestle:problem:%s", info->code);
    json_put_string(&json, type);
    json_member_string(&json, "title", info->title);
    json_member_integer(&json, "status", info->http_status);
    json_member_string(&json, "code", info->code);
    if (problem->detail && !opaque)
        json_member_string(&json, "detail", problem->detail);
    if (problem->request_id)
        json_member_string(&json, "request_id", problem->request_id);
    if (problem->reason && !opaque)
        json_member_string(&json, "error_reason", problem->reason);
    if (problem->limit > 0)
        json_member_integer(&json, "limit", problem->limit);
    if (problem->supported)
        write_supported(&json, problem->supported);
    if (problem->pointer && problem->pointer[0] && !opaque)
        write_errors(&json, problem->pointer, problem->detail);
    json_end_object(&json);
}
