/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The WebSocket, native dialect, as an AsyncAPI 3.0 document. As that standard has it, the
 * application described is the server: it receives commands and sends events. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/core/request.h"
#include "bridge/describe/asyncapi.h"
#include "bridge/describe/describe.h"
#include "bridge/describe/schema.h"
#include "bridge/ws/command.h"

struct document {
    json_t *messages; /* of the components */
    json_t *channel;  /* references to them */
    json_t *operations;
};

/* ---- Messages -------------------------------------------------------------------------------- */

/* Takes PAYLOAD. */
static void add_message(struct document *document, const char *name, const char *summary,
                        json_t *payload)
{
    json_object_set_new(
        document->messages, name,
        json_pack("{s:s, s:s*, s:o}", "name", name, "summary", summary, "payload", payload));
    json_object_set_new(document->channel, name,
                        describe_reference("#/components/messages/%s", name));
}

/* ---- Operations ------------------------------------------------------------------------------ */

static json_t *message_reference(const char *name)
{
    return describe_reference("#/channels/socket/messages/%s", name);
}

static json_t *operation_new(const char *action, const char *summary, const char *message)
{
    return json_pack("{s:s, s:o, s:s*, s:[o]}", "action", action, "channel",
                     describe_reference("#/channels/socket"), "summary", summary, "messages",
                     message_reference(message));
}

struct command_text {
    const char *type;
    const char *summary;
    const char *answers; /* names of messages, separated by spaces */
};

static void add_command(struct document *document, const struct command_text *text,
                        const struct field *fields)
{
    json_t *payload = schema_of_fields(fields, 0);
    bool required = json_array_size(json_object_get(payload, "required")) > 0;
    json_t *schema = schema_of_command(text->type, payload, required);
    g_autofree char *name = g_strconcat("command.", text->type, NULL);
    add_message(document, name, text->summary, schema);

    json_t *operation = operation_new("receive", text->summary, name);
    json_t *replies = json_array();
    g_auto(GStrv) answers = g_strsplit(text->answers, " ", -1);
    for (size_t i = 0; answers[i]; i++)
        json_array_append_new(replies, message_reference(answers[i]));
    json_array_append_new(replies, message_reference("error"));
    json_object_set_new(operation, "reply",
                        json_pack("{s:o, s:o}", "channel", describe_reference("#/channels/socket"),
                                  "messages", replies));
    json_object_set_new(document->operations, name, operation);
}

static json_t *ack_payload(const struct operation *operation)
{
    const char *member = operation->ack;
    if (describe_is_silent(operation))
        return schema_of_type("Empty");
    if (!member)
        return schema_of_type(operation->reply);
    return json_pack("{s:s, s:{s:o}, s:[s]}", "type", "object", "properties", member,
                     schema_of_type(operation->reply), "required", member);
}

static const struct schema_frame *find_frame(const char *name)
{
    const struct schema_frame *frame = schema_frames();
    while (strcmp(frame->name, name) != 0)
        frame++;
    return frame;
}

static void add_operations(struct document *document, const struct operation *rows)
{
    for (; !operation_is_last(rows); rows++) {
        if (!rows->command || (rows->flags & OPERATION_SERVER_KEY))
            continue;
        g_autofree char *ack = g_strconcat("ack.", rows->command, NULL);
        add_message(document, ack, "The command was carried out",
                    schema_of_frame(find_frame("ack"), ack_payload(rows)));
        struct command_text text = {rows->command, rows->summary, ack};
        add_command(document, &text, rows->fields);
    }
}

static void add_builtins(struct document *document)
{
    for (const struct command_builtin *row = command_builtins(); row->type; row++) {
        g_autofree char *ack = g_strconcat("ack.", row->type, NULL);
        g_autofree char *answers = g_strjoin(" ", row->answers, row->ack ? ack : NULL, NULL);
        if (row->ack)
            add_message(document, ack, "The command was carried out",
                        schema_of_frame(find_frame("ack"), schema_of_type(row->ack)));
        struct command_text text = {row->type, row->summary, answers};
        add_command(document, &text, row->fields);
    }
}

static void add_frames(struct document *document)
{
    for (const struct schema_frame *frame = schema_frames(); frame->name; frame++) {
        if (strcmp(frame->name, "ack") == 0)
            continue; /* one of its own for each command */
        add_message(document, frame->name, frame->summary,
                    schema_of_frame(frame, schema_of_type(frame->payload)));
        if (!frame->is_event)
            continue;
        g_autofree char *name = g_strconcat("event.", frame->name, NULL);
        json_object_set_new(document->operations, name,
                            operation_new("send", frame->summary, frame->name));
    }
}

/* What the address of the handshake may have. */
static json_t *handshake_binding(void)
{
    json_t *query = json_pack(
        "{s:s, s:{s:{s:s,s:s}, s:{s:s,s:s}, s:{s:s,s:s}}}", "type", "object", "properties",
        "ticket", "type", "string", "description", "Of POST /api/session/ticket, good once",
        "cursor", "type", "string", "description",
        "Where to resume, as the command resume; hello comes first, then what was missed",
        "dialect", "type", "string", "description", "For clients that cannot name a subprotocol");
    json_t *headers = json_pack("{s:s, s:{s:{s:s,s:s}, s:{s:s,s:s}}}", "type", "object",
                                "properties", "Authorization", "type", "string", "description",
                                "Bearer, a token", "Cookie", "type", "string", "description",
                                "Of a session, for pages of an origin that may use it");
    return json_pack("{s:{s:s, s:o, s:o, s:s}}", "ws", "method", "GET", "query", query, "headers",
                     headers, "bindingVersion", "0.1.0");
}

char *describe_asyncapi(const struct operation *const *operations, enum describe_form form)
{
    struct document document = {json_object(), json_object(), json_object()};
    add_frames(&document);
    add_builtins(&document);
    for (; operations && *operations; operations++)
        add_operations(&document, *operations);
    json_t *channel =
        json_pack("{s:s, s:s, s:o, s:o}", "address", "/ws", "description",
                  "A WebSocket, subprotocol trestle.v1. The first frame is auth, unless the "
                  "handshake had a token, a ticket or a session's cookie.",
                  "messages", document.channel, "bindings", handshake_binding());
    json_t *components =
        json_pack("{s:o, s:o}", "messages", document.messages, "schemas", schema_all());
    json_t *info = describe_info("Live events and commands. REST is described in openapi.json.");
    return describe_text(json_pack("{s:s, s:o, s:s, s:{s:o}, s:o, s:o}", "asyncapi", "3.0.0",
                                   "info", info, "defaultContentType", "application/json",
                                   "channels", "socket", channel, "operations", document.operations,
                                   "components", components),
                         form);
}
