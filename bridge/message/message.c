/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages: sent and paged by apps, sent to and received from XMPP, with what they ask for
 * (XEP-0184, XEP-0333) and errors. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/content.h"
#include "bridge/core/conversation.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/mark.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/dialect/dialect.h"
#include "bridge/room/inviter.h"
#include "bridge/view/message_page.h"
#include "bridge/xmpp/arrival.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0184_receipts.h"
#include "xep/0203_delay.h"
#include "xep/0333_markers.h"
#include "xep/error.h"
#include "xep/jid.h"
#include "xep/message.h"
#include "xep/message_text.h"
#include "xep/visible.h"

#define FOREIGN_ID_MAX 255
#define WAITED (10 * G_USEC_PER_SEC) /* a message that was sent that long ago says so */

/* ---- Apps ------------------------------------------------------------------------------------ */

static const struct field send_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
#include "bridge/core/send_fields.def"
    {0},
};

static void message_post(struct request *request)
{
    struct message_draft draft = {.conversation = request_uuid(request, "conversation_id"),
                                  .client_id = request_text(request, "client_id")};
    if (content_take(request, &draft))
        message_send(request, &draft);
}

static const struct field direct_fields[] = {
    {.name = "receiver_id",
     .type = FIELD_USER,
     .flags = FIELD_ONE_OF,
     .minimum = 1,
     .maximum = 255},
    {.name = "recipient_id",
     .type = FIELD_USER,
     .flags = FIELD_ONE_OF,
     .minimum = 1,
     .maximum = 255}, /* another name of it */
#include "bridge/core/send_fields.def"
    {.name = "dialect", .type = FIELD_CHOICE, .flags = FIELD_IN_QUERY, .choices = dialect_names},
    {0},
};

/* By which of its names the receiver is given. */
static const char *receiver_field(const struct request *request)
{
    return request_value(request, "receiver_id")->present ? "receiver_id" : "recipient_id";
}

/* The conversation with the receiver is there: the message follows in it. Conversations are opened
 * and messages are stored in the order of the requests, so the order of a client's messages stays.
 */
static void direct_opened(const struct change_result *result, void *data)
{
    struct request *request = data;
    json_t *details = g_steal_pointer(&request->data);
    struct uuid conversation;
    const char *id = json_string_value(json_object_get(result->json, "id"));
    if (result->error != ERROR_NONE || result->outcome > OUTCOME_REPEATED || !id ||
        !uuid_parse(id, &conversation)) {
        json_decref(details);
        change_reply(request, 200, result);
        return;
    }
    const struct dialect *dialect = dialect_find(request_text(request, "dialect"));
    bool brief = !request_text(request, receiver_field(request)) || (dialect && dialect->brief);
    struct message_draft draft = {.conversation = &conversation,
                                  .content = request_text(request, "content"),
                                  .client_id = request_text(request, "client_id"),
                                  .details = details,
                                  .brief = brief};
    message_send(request, &draft);
}

static void send_direct(struct request *request)
{
    struct message_draft draft = {0};
    if (!content_take(request, &draft))
        return;
    request->data = draft.details;
    const char *field = receiver_field(request);
    json_t *arguments =
        json_pack("{s:o,s:s,s:b}", "participant", field_user_json(request_value(request, field)),
                  "field", field, "id_only", 1);
    conversation_submit_open(request, arguments, direct_opened);
}

#define PLACE_FLAGS (FIELD_IN_QUERY | FIELD_ALTERNATIVE | FIELD_PLACE)
#define PLACE_MAX 64
static const struct field page_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    FIELD_PAGE_LIMIT(100),
    {.name = "before",
     .type = FIELD_TEXT,
     .flags = PLACE_FLAGS,
     .minimum = 1,
     .maximum = PLACE_MAX},
    {.name = "after", .type = FIELD_TEXT, .flags = PLACE_FLAGS, .minimum = 1, .maximum = PLACE_MAX},
    {.name = "around",
     .type = FIELD_TEXT,
     .flags = PLACE_FLAGS,
     .minimum = 1,
     .maximum = PLACE_MAX},
    {0},
};

