/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a call is told of STUN and TURN servers. The link is a stand-in that keeps the question, the
 * bus one that keeps what was said last. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/ice_uri.h"
#include "bridge/base/options.h"
#include "bridge/call/ice.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "tests/unit/unit.h"
#include "xep/stanza.h"
#include "xep/time.h"

static struct core core;
static struct options *options;
static stanza_answer answer;
static unsigned asked;
static bool linked;
static json_t *said;
static bus_handler hears;
static bus_changed changed;

bool bus_is_heard(const struct core *heard)
{
    (void)heard;
    return true;
}

bool bus_publish(struct core *by, const char *topic, json_t *message)
{
    (void)by;
    (void)topic;
    json_decref(said);
    said = message;
    return true;
}

void bus_subscribe(struct core *by, const char *topic, bus_handler handler, void *data)
{
    (void)by;
    (void)topic;
    (void)data;
    hears = handler;
}

void bus_watch_instances(struct core *by, bus_changed watcher, void *data)
{
    (void)by;
    (void)data;
    changed = watcher;
}

static bool may_ask(void *link)
{
    (void)link;
    return linked;
}

static bool ask(void *link, xmpp_stanza_t *iq, unsigned seconds, stanza_answer done, void *data)
{
    (void)link;
    (void)seconds;
    (void)data;
    ck_assert_ptr_nonnull(stanza_child(iq, "services", "urn:xmpp:extdisco:2"));
    ck_assert_str_eq(stanza_attr(iq, "to"), "example.org");
    answer = done;
    asked++;
    return true;
}

static void set(char **member, const char *value)
{
    g_free(*member);
    *member = g_strdup(value);
}

static void start(const char *stun, const char *turn)
{
    options = options_new();
    set(&options->xmpp_domain, "app.example.org");
    set(&options->xmpp_server_domain, "example.org");
    set(&options->calls_stun, stun);
    set(&options->calls_turn, turn);
    set(&options->calls_turn_secret, "north");
    core =
        (struct core){.options = options, .sinks[SERVICE_USERS] = {.may_ask = may_ask, .ask = ask}};
    asked = 0;
    linked = true;
    ice_start(&core);
}

static void finish(void)
{
    ice_stop(&core);
    options_free(options);
}

