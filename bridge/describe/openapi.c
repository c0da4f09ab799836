/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The REST API as an OpenAPI 3.1 document. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/core/request.h"
#include "bridge/describe/describe.h"
#include "bridge/describe/openapi.h"
#include "bridge/describe/schema.h"

#define IN_PARAMETERS FIELD_IN_HEAD

/* ---- Requests -------------------------------------------------------------------------------- */

/* "/api/x/:id" as "/api/x/{id}". */
static char *template_of(const char *path)
{
    GString *out = g_string_new(NULL);
    g_auto(GStrv) segments = g_strsplit(path + 1, "/", -1);
    for (size_t i = 0; segments[i]; i++) {
        if (segments[i][0] == ':')
            g_string_append_printf(out, "/{%s}", segments[i] + 1);
        else
            g_string_append_printf(out, "/%s", segments[i]);
    }
    return g_string_free(out, FALSE);
}

/* "get_conversations_conversation_id" */
static char *id_of(const struct operation *operation)
{
    g_autofree char *method = g_ascii_strdown(operation->method, -1);
    const char *path = operation->path;
    if (g_str_has_prefix(path, "/api/"))
        path += strlen("/api");
    GString *id = g_string_new(method);
    for (const char *p = path; *p; p++) {
        if (*p != ':')
            g_string_append_c(id, g_ascii_isalnum(*p) ? *p : '_');
    }
    return g_string_free(id, FALSE);
}

/* The first segment below /api. */
static json_t *tag_of(const struct operation *operation)
{
    g_auto(GStrv) segments = g_strsplit(operation->path, "/", 4);
    return json_string(g_strv_length(segments) > 2 ? segments[2] : "other");
}

/* "Upload-Offset" for upload_offset. */
static char *header_of(const char *field)
{
    char *name = g_strdup(field);
    bool begins = true;
    for (char *p = name; *p; p++) {
        *p = *p == '_' ? '-' : begins ? g_ascii_toupper(*p) : *p;
        begins = *p == '-';
    }
    return name;
}

static json_t *parameter_new(const struct field *field)
{
    bool in_path = (field->flags & FIELD_IN_PATH) != 0;
    bool in_header = (field->flags & FIELD_IN_HEADER) != 0;
    g_autofree char *name = in_header ? header_of(field->name) : g_strdup(field->name);
    return json_pack("{s:s, s:s, s:b, s:o}", "name", name, "in",
                     in_path     ? "path"
                     : in_header ? "header"
                                 : "query",
                     "required", in_path || (field->flags & FIELD_REQUIRED) != 0, "schema",
                     schema_of_field(field, false));
}

static json_t *parameters_of(const struct operation *operation)
{
    json_t *list = json_array();
    for (const struct field *field = operation->fields; field && field->name; field++) {
        if (field->flags & IN_PARAMETERS)
            json_array_append_new(list, parameter_new(field));
        if (field->flags & FIELD_LAST_EVENT)
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "name", "Last-Event-ID",
                                                  "in", "header", "description",
                                                  "Goes before the parameter of the query",
                                                  "schema", schema_of_field(field, false)));
        if (field->flags & FIELD_IDEMPOTENCY)
            json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:o}", "name", "Idempotency-Key",
                                                  "in", "header", "description",
                                                  "Stands in for a member that the body lacks",
                                                  "schema", schema_of_field(field, false)));
    }
    if (operation->flags & OPERATION_ONCE)
        json_array_append_new(list, describe_reference("#/components/parameters/IdempotencyKey"));
    if (!(operation->flags & (OPERATION_ANONYMOUS | OPERATION_SERVER_KEY)))
        json_array_append_new(list, describe_reference("#/components/parameters/TrestleUser"));
    return list;
}

/* What is not JSON. Generators of clients leave out operations whose content has no schema. */
static json_t *bytes_of(const char *media_type)
{
    bool is_text =
        strncmp(media_type, "text/", 5) == 0 || strcmp(media_type, "application/x-ndjson") == 0;
    return json_pack("{s:{s:{s:s, s:s*}}}", media_type, "schema", "type", "string", "format",
                     is_text ? NULL : "binary");
}

/* NULL when no field comes in the body. */
static json_t *body_of(const struct operation *operation)
{
    if (operation->raw_stream > 0)
        return json_pack("{s:b, s:o}", "required", 1, "content",
                         bytes_of(operation->raw_type ? operation->raw_type : "image/*"));
    json_t *schema = schema_of_fields(operation->fields, IN_PARAMETERS);
    bool required = json_array_size(json_object_get(schema, "required")) > 0 ||
                    json_object_get(schema, "oneOf");
    if (json_object_size(json_object_get(schema, "properties")) == 0) {
        json_decref(schema);
        return NULL;
    }
    return json_pack("{s:b, s:{s:{s:o}}}", "required", required, "content", "application/json",
                     "schema", schema);
}