static bool page_write(struct buffer *json, const struct request *request, const struct rows *rows)
{
    struct message_page page = {.viewer = request->account->id,
                                .conversation = request_value(request, "conversation_id")->uuid,
                                .limit = (int)request_integer(request, "limit")};
    if (request_text(request, "after"))
        page.from = PAGE_AFTER;
    else if (request_text(request, "before"))
        page.from = PAGE_BEFORE;
    else if (request_text(request, "around"))
        page.from = PAGE_AROUND;
    return message_page_write(json, &page, rows);
}

static const struct field show_fields[] = {FIELD_ID_IN_PATH("message_id"), {0}};

/* ---- XMPP ------------------------------------------------------------------------------------ */

static bool on_error(const struct stanza_context *context)
{
    struct stanza_error error;
    struct uuid id;
    const char *stanza_id = stanza_attr(context->stanza, "id");
    if (stanza_error_parse(context->stanza, &error) && stanza_id && uuid_parse(stanza_id, &id))
        message_failed(context->data, context->from_bare, &id, error.condition);
    return true;
}

static const struct error_info too_long = {.type = "modify", .condition = "policy-violation"};

struct arrival {
    struct link *link;
    xmpp_stanza_t *stanza; /* reference: to answer with an error */
};

static void arrival_done(enum error_code error, void *data)
{
    g_autofree struct arrival *arrival = data;
    g_autoptr(xmpp_stanza_t) stanza = arrival->stanza;
    if (error == ERROR_NONE || !arrival->link)
        return;
    /* To an unknown user the answer is what RFC 6121 section 8.5.1 says; it tells nothing more. */
    const struct error_info *info = error_info(error == ERROR_NOT_FOUND ? ERROR_REFUSED : error);
    g_autoptr(xmpp_stanza_t) reply = stanza_reply_error(stanza, info->type, info->condition, NULL);
    if (reply)
        link_send(arrival->link, reply);
}

/* Nobody here takes it: says so, in words if TEXT is not NULL. The same for every address, whether
 * there is such a user or not. */
static void stanza_refuse(const struct stanza_context *context, const struct error_info *info,
                          const char *text)
{
    g_autoptr(xmpp_stanza_t) reply =
        stanza_reply_error(context->stanza, info->type, info->condition, text);
    if (reply && context->link)
        link_send(context->link, reply);
}

/* The id that the archive of an account elsewhere, which is one with ours, has given the message:
 * its host says so, and to nobody else's messages. */
static bool uid_of_host(const struct core *core, const struct stanza_context *context,
                        struct uuid *ret_uid)
{
    xmpp_stanza_t *said = stanza_child(context->stanza, "uid", NS_BIND);
    const char *id = said ? stanza_attr(said, "id") : NULL;
    const char *at = strchr(context->from_bare, '@');
    if (!id || !at)
        return false;
    g_auto(GStrv) hosts = g_strsplit(core->options->bound_hosts, " ", -1);
    return g_strv_contains((const char *const *)hosts, at + 1) && uuid_parse(id, ret_uid);
}

static void take_text(struct core *core, const struct stanza_context *context,
                      const struct message_stanza *message, const struct message_text *text)
{
    g_autofree char *archived = arrival_text(core->options, context->stanza);
    g_autofree char *passed_on =
        text->from_room ? inviter_of(core->options, context->from_bare, text->inviter) : NULL;
    const struct content_text said = {message->body, text->text};
    bool usable_id = message->id && *message->id && strlen(message->id) <= FOREIGN_ID_MAX;
    bool chat =
        !passed_on && message->type != MESSAGE_HEADLINE; /* of what else, no marks are owed */
    struct message_arrival arrived = {.from = passed_on ? passed_on : context->from_bare,
                                      .to = context->to_bare,
                                      .address = context->from,
                                      .body = text->text,
                                      .foreign_id = usable_id ? message->id : NULL,
                                      .origin_id = message->origin_id,
                                      .details =
                                          passed_on ? NULL : content_of_stanza(context, &said),
                                      .stanza = archived,
                                      .markable = chat && marker_is_markable(context->stanza),
                                      .receipt = chat && receipt_is_requested(context->stanza),
                                      .sent_at = arrival_sent_at(core->options, context)};
    struct uuid uid;
    if (!context->filed && uid_of_host(core, context, &uid))
        arrived.uid = &uid;
    if (context->filed) {
        arrived.uid = &context->filed->uid;
        arrived.room = "";
    }
    struct arrival *arrival = g_new0(struct arrival, 1);
    arrival->link = context->link;
    arrival->stanza = xmpp_stanza_clone(context->stanza);
    message_arrived(core, &arrived, arrival_done, arrival);
}

