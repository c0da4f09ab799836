/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The handler of all operations that have none of their own. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/options.h"
#include "bridge/account/account.h"
#include "bridge/account/revocation.h"
#include "bridge/core/audit.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/operation.h"
#include "bridge/core/request.h"
#include "bridge/core/request_row.h"
#include "bridge/view/json.h"
#include "bridge/view/rows.h"
#include "xep/0444_reactions.h"
#include "xep/jid.h"
#include "xep/name.h"
#include "xep/time.h"

#define PARAMETERS_MAX 8
#define READ_MAX (32 * 1024 * 1024) /* bytes of a reply; queries end a page long before */
#define CALLER "caller"

/* ---- Values ---------------------------------------------------------------------------------- */

static char *time_normal(const char *text)
{
    int64_t until;
    char stamp[CLOCK_TIMESTAMP_SIZE];
    if (!xep_time_parse(text, &until))
        return g_strdup(text); /* "forever" */
    clock_format(until, stamp);
    return g_strdup(stamp);
}

static char *place_normal(const char *text)
{
    static const char time[] = "time:";
    if (!g_str_has_prefix(text, time))
        return g_strdup(text);
    g_autofree char *normal = time_normal(text + strlen(time));
    return g_strconcat(time, normal, NULL);
}

/* TEXT of FIELD as it is meant. */
static char *text_normal(const struct field *field, const char *text)
{
    size_t max = field->maximum > 0 ? (size_t)field->maximum : G_MAXSIZE;
    if (field->flags & FIELD_JID)
        return jid_prepare(text);
    if (field->flags & (FIELD_UNTIL | FIELD_TIME))
        return time_normal(text);
    if (field->flags & FIELD_PLACE)
        return place_normal(text);
    if (field->flags & FIELD_EMOJI)
        return reaction_clean(text);
    if (field->flags & FIELD_LINE)
        return name_clean(text, max, NAME_LINE);
    if (field->flags & FIELD_PROSE)
        return name_clean(text, max, NAME_PROSE);
    return g_strdup(text);
}

/* The texts of VALUE as they are meant. */
static json_t *texts_json(const struct field *field, const struct field_value *value)
{
    size_t i;
    json_t *entry;
    if (!(field->flags & FIELD_LINE))
        return json_incref(value->list);
    json_t *list = json_array();
    json_array_foreach(value->list, i, entry)
    {
        g_autofree char *line = name_clean(json_string_value(entry), FIELD_LINES_EACH, NAME_LINE);
        if (line)
            json_array_append_new(list, json_string(line));
    }
    return list;
}

/* VALUE of FIELD as an argument; NULL: absent. */
static json_t *value_json(const struct field *field, const struct field_value *value)
{
    if (!value->present && !field->fallback)
        return NULL;
    switch (field->type) {
    case FIELD_INTEGER:
        return json_integer(value->integer);
    case FIELD_BOOLEAN:
        return json_boolean(value->integer);
    case FIELD_CHOICES:
    case FIELD_USERS:
    case FIELD_JSON:
        return json_incref(value->list);
    case FIELD_TEXTS:
        return texts_json(field, value);
    case FIELD_USER:
        return field_user_json(value);
    case FIELD_TEXT:
    case FIELD_UUID:
    case FIELD_CHOICE:
    default: {
        g_autofree char *text = value->text ? text_normal(field, value->text) : NULL;
        return text ? json_string(text) : json_null();
    }
    }
}

/* The same as a parameter: text that PostgreSQL reads; the caller frees it. */
static char *value_text(const struct field *field, const struct field_value *value)
{
    json_t *json = value_json(field, value);
    char *dump = NULL;
    char *text = NULL;
    if (json_is_string(json) && field->type != FIELD_USER)
        text = g_strdup(json_string_value(json));
    else if (json && !json_is_null(json))
        text = g_strdup(dump = json_dumps(json, JSON_ENCODE_ANY | JSON_COMPACT));
    free(dump);
    json_decref(json);
    return text;
}

/* ---- Reads ----------------------------------------------------------------------------------- */

/* Goes through what query_parameters() yields: the next name and type, newly allocated. */
static bool parameter_next(const char **names, char **ret_name, char **ret_type)
{
    const char *rest = *names;
    if (!*rest)
        return false;
    size_t name = strcspn(rest, " ");
    size_t type = strcspn(rest + name + 1, ",");
    *ret_name = g_strndup(rest, name);
    *ret_type = g_strndup(rest + name + 1, type);
    rest += name + 1 + type;
    *names = rest + strspn(rest, ", ");
    return true;
}

