/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanzas in, the handler that ran and the reply out. link_send is replaced by one that records. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "tests/unit/unit.h"
#include "xep/stanza.h"
#include "xep/stream_reader.h"

static GString *outcome; /* names of handlers and replies, in order */

bool link_send(struct link *link, xmpp_stanza_t *stanza)
{
    (void)link;
    xmpp_stanza_t *error = stanza_child(stanza, "error", NS_CLIENT);
    g_string_append_printf(outcome, "[%s to=%s from=%s id=%s %s/%s]", stanza_attr(stanza, "type"),
                           stanza_attr(stanza, "to"), stanza_attr(stanza, "from"),
                           stanza_attr(stanza, "id"), stanza_attr(error, "type"),
                           stanza_name(stanza_first(error)));
    return true;
}

#define CALLED(name)                                                                               \
    g_string_append_printf(outcome, #name "(%s)",                                                  \
                           context->payload ? stanza_name(context->payload) : "")
#define HANDLER(name, result)                                                                      \
    static bool handle_##name(const struct stanza_context *context)                                \
    {                                                                                              \
        CALLED(name);                                                                              \
        return result;                                                                             \
    }
#define OBSERVER(name)                                                                             \
    static void see_##name(const struct stanza_context *context)                                   \
    {                                                                                              \
        CALLED(name);                                                                              \
    }

HANDLER(ping, true)
HANDLER(ping_resource, true)
HANDLER(shy, false)
HANDLER(closed, true)
OBSERVER(receipt)
OBSERVER(state)
OBSERVER(every)
HANDLER(marker, true)
HANDLER(call, true)
HANDLER(modest_call, false)
HANDLER(chat, true)
HANDLER(any_message, true)
HANDLER(unsure, false)
HANDLER(probe, true)
HANDLER(available, true)

static const struct stanza_handler first[] = {
    {"message", NULL, NULL, NULL, TARGET_USER | TARGET_RESOURCE, .fallback = handle_any_message},
    {"message", "normal", NULL, NULL, TARGET_DOMAIN, .fallback = handle_any_message},
    {"message", "headline", NULL, NULL, TARGET_RESOURCE, .fallback = handle_unsure},
    {"iq", "get", "ping", NS_PING, TARGET_RESOURCE, .claim = handle_ping_resource},
    {"iq", "get", "ping", NS_PING, TARGET_DOMAIN | TARGET_USER, .claim = handle_ping},
    {"iq", "set", "shy", "urn:shy", TARGET_ANY, .claim = handle_shy},
    {"message", "chat|normal", "received", NS_RECEIPTS, TARGET_ANY, .observe = see_receipt},
    {"message", NULL, NULL, NS_MARKERS, TARGET_ANY, .claim = handle_marker},
    {"message", NULL, NULL, NS_CHAT_STATES, TARGET_ANY, .observe = see_state},
    {0},
};

static const struct stanza_handler second[] = {
    {"message", NULL, NULL, "urn:xmpp:jingle-message:0", TARGET_ANY, .claim = handle_call},
    {"message", "chat", "retract", "urn:xmpp:jingle-message:0", TARGET_ANY,
     .claim = handle_modest_call},
    {"message", "chat", NULL, NULL, TARGET_USER | TARGET_RESOURCE, .fallback = handle_chat},
    {"presence", "probe", NULL, NULL, TARGET_USER, .fallback = handle_probe},
    {"presence", "available", NULL, NULL, TARGET_ANY, .fallback = handle_available},
    {"presence", NULL, NULL, NULL, TARGET_RESOURCE, .observe = see_every},
    {"presence", "unavailable", NULL, NULL, TARGET_ANY, .admit = handle_closed},
    {0},
};

#define FROM " from='bob@example.org/x'"
#define DOMAIN " to='app.example.org'"
#define USER " to='alice@app.example.org'"
#define RESOURCE " to='alice@app.example.org/rest'"
#define PING "<ping xmlns='urn:xmpp:ping'/>"
#define REPLY(who, condition) "[error to=bob@example.org/x from=" who " id=1 " condition "]"