static bool on_text(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct message_stanza message;
    g_auto(message_text) text = {0};
    message_parse(context->stanza, NULL, &message);
    message_text_read(context->stanza, &message, &text);
    gsize most = (gsize)core->options->messages_xmpp_content_max;
    enum error_code refusal = ERROR_NONE;
    if (text.told == MESSAGE_TOLD && strlen(text.text) > most) {
        g_autofree char *why = g_strdup_printf("The text is longer than %zu bytes", most);
        stanza_refuse(context, &too_long, why);
    } else if (text.told == MESSAGE_TOLD && !context->filed &&
               (refusal = message_admit(core, context->from_bare)) != ERROR_NONE) {
        stanza_refuse(context, error_info(refusal), NULL);
    } else if (text.told == MESSAGE_TOLD) {
        take_text(core, context, &message, &text);
    } else if (text.told == MESSAGE_BLANK) {
        stanza_refuse(context, error_info(ERROR_UNPROCESSABLE), "The message shows nothing");
    } else if (text.told == MESSAGE_REFUSED) {
        stanza_refuse(context, error_info(ERROR_REFUSED), text.reason);
    }
    return true;
}

/* No user is in a room (RFC 6121 section 8.5.2), and the domain talks to nobody (RFC 6120 section
 * 10.5.1). */
static bool on_nobody(const struct stanza_context *context)
{
    stanza_refuse(context, error_info(ERROR_REFUSED), NULL);
    return true;
}

static bool on_headline_to_domain(const struct stanza_context *context)
{
    struct message_stanza message;
    bool has_body = message_parse(context->stanza, NULL, &message) && message.body;
    return has_body && on_nobody(context); /* else an event, which nobody asked for */
}

/* ---- Outgoing -------------------------------------------------------------------------------- */

/* A message that had to wait, for a link that was down, shows when it was sent (XEP-0203). */
static void add_delay(xmpp_stanza_t *stanza, const struct outbox_entry *entry)
{
    const char *domain = strchr(entry->from, '@');
    struct delay delay = {.stamp_us = entry->created, .from = domain ? domain + 1 : NULL};
    if (entry->created > 0 && clock_wall() - entry->created > WAITED)
        delay_add(stanza, &delay);
}

static xmpp_stanza_t *build_message(const struct outbox_entry *entry)
{
    g_autofree char *from = outbox_entry_from(entry);
    struct message_out message = {
        .from = from, .to = entry->to, .id = entry->id, .body = entry->payload};
    xmpp_stanza_t *stanza = message_build_chat(&message);
    add_delay(stanza, entry);
    return stanza;
}

/* The same of one that carries more than a text. */
static xmpp_stanza_t *build_content(const struct outbox_entry *entry)
{
    g_autofree char *from = outbox_entry_from(entry);
    json_t *wire = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    if (!wire)
        return NULL;
    static const struct content_scene between_two;
    xmpp_stanza_t *stanza = message_new("chat", entry->id, from, entry->to);
    content_add(stanza, &between_two, wire);
    message_add_usual(stanza, entry->id);
    json_decref(wire);
    add_delay(stanza, entry);
    return stanza;
}

/* A message that may never go out counts as bounced. */
static void message_refused(struct core *core, const struct outbox_entry *entry)
{
    struct uuid id;
    if (uuid_parse(entry->id, &id))
        message_failed(core, entry->to, &id, "policy-violation");
}