/* The field called NAME, or NULL. */
static const struct field *field_find(const struct operation *operation, const char *name)
{
    for (const struct field *field = operation->fields; field && field->name; field++) {
        if (strcmp(field->name, name) == 0)
            return field;
    }
    return NULL;
}

static void read_done(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    const struct operation *operation = request->operation;
    if (!operation->write) {
        (view_is(operation->reply) ? request_reply_view : request_reply_row)(rows, error, request);
        return;
    }
    g_auto(buffer) json = BUFFER_INIT(READ_MAX);
    if (error != ERROR_NONE || !operation->write(&json, request, rows))
        request_fail(request, error == ERROR_NONE ? ERROR_NOT_FOUND : error, NULL);
    else
        request_reply(request, 200, &json);
}

static char *parameter_value(const struct request *request, const char *name)
{
    if (strcmp(name, CALLER) == 0)
        return g_strdup(request->account->id_text);
    const struct field *field = field_find(request->operation, name);
    return value_text(field, &request->values[field - request->operation->fields]);
}

static void read_run(struct request *request)
{
    enum query query = (enum query)request->operation->read;
    const char *names = query_parameters(query);
    char *values[PARAMETERS_MAX] = {NULL};
    char *name, *type;
    for (size_t i = 0; i < PARAMETERS_MAX && parameter_next(&names, &name, &type); i++) {
        values[i] = parameter_value(request, name);
        g_free(name);
        g_free(type);
    }
    const char *const *borrowed = (const char *const *)values;
    if (request->operation->write || view_is(request->operation->reply))
        archive_query_binary(request->core->archive, query, borrowed, read_done, request);
    else
        archive_query(request->core->archive, query, borrowed, read_done, request);
    for (size_t i = 0; i < PARAMETERS_MAX; i++)
        g_free(values[i]);
}

/* ---- Changes --------------------------------------------------------------------------------- */

static json_t *arguments_of(const struct request *request)
{
    const struct operation *operation = request->operation;
    json_t *arguments = json_object();
    for (size_t i = 0; operation->fields && operation->fields[i].name; i++) {
        const struct field *field = &operation->fields[i];
        json_t *value = value_json(field, &request->values[i]);
        if (value)
            json_object_set_new(arguments, field->name, value);
        if (field->flags & FIELD_JID)
            json_object_set_new(arguments, "domain",
                                json_string(request->core->options->xmpp_domain));
    }
    if (operation->audit)
        json_object_set_new(arguments, "audit", audit_facts(request));
    json_t *once = operation->flags & OPERATION_ONCE ? change_once(request) : NULL;
    if (once)
        json_object_set_new(arguments, "once", once);
    return arguments;
}

/* An answer that is ready, and waits. */
struct held_answer {
    struct request *request;
    unsigned status;
    struct buffer json;
};

static void held_send(void *data)
{
    g_autofree struct held_answer *held = data;
    request_reply(held->request, held->status, &held->json);
}

/* Whoever is let in no more is let go of before RESULT is told. */
static void revoke_first(struct request *request, unsigned status,
                         const struct change_result *result)
{
    struct held_answer *held = g_new0(struct held_answer, 1);
    held->request = request;
    held->status = result->outcome == OUTCOME_DONE ? status : 200;
    buffer_init(&held->json, VIEW_OBJECT_MAX);
    view_json(&held->json, request->operation->reply, result->json);
    revocations_added(request->core->sessions, held_send, held);
}

static void change_answer(const struct change_result *result, void *data)
{
    struct request *request = data;
    const struct operation *operation = request->operation;
    unsigned status = operation->flags & (OPERATION_CREATES | OPERATION_MAKES) ? 201 : 200;
    if (change_succeeded(result) && operation->changed)
        operation->changed(request, result);
    if (change_succeeded(result) && (operation->flags & OPERATION_REVOKES))
        revoke_first(request, status, result);
    else if (operation->member)
        change_reply_member(request, status, result, operation->member);
    else
        change_reply(request, status, result);
}

static void operation_start(struct request *request)
{
    const struct operation *operation = request->operation;
    if (operation->handle)
        operation->handle(request);
    else if (operation->change)
        change_submit(request->core, operation->change,
                      request->account ? &request->account->id : NULL, arguments_of(request),
                      change_answer, request);
    else
        read_run(request);
}

/* ---- Roles ----------------------------------------------------------------------------------- */

