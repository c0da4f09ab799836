/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Any bytes through the stream reader into the dispatcher. Broken promises abort: an IQ request for
 * us gets exactly one outcome, nothing else is answered, and every answer may go onto the link. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/options.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/guard.h"
#include "bridge/xmpp/link.h"
#include "xep/stanza.h"
#include "xep/stanza_text.h"
#include "xep/stream_reader.h"

#define ROOT "<stream:stream xmlns='" NS_COMPONENT "' xmlns:stream='" NS_STREAM "'>"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct options config = {.xmpp_domain = (char[]){"app.example.org"}};
static struct guard *guard;
static unsigned handled, answered;

static void require(bool promise)
{
    if (!promise)
        abort();
}

/* Takes the place of the link. */
bool link_send(struct link *link, xmpp_stanza_t *stanza)
{
    (void)link;
    size_t length;
    g_autofree char *text = stanza_to_link_text(stanza, &length);
    require(guard_stanza(guard, stanza));
    require(length > GUARD_STANZA_MAX || guard_text(guard, text, length));
    require(g_strcmp0(stanza_attr(stanza, "type"), "error") == 0);
    answered++;
    return true;
}

static bool accept_stanza(const struct stanza_context *context)
{
    require(context->from && context->to && context->from_bare && context->to_bare);
    require(!guard_addresses(guard, context->from, context->to));
    require(guard_addresses(guard, context->to, context->from));
    handled++;
    return true;
}

static void look_only(const struct stanza_context *context)
{
    require(context->payload);
}

static const struct stanza_handler table[] = {
    {"message", NULL, NULL, NS_MARKERS, TARGET_ANY, .observe = look_only},
    {"iq", "get", "ping", NS_PING, TARGET_ANY, .claim = accept_stanza},
    {"iq", "set", NULL, NS_DATA, TARGET_USER, .claim = accept_stanza},
    {"message", "chat", NULL, NULL, TARGET_USER | TARGET_RESOURCE, .fallback = accept_stanza},
    {"presence", NULL, NULL, NULL, TARGET_ANY, .fallback = accept_stanza},
    {0},
};
static struct dispatch *dispatch;

static void on_stanza(xmpp_stanza_t *stanza, void *data)
{
    const char *type = stanza_attr(stanza, "type");
    bool iq = g_str_equal(stanza_name(stanza), "iq");
    bool final = g_strcmp0(type, "error") == 0 || (iq && g_strcmp0(type, "result") == 0);
    (void)data;
    handled = answered = 0;
    dispatch_stanza(dispatch, SERVICE_USERS, NULL, stanza);
    require(handled + answered <= 1);
    require(answered == 0 || (iq && !final));
}

static void on_opened(const char *id, const char *from, void *data)
{
    (void)id;
    (void)from;
    (void)data;
}

static void on_over_limit(const struct stream_header *header, enum stream_limit limit, void *data)
{
    (void)header;
    (void)limit;
    (void)data;
}

static void on_closed(void *data)
{
    (void)data;
}

static void on_failed(enum stream_failure failure, const char *text, void *data)
{
    (void)failure;
    (void)text;
    (void)data;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct stream_callbacks callbacks = {
        .opened = on_opened,
        .stanza = on_stanza,
        .over_limit = on_over_limit,
        .closed = on_closed,
        .failed = on_failed,
    };
    if (!guard) {
        guard = guard_new(config.xmpp_domain);
        dispatch = dispatch_new(&config, NULL);
        require(dispatch_add(dispatch, "fuzz", table, NULL));
    }
    struct stream_reader *reader = stream_reader_new(&STREAM_LIMITS_DEFAULT, &callbacks, NULL);
    stream_reader_feed(reader, ROOT, strlen(ROOT));
    stream_reader_feed(reader, (const char *)data, size);
    stream_reader_free(reader);
    return 0;
}