static const struct outgoing outgoing[] = {
    {.kind = "message", .build = build_message, .refused = message_refused},
    {.kind = "content", .build = build_content, .refused = message_refused},
    {0},
};

static const struct field receipts_fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    {.name = "limit",
     .type = FIELD_INTEGER,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 256,
     .fallback = "256"},
    {.name = "after", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .maximum = G_MAXINT64},
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/messages/:message_id/receipts",
     .fields = receipts_fields,
     .read = QUERY_MESSAGE_RECEIPTS,
     .reply = "ReceiptPage",
     .summary = "Who has got and read a message, and when, as far as they tell"},
    {.method = "POST",
     .path = "/api/conversations/:conversation_id/messages",
     .command = "message",
     .limit = LIMIT_MESSAGES,
     .toggle = TOGGLE_MESSAGES,
     .fields = send_fields,
     .handle = message_post,
     .adhoc =
         &(const struct adhoc){.node = "urn:trestle:user:poll",
                               .name = "Mine: ask many (a poll, as the API has it)",
                               .asked = (const char *const[]){"conversation_id", "poll", NULL}},
     .flags = OPERATION_CREATES,
     .reply = "Message",
     .ack = "message",
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(SPAM),
     .summary = "Sends a message"},
    {.method = "GET",
     .path = "/api/conversations/:conversation_id/messages",
     .limit = LIMIT_PAGES,
     .fields = page_fields,
     .read = QUERY_MESSAGE_PAGE,
     .write = page_write,
     .reply = "HistoryPage",
     .flags = OPERATION_LISTS,
     .summary = "One page of a conversation, oldest first"},
    /* The same by other names. */
    {.method = "POST",
     .path = "/api/messages/conversations/:conversation_id/messages",
     .limit = LIMIT_MESSAGES,
     .toggle = TOGGLE_MESSAGES,
     .fields = send_fields,
     .handle = message_post,
     .flags = OPERATION_CREATES,
     .reply = "Message",
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(SPAM),
     .summary = "As POST /api/conversations/:conversation_id/messages"},
    {.method = "GET",
     .path = "/api/messages/conversations/:conversation_id/messages",
     .limit = LIMIT_PAGES,
     .fields = page_fields,
     .read = QUERY_MESSAGE_PAGE,
     .write = page_write,
     .reply = "HistoryPage",
     .flags = OPERATION_LISTS,
     .summary = "As GET /api/conversations/:conversation_id/messages"},
    {.method = "POST",
     .path = "/api/messages",
     .command = "private_message",
     .limit = LIMIT_MESSAGES,
     .toggle = TOGGLE_MESSAGES,
     .fields = direct_fields,
     .handle = send_direct,
     .flags = OPERATION_CREATES,
     .reply = "Message|BriefMessage",
     .ack = "message",
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(SPAM),
     .summary = "Sends a message to a user, in the conversation that it makes or finds"},
    {.method = "GET",
     .path = "/api/messages/:message_id",
     .fields = show_fields,
     .read = QUERY_MESSAGE_GET,
     .reply = "Message",
     .summary = "One message"},
    {0},
};

static const struct stanza_handler stanzas[] = {
    {"message", "error", NULL, NULL, TARGET_ANY | TARGET_ACCOUNT, .fallback = on_error},
    {"message", "groupchat", NULL, NULL, TARGET_DOMAIN | TARGET_USER, .fallback = on_nobody},
    {"message", "chat|normal", NULL, NULL, TARGET_DOMAIN, .fallback = on_nobody},
    {"message", "headline", NULL, NULL, TARGET_DOMAIN, .fallback = on_headline_to_domain},
    {"message", "chat|normal|headline", NULL, NULL, TARGET_FILED, .fallback = on_text},
    {"message", NULL, NULL, NULL, TARGET_USER | TARGET_RESOURCE, .fallback = on_text},
    {0},
};

const struct feature feature_message = {
    .name = "message", .operations = operations, .stanzas = stanzas, .outgoing = outgoing};