static void role_read(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    if (error != ERROR_NONE)
        request_fail(request, error, NULL);
    else if (rows_count(rows) == 1 && rows_boolean(rows, 0, STAFF_HAS_HAS))
        operation_start(request);
    else
        request_fail(request, ERROR_FORBIDDEN, "this needs a role that the user does not have");
}

ARCHIVE_SAME_COLUMN(STAFF_HAS_HAS, AUDIT_ADMIT_ADMITTED);

/* What is not audited with what it does is, before it does it; the same statement asks the role. */
static void audit_first(struct request *request, const char *role)
{
    json_t *facts = audit_facts(request);
    char *text = json_dumps(facts, JSON_COMPACT);
    const char *values[] = {request->account ? request->account->id_text : NULL, role, text};
    archive_query(request->core->archive, QUERY_AUDIT_ADMIT, values, role_read, request);
    free(text);
    json_decref(facts);
}

void operation_run(struct request *request)
{
    const struct operation *operation = request->operation;
    const char *role = request->by_key || request->admin ? NULL : operation->role;
    if (operation->audit && !operation->change) {
        audit_first(request, role);
        return;
    }
    if (!role) {
        operation_start(request);
        return;
    }
    const char *values[] = {request->account->id_text, role};
    archive_query(request->core->archive, QUERY_STAFF_HAS, values, role_read, request);
}

void operation_run_form(struct request *request)
{
    const struct field *fields = request->operation->fields;
    struct field_source source = {.object = request->body, .everything_in_object = true};
    struct field_problem problem = {0};
    request_identify(request);
    if (fields && !fields_check(fields, &source, request->values, &problem))
        request_fail_field(request, &problem);
    else if (request_admit(request))
        operation_run(request);
}

/* ---- Mistakes in rows ------------------------------------------------------------------------ */

static bool type_fits(const struct field *field, const char *type)
{
    static const char *const types[][4] = {[FIELD_TEXT] = {"text"},
                                           [FIELD_UUID] = {"uuid", "text"},
                                           [FIELD_INTEGER] = {"int", "bigint"},
                                           [FIELD_BOOLEAN] = {"boolean"},
                                           [FIELD_CHOICE] = {"text"},
                                           [FIELD_CHOICES] = {"jsonb"},
                                           [FIELD_USERS] = {"jsonb"},
                                           [FIELD_TEXTS] = {"jsonb"},
                                           [FIELD_JSON] = {"jsonb"},
                                           [FIELD_USER] = {"jsonb"}};
    return g_strv_contains(types[field->type], type);
}

static bool has_caller(const struct operation *operation)
{
    return !(operation->flags & (OPERATION_ANONYMOUS | OPERATION_SERVER_KEY));
}

static char *parameter_problem(const struct operation *operation, const char *name,
                               const char *type)
{
    const struct field *field = field_find(operation, name);
    if (strcmp(name, CALLER) == 0)
        return has_caller(operation) ? NULL : g_strdup("has no caller");
    if (!field)
        return g_strdup_printf("has no field for the parameter %s", name);
    if (!type_fits(field, type))
        return g_strdup_printf("has a field %s that is no %s", name, type);
    return NULL;
}

static char *read_problem(const struct operation *operation)
{
    const char *names = query_parameters((enum query)operation->read);
    char *problem = NULL;
    char *name, *type;
    size_t count = 0, bound = 0;
    while (!problem && parameter_next(&names, &name, &type)) {
        problem = parameter_problem(operation, name, type);
        count += strcmp(name, CALLER) != 0;
        g_free(name);
        g_free(type);
    }
    for (const struct field *field = operation->fields; field && field->name; field++)
        bound += !(field->flags & FIELD_NOT_BOUND);
    if (!problem && count != bound)
        problem = g_strdup("has fields that its query does not know");
    return problem;
}

char *operation_problem(const struct operation *operation)
{
    size_t fields = 0;
    for (; operation->fields && operation->fields[fields].name; fields++) {
        if (field_find(operation, operation->fields[fields].name) != &operation->fields[fields])
            return g_strdup_printf("has two fields %s", operation->fields[fields].name);
    }
    int ways =
        (operation->read != QUERY_NONE) + (operation->change != NULL) + (operation->handle != NULL);
    if (ways != 1)
        return g_strdup("is not exactly one of a read, a change and a handler");
    if (fields > REQUEST_VALUES_MAX)
        return g_strdup("has too many fields");
    if (operation->change && !has_caller(operation) && !operation->role)
        return g_strdup("changes something, and has no caller");
    return operation->read != QUERY_NONE ? read_problem(operation) : NULL;
}