static const struct {
    const char *stanza;
    const char *outcome;
    int refused; /* growth of the counter */
} cases[] = {
    {"<iq type='get' id='1'" FROM DOMAIN ">" PING "</iq>", "ping(ping)", 0},
    {"<iq type='get' id='1'" FROM USER ">" PING "</iq>", "ping(ping)", 0},
    {"<iq type='get' id='1'" FROM RESOURCE ">" PING "</iq>", "ping_resource(ping)", 0},
    {"<iq type='get' id='1'" FROM " to='App.Example.ORG'>" PING "</iq>", "ping(ping)", 0},
    /* Unknown: wrong type, name, namespace; and a handler that declines. */
    {"<iq type='set' id='1'" FROM DOMAIN ">" PING "</iq>",
     REPLY("app.example.org", "cancel/service-unavailable"), 0},
    {"<iq type='get' id='1'" FROM RESOURCE "><pong xmlns='urn:xmpp:ping'/></iq>",
     REPLY("alice@app.example.org/rest", "cancel/service-unavailable"), 0},
    {"<iq type='get' id='1'" FROM USER "><ping xmlns='urn:other'/></iq>",
     REPLY("alice@app.example.org", "cancel/service-unavailable"), 0},
    {"<iq type='get' id='1'" FROM USER "><ping/></iq>",
     REPLY("alice@app.example.org", "cancel/service-unavailable"), 0},
    {"<iq type='set' id='1'" FROM USER "><shy xmlns='urn:shy'/></iq>",
     "shy(shy)" REPLY("alice@app.example.org", "cancel/service-unavailable"), 0},
    {"<iq type='set' id='1'" FROM USER "><enable xmlns='urn:xmpp:carbons:2'/></iq>",
     REPLY("alice@app.example.org", "cancel/service-unavailable"), 0},
    /* Malformed. */
    {"<iq type='get' id='1'" FROM USER "/>", REPLY("alice@app.example.org", "modify/bad-request"),
     0},
    {"<iq type='get' id='1'" FROM USER ">text</iq>",
     REPLY("alice@app.example.org", "modify/bad-request"), 0},
    {"<iq type='get' id='1'" FROM USER ">" PING PING "</iq>",
     REPLY("alice@app.example.org", "modify/bad-request"), 0},
    {"<iq type='get' id='1'" FROM USER "> " PING " </iq>", "ping(ping)", 0},
    {"<iq type='other' id='1'" FROM USER ">" PING "</iq>",
     REPLY("alice@app.example.org", "modify/bad-request"), 0},
    {"<iq id='1'" FROM USER ">" PING "</iq>", REPLY("alice@app.example.org", "modify/bad-request"),
     0},
    {"<iq type='get'" FROM USER ">" PING "</iq>",
     "[error to=bob@example.org/x from=alice@app.example.org id=(null) modify/bad-request]", 0},
    /* Answers are never answered. */
    {"<iq type='result' id='1'" FROM USER "/>", "", 0},
    {"<iq type='error' id='1'" FROM USER "/>", "", 0},
    {"<iq type='error' id='1'" FROM USER ">" PING "</iq>", "", 0},
    /* Messages: who looks on, then who claims a payload, then the rest, particular before general.
     */
    {"<message type='chat'" FROM USER "><body>x</body></message>", "chat()", 0},
    {"<message type='chat'" FROM RESOURCE "><body>x</body><received xmlns='urn:xmpp:receipts'/>"
     "</message>",
     "receipt(received)chat()", 0},
    {"<message type='chat'" FROM USER "><displayed xmlns='urn:xmpp:chat-markers:0'/></message>",
     "marker(displayed)", 0},
    {"<message type='chat'" FROM USER "><displayed xmlns='urn:xmpp:chat-markers:0'/><body>x</body>"
     "<received xmlns='urn:xmpp:receipts'/></message>",
     "receipt(received)marker(displayed)", 0},
    {"<message type='headline'" FROM USER "><received xmlns='urn:xmpp:receipts'/></message>",
     "any_message()", 0},
    {"<message type='chat'" FROM USER "><active xmlns='" NS_CHAT_STATES
     "'/><gone xmlns='" NS_CHAT_STATES "'/></message>",
     "state(active)chat()", 0},
    {"<message type='chat'" FROM USER "><propose xmlns='urn:xmpp:jingle-message:0'/><body>x</body>"
     "</message>",
     "call(propose)", 0},
    {"<message type='chat'" FROM USER "><retract xmlns='urn:xmpp:jingle-message:0'/></message>",
     "modest_call(retract)call(retract)", 0},
    {"<message" FROM USER "><body>x</body></message>", "any_message()", 0},
    {"<message type='unheard-of'" FROM DOMAIN "><body>x</body></message>", "any_message()", 0},
    {"<message type='error'" FROM USER "/>", "any_message()", 0},
    {"<message type='headline'" FROM USER "/>", "any_message()", 0},
    {"<message type='headline'" FROM RESOURCE "/>", "unsure()any_message()", 0},
    {"<message type='chat'" FROM DOMAIN "/>", "", 0},
    {"<presence type='probe'" FROM USER "/>", "probe()", 0},
    {"<presence" FROM USER "/>", "available()", 0},
    {"<presence type='error'" FROM USER "/>", "", 0},
    {"<presence type='probe'" FROM RESOURCE "/>", "every()", 0},
    {"<presence type='unavailable'" FROM RESOURCE "/>", "closed()", 0},
    /* Nobody above us could send carbons. */
    {"<message type='chat'" FROM USER "><sent xmlns='urn:xmpp:carbons:2'/></message>", "", 1},
    {"<message type='chat'" FROM USER "><body>x</body><received xmlns='urn:xmpp:carbons:2'>"
     "<forwarded xmlns='urn:xmpp:forward:0'/></received></message>",
     "", 1},
    {"<message type='chat' from='alice@app.example.org'" USER "><sent xmlns='urn:xmpp:carbons:2'/>"
     "</message>",
     "", 1},
    {"<message type='error'" FROM USER "><sent xmlns='urn:xmpp:carbons:2'/></message>", "", 1},
    {"<message type='chat'" FROM USER "><private xmlns='urn:xmpp:carbons:2'/></message>", "chat()",
     0},
    /* Of another namespace, and so no stanza at all. */
    {"<iq type='get' id='1'" FROM USER " xmlns='urn:xmpp:ping'/>", "", 1},
    {"<iq xmlns='urn:x' type='get' id='1'" FROM USER ">" PING "</iq>", "", 1},
    {"<message xmlns='urn:x' type='chat'" FROM USER "/>", "", 1},
    /* Addresses. */
    {"<iq type='get' id='1'" USER ">" PING "</iq>", "", 1},
    {"<iq type='get' id='1' from=''" USER ">" PING "</iq>", "", 1},
    {"<iq type='get' id='1' from='@example.org'" USER ">" PING "</iq>", "", 1},
    {"<iq type='get' id='1' from='bob@example.org/'" USER ">" PING "</iq>", "", 1},
    {"<iq type='get' id='1' from='app.example.org'" USER ">" PING "</iq>", "", 1},
    {"<iq type='get' id='1' from='eve@APP.example.org/x'" USER ">" PING "</iq>", "", 1},
    {"<message type='chat' from='bob@app.example.org/x'" USER "/>", "", 1},
    {"<message type='chat' from='bob@example.org/app.example.org'" USER "/>", "chat()", 0},
    {"<message type='chat'" FROM "/>", "", 1},
    {"<message type='chat'" FROM " to=''/>", "", 1},
    {"<message type='chat'" FROM " to='carol@example.org'/>", "", 1},
    {"<message type='chat'" FROM " to='alice@sub.app.example.org'/>", "", 1},
    {"<message type='chat'" FROM " to='alice@app.example.org/'/>", "", 1},
    {"<message type='chat'" FROM " to='alice@app.example.org/a/b@c'/>", "chat()", 0},
};