static json_t *security_of(const struct operation *operation)
{
    if (operation->flags & OPERATION_ANONYMOUS)
        return json_array();
    if (operation->flags & OPERATION_SERVER_KEY)
        return json_pack("[{s:[s]}]", "serverKey", operation->scope);
    json_t *ways = json_pack("[{s:[]}, {s:[]}, {s:[s]}]", "token", "session", "serverKey",
                             operation->scope ? operation->scope : "send");
    if (strcmp(operation->method, "GET") != 0)
        json_object_set_new(json_array_get(ways, 1), "csrf", json_array());
    return ways;
}

/* ---- Replies --------------------------------------------------------------------------------- */

static void add_limit_headers(json_t *headers)
{
    json_object_set_new(headers, "RateLimit-Policy",
                        describe_reference("#/components/headers/RateLimitPolicy"));
    json_object_set_new(headers, "RateLimit", describe_reference("#/components/headers/RateLimit"));
}

/* A list also comes as the bare array of its items: those of the first of several forms. */
static json_t *json_content_of(const struct operation *operation)
{
    json_t *content =
        json_pack("{s:{s:o}}", "application/json", "schema", schema_of_type(operation->reply));
    g_autofree char *first = g_strndup(operation->reply, strcspn(operation->reply, "|"));
    if (operation->flags & OPERATION_LISTS)
        json_object_set_new(
            content, "application/json; profile=array",
            json_pack("{s:o}", "schema",
                      describe_reference("#/components/schemas/%s/properties/items", first)));
    return content;
}

static json_t *success_of(const struct operation *operation, const char *description)
{
    json_t *headers =
        json_pack("{s:o}", "Request-Id", describe_reference("#/components/headers/RequestId"));
    if (operation->limit != LIMIT_NONE && !(operation->flags & OPERATION_ANONYMOUS))
        add_limit_headers(headers);
    json_t *response = json_pack("{s:s, s:o}", "description", description, "headers", headers);
    if (describe_is_silent(operation))
        return response;
    if (strchr(operation->reply, '/'))
        json_object_set_new(response, "content", bytes_of(operation->reply));
    else
        json_object_set_new(response, "content", json_content_of(operation));
    return response;
}

static json_t *responses_of(const struct operation *operation)
{
    json_t *responses = json_object();
    unsigned errors = operation_errors(operation);
    if (describe_is_silent(operation))
        json_object_set_new(responses, "204", success_of(operation, "Done; there is no body"));
    else if (!(operation->flags & OPERATION_MAKES))
        json_object_set_new(responses, "200", success_of(operation, "Done"));
    bool ranges = (errors & OPERATION_ERROR(RANGE)) != 0;
    if (ranges)
        json_object_set_new(responses, "206", success_of(operation, "The part that Range names"));
    if (ranges || (operation->reply && g_str_has_prefix(operation->reply, "image/")))
        json_object_set_new(responses, "304",
                            json_pack("{s:s}", "description", "The client has it"));
    if (operation->flags & (OPERATION_CREATES | OPERATION_MAKES))
        json_object_set_new(responses, "201", success_of(operation, "Made"));
    if (operation->flags & OPERATION_LATER)
        json_object_set_new(responses, "202", success_of(operation, "An event will tell"));
    for (enum error_code code = ERROR_NONE + 1; code < ERROR_MAX; code++) {
        char status[8];
        g_snprintf(status, sizeof status, "%u", error_info(code)->http_status);
        if (errors & (1u << code))
            json_object_set_new(responses, status,
                                describe_reference("#/components/responses/Problem%s", status));
    }
    return responses;
}

/* The problem codes that OPERATION may answer with. */
static json_t *codes_of(const struct operation *operation)
{
    json_t *codes = json_array();
    unsigned errors = operation_errors(operation);
    for (enum error_code code = ERROR_NONE + 1; code < ERROR_MAX; code++) {
        if (errors & (1u << code))
            json_array_append_new(codes, json_string(error_info(code)->code));
    }
    return codes;
}

static json_t *operation_new(const struct operation *operation)
{
    g_autofree char *id = id_of(operation);
    return json_pack("{s:s, s:s*, s:[o], s:o, s:o, s:o*, s:o, s:o, s:s*}", "operationId", id,
                     "summary", operation->summary, "tags", tag_of(operation), "security",
                     security_of(operation), "parameters", parameters_of(operation), "requestBody",
                     body_of(operation), "responses", responses_of(operation), "x-codes",
                     codes_of(operation), "x-command", operation->command);
}

static json_t *paths_new(const struct operation *const *operations)
{
    json_t *paths = json_object();
    struct operation_walk walk = {operations, NULL};
    const struct operation *row;
    while ((row = operation_next(&walk))) {
        if (!row->method)
            continue;
        g_autofree char *path = template_of(row->path);
        g_autofree char *method = g_ascii_strdown(row->method, -1);
        if (!json_object_get(paths, path))
            json_object_set_new(paths, path, json_object());
        json_object_set_new(json_object_get(paths, path), method, operation_new(row));
    }
    return paths;
}

