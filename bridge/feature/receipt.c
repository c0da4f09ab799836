/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What peers on XMPP say of our users' messages: that they got them (XEP-0184) or have seen them
 * (XEP-0333). A text beside it is a message. */
#include "config.h"

#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/message.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0184_receipts.h"
#include "xep/0333_markers.h"

static void on_receipt(const struct stanza_context *context)
{
    struct uuid id;
    const char *of = receipt_parse(context->stanza);
    if (of && uuid_parse(of, &id))
        message_marked(context->data, context->from_bare, &id, false);
}

static void on_marker(const struct stanza_context *context)
{
    struct uuid id;
    const char *of;
    enum marker marker = marker_parse(context->stanza, &of);
    if (marker != MARKER_NONE && uuid_parse(of, &id))
        message_marked(context->data, context->from_bare, &id, marker != MARKER_RECEIVED);
}

static const struct stanza_handler stanzas[] = {
    {"message", "chat|normal", "received", NS_RECEIPTS, TARGET_USER | TARGET_RESOURCE,
     .observe = on_receipt},
    {"message", "chat|normal", NULL, NS_MARKERS, TARGET_USER | TARGET_RESOURCE,
     .observe = on_marker},
    {0},
};

const struct feature feature_receipt = {.name = "receipt", .stanzas = stanzas};