static void on_stanza(xmpp_stanza_t *stanza, void *data)
{
    dispatch_stanza(data, SERVICE_USERS, NULL, stanza);
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
    ck_abort_msg("over a limit");
}

static void on_closed(void *data)
{
    (void)data;
}

static void on_failed(enum stream_failure failure, const char *text, void *data)
{
    (void)failure;
    (void)data;
    ck_abort_msg("not XML: %s", text);
}

/* The same way as on the link, so that namespaces are what they are there. */
static void feed(struct dispatch *dispatch, const char *stanza)
{
    static const struct stream_callbacks callbacks = {on_opened, on_stanza, on_over_limit,
                                                      on_closed, on_failed};
    const char *root = "<stream:stream xmlns='" NS_COMPONENT "' xmlns:stream='" NS_STREAM "'>";
    struct stream_reader *reader = stream_reader_new(&STREAM_LIMITS_DEFAULT, &callbacks, dispatch);
    stream_reader_feed(reader, root, strlen(root));
    stream_reader_feed(reader, stanza, strlen(stanza));
    stream_reader_free(reader);
}

START_TEST(stanza_has_its_outcome)
{
    log_configure("error", "all", NULL);
    struct options *options = options_new();
    options->xmpp_domain = g_strdup("app.example.org");
    outcome = g_string_new(NULL);
    struct dispatch *dispatch = dispatch_new(options, NULL);
    bool swap = _i % 2; /* the order of features means nothing */
    ck_assert(dispatch_add(dispatch, "one", swap ? second : first, NULL));
    ck_assert(dispatch_add(dispatch, "two", swap ? first : second, NULL));
    feed(dispatch, cases[_i].stanza);
    ck_assert_msg(g_str_equal(outcome->str, cases[_i].outcome), "%s\n gave %s\n not  %s",
                  cases[_i].stanza, outcome->str, cases[_i].outcome);
    ck_assert_int_eq(metric_get(METRIC_STANZAS_REFUSED), cases[_i].refused);
    g_string_free(outcome, TRUE);
    dispatch_free(dispatch);
    options_free(options);
}
END_TEST