static json_t *told(const struct uuid *call, enum ice_policy policy)
{
    g_auto(buffer) buf = BUFFER_INIT(ICE_JSON_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    ice_servers_for(&json, call, policy);
    json_end_object(&json);
    json_t *value = json_loadb(buf.data, buf.length, 0, NULL);
    ck_assert_ptr_nonnull(value);
    return value;
}

static const char *url(const json_t *reply, size_t number)
{
    const json_t *server = json_array_get(json_object_get(reply, "ice_servers"), number);
    return json_string_value(json_array_get(json_object_get(server, "urls"), 0));
}

static const char *member(const json_t *reply, size_t number, const char *name)
{
    const json_t *server = json_array_get(json_object_get(reply, "ice_servers"), number);
    return json_string_value(json_object_get(server, name));
}

static size_t count(const json_t *reply)
{
    return json_array_size(json_object_get(reply, "ice_servers"));
}

START_TEST(configured_ones_come_in_order_with_credentials_of_the_call)
{
    struct uuid call;
    char id[UUID_TEXT_SIZE];
    uuid_generate(&call);
    uuid_format(&call, id);
    start("stun:one.example stun:two.example stun:one.example", "turn:three.example");
    ck_assert(ice_has_relay());
    json_t *reply = told(&call, ICE_ALL);
    ck_assert_uint_eq(count(reply), 3);
    ck_assert_str_eq(url(reply, 0), "stun:one.example");
    ck_assert_str_eq(url(reply, 1), "stun:two.example");
    ck_assert_ptr_null(member(reply, 0, "username"));
    ck_assert_str_eq(url(reply, 2), "turn:three.example");
    const char *name = member(reply, 2, "username");
    ck_assert(g_str_has_suffix(name, id));
    gint64 expiry = g_ascii_strtoll(name, NULL, 10);
    ck_assert_int_le(expiry, clock_wall() / G_USEC_PER_SEC + 600);
    ck_assert_int_ge(expiry, clock_wall() / G_USEC_PER_SEC + 590);
    g_autofree char *credential = ice_credential("north", name);
    ck_assert_str_eq(member(reply, 2, "credential"), credential);
    ck_assert_str_eq(json_string_value(json_object_get(reply, "ice_transport_policy")), "all");
    int64_t end;
    ck_assert(xep_time_parse(json_string_value(json_object_get(reply, "expires_at")), &end));
    ck_assert_int_eq(end / G_USEC_PER_SEC, expiry);
    json_decref(reply);
    finish();
}
END_TEST

START_TEST(relay_only_tells_of_no_stun_server)
{
    start("stun:one.example", "turn:three.example");
    json_t *reply = told(NULL, ICE_RELAY);
    ck_assert_uint_eq(count(reply), 1);
    ck_assert_str_eq(url(reply, 0), "turn:three.example");
    ck_assert_str_eq(json_string_value(json_object_get(reply, "ice_transport_policy")), "relay");
    json_decref(reply);
    finish();
}
END_TEST

START_TEST(strangers_are_relayed_unless_configured_otherwise)
{
    start("", "");
    ck_assert_int_eq(ice_policy_of(options, false), ICE_ALL);
    ck_assert_int_eq(ice_policy_of(options, true), ICE_RELAY);
    set(&options->calls_relay_only, "never");
    ck_assert_int_eq(ice_policy_of(options, true), ICE_ALL);
    set(&options->calls_relay_only, "always");
    ck_assert_int_eq(ice_policy_of(options, false), ICE_RELAY);
    ck_assert(!ice_has_relay());
    finish();
}
END_TEST

/* Answers the question with <service/> elements; LIFE: seconds until those with an end expire. */
static void announce(const char *services, int life)
{
    g_autofree char *expires = xep_time_format(clock_wall() + life * (gint64)G_USEC_PER_SEC);
    g_auto(GStrv) parts = g_strsplit(services, "@", -1);
    g_autofree char *given = g_strjoinv(expires, parts);
    g_autofree char *xml = g_strdup_printf(
        "<iq xmlns='jabber:component:accept' type='result' id='1' from='example.org' "
        "to='app.example.org'><services xmlns='urn:xmpp:extdisco:2'>%s</services></iq>",
        given);
    g_autoptr(xmpp_stanza_t) iq = xmpp_stanza_new_from_string(xep_context(), xml);
    ck_assert_ptr_nonnull(iq);
    answer(iq, NULL);
}

#define TURN(host) "<service type='turn' host='" host "' port='3478' transport='udp'"
#define PASS " username='u' password='p' expires='@' restricted='1'/>"

START_TEST(announced_ones_follow_and_are_asked_for_again)
{
    start("stun:one.example", "turn:three.example");
    ice_link_up(&core);
    ck_assert_uint_eq(asked, 1);
    announce("<service type='stun' host='one.example'/>" TURN("four.example")
                 PASS TURN("no-password.example") "/>" TURN("three.example") " username='u'/>",
             300);
    json_t *reply = told(NULL, ICE_ALL);
    ck_assert_uint_eq(count(reply), 3);
    ck_assert_str_eq(url(reply, 1), "turn:three.example");
    ck_assert_str_eq(url(reply, 2), "turn:four.example:3478?transport=udp");
    ck_assert_str_eq(member(reply, 2, "username"), "u");
    ck_assert_str_eq(member(reply, 2, "credential"), "p");
    int64_t end;
    ck_assert(xep_time_parse(json_string_value(json_object_get(reply, "expires_at")), &end));
    ck_assert_int_le(end - clock_wall(), 300 * (gint64)G_USEC_PER_SEC);
    json_decref(reply);
    /* What has expired is no longer told, even if nobody answers. */
    clock_advance(301 * (gint64)G_USEC_PER_SEC);
    reply = told(NULL, ICE_ALL);
    ck_assert_uint_eq(count(reply), 2);
    json_decref(reply);
    finish();
}
END_TEST

START_TEST(a_server_that_announces_nothing_takes_nothing_away)
{
    start("stun:one.example", "");
    ice_link_up(&core);
    announce(TURN("four.example") PASS, 300);
    ck_assert(ice_has_relay());
    ice_link_up(&core);
    ck_assert_uint_eq(asked, 2);
    answer(NULL, NULL); /* nobody has answered: what was said is still true */
    ck_assert(ice_has_relay());
    ice_link_up(&core);
    announce("", 300);
    ck_assert(!ice_has_relay());
    json_t *reply = told(NULL, ICE_ALL);
    ck_assert_uint_eq(count(reply), 1);
    json_decref(reply);
    finish();
}
END_TEST

START_TEST(an_instance_without_a_link_hears_of_it)
{
    start("", "");
    changed(&core, "other", true, NULL);
    ck_assert_ptr_null(said); /* there is nothing to tell yet */
    ice_link_up(&core);
    announce(TURN("four.example") PASS, 300);
    ck_assert_ptr_nonnull(said);
    json_t *message = json_deep_copy(said);
    g_clear_pointer(&said, json_decref);
    changed(&core, "another", true, NULL);
    ck_assert(json_equal(said, message));
    g_clear_pointer(&said, json_decref);
    finish();

    start("stun:one.example", "");
    ice_link_up(&core);
    announce("", 300);
    g_clear_pointer(&said, json_decref);
    hears(&core, message, NULL);
    ck_assert(!ice_has_relay()); /* it was told itself */
    linked = false;
    hears(&core, message, NULL);
    json_t *reply = told(NULL, ICE_ALL);
    ck_assert_uint_eq(count(reply), 2);
    ck_assert_str_eq(url(reply, 1), "turn:four.example:3478?transport=udp");
    ck_assert_str_eq(member(reply, 1, "credential"), "p");
    ck_assert_ptr_null(said); /* only who has asked tells */
    json_decref(reply);
    json_t *odd = json_pack("{s:[{s:i}, {s:s}, [], n]}", "servers", "uri", 1, "uri", "turn:");
    hears(&core, odd, NULL);
    ck_assert(!ice_has_relay());
    json_decref(odd);
    json_decref(message);
    finish();
}
END_TEST

UNIT_MAIN("call_ice", configured_ones_come_in_order_with_credentials_of_the_call,
          relay_only_tells_of_no_stun_server, strangers_are_relayed_unless_configured_otherwise,
          announced_ones_follow_and_are_asked_for_again,
          a_server_that_announces_nothing_takes_nothing_away,
          an_instance_without_a_link_hears_of_it)
