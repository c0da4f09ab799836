/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What peers on XMPP say of our users' messages: that they got them (XEP-0184) or have seen them
 * (XEP-0333). A text beside it is a message. And what they are told of theirs, likewise. */
#include "config.h"

#include <string.h>

#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/mark.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0184_receipts.h"
#include "xep/0333_markers.h"
#include "xep/message.h"

#define FOREIGN_ID_MAX 255

struct filed_mark {
    struct core *core;
    char *from;
    bool read;
};

static void filed_found(const struct change_result *result, void *data)
{
    g_autofree struct filed_mark *mark = data;
    g_autofree char *from = mark->from;
    struct uuid id;
    const char *text = json_string_value(json_object_get(result->json, "message_id"));
    if (result->error == ERROR_NONE && text && uuid_parse(text, &id))
        message_marked(mark->core, from, &id, mark->read);
}

/* Out of an archive, either side may have said it, and the id OF is that of a stanza. */
static void filed_mark(const struct stanza_context *context, const char *of, bool read)
{
    struct uuid digest;
    char origin[UUID_TEXT_SIZE];
    if (!*of || strlen(of) > FOREIGN_ID_MAX)
        return;
    struct filed_mark *mark = g_new0(struct filed_mark, 1);
    *mark = (struct filed_mark){context->data, g_strdup(context->from_bare), read};
    message_origin_dedupe(context->from_bare, context->to_bare, of, &digest);
    uuid_format(&digest, origin);
    change_submit(context->data, "mark_filed", NULL,
                  json_pack("{s:s, s:s, s:s, s:s}", "from", context->from_bare, "to",
                            context->to_bare, "id", of, "origin", origin),
                  filed_found, mark);
}

static void on_receipt(const struct stanza_context *context)
{
    struct uuid id;
    const char *of = receipt_parse(context->stanza);
    if (of && context->filed)
        filed_mark(context, of, false);
    else if (of && uuid_parse(of, &id))
        message_marked(context->data, context->from_bare, &id, false);
}

static void on_marker(const struct stanza_context *context)
{
    struct uuid id;
    const char *of;
    enum marker marker = marker_parse(context->stanza, &of);
    if (marker != MARKER_NONE && context->filed)
        filed_mark(context, of, marker != MARKER_RECEIVED);
    else if (marker != MARKER_NONE && uuid_parse(of, &id))
        message_marked(context->data, context->from_bare, &id, marker != MARKER_RECEIVED);
}

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal", "received", NS_RECEIPTS,
     TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT | TARGET_FILED, .observe = on_receipt},
    {"message", "chat|normal", NULL, NS_MARKERS,
     TARGET_USER | TARGET_RESOURCE | TARGET_ACCOUNT | TARGET_FILED, .observe = on_marker},
    {0},
};

/* ---- Outgoing -------------------------------------------------------------------------------- */

/* REFERENCE is the peer's own id of the message. */
static xmpp_stanza_t *receipt_build(const struct outbox_entry *entry,
                                    xmpp_stanza_t *(*make)(const struct message_out *message,
                                                           const char *peer_id))
{
    g_autofree char *from = outbox_entry_from(entry);
    g_autofree char *id = outbox_entry_id(entry);
    struct message_out message = {.from = from, .to = entry->to, .id = id};
    return make(&message, entry->reference);
}

static xmpp_stanza_t *build_received(const struct outbox_entry *entry)
{
    return receipt_build(entry, message_build_received);
}

static xmpp_stanza_t *build_displayed(const struct outbox_entry *entry)
{
    return receipt_build(entry, message_build_displayed);
}

static const struct outgoing outgoing[] = {
    {.kind = "received", .build = build_received},
    {.kind = "displayed", .build = build_displayed},
    {0},
};

const struct feature feature_receipt = {
    .name = "receipt", .stanzas = stanzas, .outgoing = outgoing};