static bool check_context(const struct stanza_context *context)
{
    ck_assert_str_eq(context->from, "bob@example.org/x");
    ck_assert_str_eq(context->from_bare, "bob@example.org");
    ck_assert_str_eq(context->to, "alice@app.example.org/rest");
    ck_assert_str_eq(context->to_bare, "alice@app.example.org");
    ck_assert_int_eq(context->target, TARGET_RESOURCE);
    ck_assert_str_eq(context->type, "normal");
    ck_assert_ptr_null(context->payload);
    ck_assert_str_eq(context->data, "core");
    g_string_append(outcome, "seen");
    return true;
}

START_TEST(handler_is_told_who_and_whom)
{
    static const struct stanza_handler table[] = {
        {"message", NULL, NULL, NULL, TARGET_ANY, .fallback = check_context}, {0}};
    struct options *options = options_new();
    options->xmpp_domain = g_strdup("app.example.org");
    outcome = g_string_new(NULL);
    g_autoptr(xmpp_stanza_t) stanza = stanza_new("message", NULL);
    stanza_set(stanza, "from", "bob@example.org/x");
    stanza_set(stanza, "to", "alice@app.example.org/rest");
    struct dispatch *dispatch = dispatch_new(options, (char[]){"core"});
    ck_assert(dispatch_add(dispatch, "one", table, NULL));
    dispatch_stanza(dispatch, SERVICE_USERS, NULL, stanza);
    ck_assert_str_eq(outcome->str, "seen");
    g_string_free(outcome, TRUE);
    dispatch_free(dispatch);
    options_free(options);
}
END_TEST

#define ANY_PING "iq", "get", "ping", NS_PING, TARGET_ANY

static const struct {
    struct stanza_handler row; /* besides those of `first` and `second` */
    const char *why;           /* NULL: it is taken */
} rows[] = {
    {{ANY_PING, .claim = handle_ping},
     "feature three: claim of iq, type get, payload {" NS_PING
     "}ping: feature one has that already"},
    {{"iq", "set", "ping", NS_PING, TARGET_ANY, .claim = handle_ping}, NULL},
    {{"iq", "get|set", "ping", NS_PING, TARGET_DOMAIN, .claim = handle_ping}, "one has that"},
    {{"iq", "get", NULL, NS_PING, TARGET_ANY, .claim = handle_ping}, NULL}, /* behind the other */
    {{"message", "chat", NULL, NULL, TARGET_USER, .fallback = handle_chat}, "two has that already"},
    {{"message", "chat", NULL, NULL, TARGET_DOMAIN, .fallback = handle_chat}, NULL},
    {{"message", NULL, NULL, NS_MARKERS, TARGET_USER, .claim = handle_chat},
     "one has that already"},
    {{"message", NULL, NULL, NS_MARKERS, TARGET_USER, .observe = see_every}, NULL},
    {{"message", "chat", "received", NS_RECEIPTS, TARGET_USER, .observe = see_every}, NULL},
    {{"presence", "unavailable", NULL, NULL, TARGET_USER, .admit = handle_closed}, "two has that"},
    /* What makes no sense. */
    {{ANY_PING, .claim = NULL}, "must have one function"},
    {{ANY_PING, .claim = handle_ping, .admit = handle_ping}, "must have one function"},
    {{ANY_PING, .fallback = handle_ping}, "claims are of payloads"},
    {{"message", NULL, NULL, NULL, TARGET_ANY, .claim = handle_chat}, "claims are of payloads"},
    {{"message", NULL, "body", NULL, TARGET_ANY, .observe = see_every}, "name without namespace"},
    {{"message", NULL, NULL, NS_MARKERS, 0, .observe = see_every}, "has no targets"},
    {{"stanza", NULL, NULL, NS_MARKERS, TARGET_ANY, .observe = see_every}, "no such stanza"},
};

START_TEST(row_that_is_taken_or_senseless_is_refused)
{
    const struct stanza_handler table[] = {rows[_i].row, {0}};
    g_autoptr(GError) error = NULL;
    struct dispatch *dispatch = dispatch_new(NULL, NULL);
    ck_assert(dispatch_add(dispatch, "one", first, NULL));
    ck_assert(dispatch_add(dispatch, "two", second, NULL));
    bool taken = dispatch_add(dispatch, "three", table, &error);
    const char *said = taken ? "nothing" : error->message;
    ck_assert_msg(taken == !rows[_i].why && (taken || strstr(said, rows[_i].why)), "said: %s",
                  said);
    dispatch_free(dispatch);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xmpp_dispatch");
    TCase *tests = tcase_create("dispatch");
    tcase_add_loop_test(tests, stanza_has_its_outcome, 0, G_N_ELEMENTS(cases));
    tcase_add_test(tests, handler_is_told_who_and_whom);
    tcase_add_loop_test(tests, row_that_is_taken_or_senseless_is_refused, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