/* ---- Components ------------------------------------------------------------------------------ */

static json_t *header_new(const char *description, const char *type)
{
    return json_pack("{s:s, s:o}", "description", description, "schema", schema_of_type(type));
}

static json_t *headers_new(void)
{
    json_t *id = header_new("The id of this request in the log", "uuid");
    json_t *retry = header_new("Seconds to wait before asking again", "integer");
    json_object_set_new(id, "required", json_true());
    json_object_set_new(retry, "required", json_true());
    json_t *policy =
        header_new("The limit that this counts for: \"name\";q=COUNT;w=SECONDS", "text");
    json_t *limit = header_new("What is left of it: \"name\";r=LEFT;t=SECONDS", "text");
    return json_pack("{s:o, s:o, s:o, s:o}", "RequestId", id, "RetryAfter", retry,
                     "RateLimitPolicy", policy, "RateLimit", limit);
}

static json_t *problem_response(const char *description, unsigned status)
{
    json_t *headers =
        json_pack("{s:o}", "Request-Id", describe_reference("#/components/headers/RequestId"));
    if (status == 429 || status == 503)
        json_object_set_new(headers, "Retry-After",
                            describe_reference("#/components/headers/RetryAfter"));
    if (status == 429)
        add_limit_headers(headers);
    return json_pack("{s:s, s:o, s:{s:{s:o}}}", "description", description, "headers", headers,
                     "content", "application/problem+json", "schema", schema_of_type("Problem"));
}

/* One response for each status of the error table; its description names the codes. */
static json_t *problem_responses(void)
{
    json_t *responses = json_object();
    for (enum error_code code = ERROR_NONE + 1; code < ERROR_MAX; code++) {
        unsigned status = error_info(code)->http_status;
        g_autofree char *name = g_strdup_printf("Problem%u", status);
        if (json_object_get(responses, name))
            continue;
        g_autoptr(GString) description = g_string_new(NULL);
        for (enum error_code other = code; other < ERROR_MAX; other++) {
            const struct error_info *info = error_info(other);
            if (info->http_status == status)
                g_string_append_printf(description, "%s`%s`: %s", description->len ? "; " : "",
                                       info->code, info->title);
        }
        json_object_set_new(responses, name, problem_response(description->str, status));
    }
    return responses;
}

static json_t *security_schemes(void)
{
    json_t *token = json_pack("{s:s, s:s, s:s, s:s}", "type", "http", "scheme", "bearer",
                              "bearerFormat", "JWT", "description", "A token of an app user");
    json_t *key = json_pack("{s:s, s:s, s:s}", "type", "http", "scheme", "bearer", "description",
                            "A server key of an app's backend (tsk_…); the scopes are its own");
    json_t *session = json_pack("{s:s, s:s, s:s, s:s}", "type", "apiKey", "in", "cookie", "name",
                                "trestle_session", "description",
                                "The cookie of POST /api/session; the Origin must be one that may "
                                "use cookies");
    json_t *csrf = json_pack("{s:s, s:s, s:s, s:s}", "type", "apiKey", "in", "header", "name",
                             "X-CSRF-Token", "description", "csrf_token of that session");
    return json_pack("{s:o, s:o, s:o, s:o}", "token", token, "session", session, "csrf", csrf,
                     "serverKey", key);
}

static json_t *parameters_new(void)
{
    json_t *user =
        json_pack("{s:s, s:s, s:s, s:o}", "name", "Trestle-User", "in", "header", "description",
                  "With a server key: the user it acts for, by Trestle id or the app's own id",
                  "schema", schema_of_type("text"));
    json_t *key = json_pack(
        "{s:s, s:s, s:s, s:{s:s, s:i, s:i}}", "name", "Idempotency-Key", "in", "header",
        "description",
        "Asked again with it within a day, the request makes nothing and is answered with "
        "what it made; with it, another request is 422",
        "schema", "type", "string", "minLength", 1, "maxLength", 128);
    return json_pack("{s:o, s:o}", "TrestleUser", user, "IdempotencyKey", key);
}

char *describe_openapi(const struct operation *const *operations, enum describe_form form)
{
    json_t *components = json_pack("{s:o, s:o, s:o, s:o, s:o}", "schemas", schema_all(),
                                   "responses", problem_responses(), "parameters", parameters_new(),
                                   "headers", headers_new(), "securitySchemes", security_schemes());
    json_t *info = describe_info("Messaging for applications, in front of an XMPP server. The "
                                 "WebSocket is described in asyncapi.json.");
    return describe_text(json_pack("{s:s, s:o, s:[{s:s}], s:o, s:o}", "openapi", "3.1.0", "info",
                                   info, "servers", "url", "/", "paths", paths_new(operations),
                                   "components", components),
                         form);
}
