/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of STUN and TURN servers, and credentials. */
#include "config.h"

#include "bridge/base/ice_uri.h"
#include "tests/unit/unit.h"

START_TEST(good_ones_are_read)
{
    static const struct {
        const char *text;
        struct ice_uri uri;
    } good[] = {
        {"stun:stun.example.org", {ICE_STUN, "stun.example.org", 3478, false}},
        {"STUN:192.0.2.1:19302", {ICE_STUN, "192.0.2.1", 19302, false}},
        {"stuns:stun.example.org", {ICE_STUNS, "stun.example.org", 5349, true}},
        {"turn:turn.example.org", {ICE_TURN, "turn.example.org", 3478, false}},
        {"turn:turn.example.org:80?transport=udp", {ICE_TURN, "turn.example.org", 80, false}},
        {"turn:[2001:db8::1]:443?transport=tcp", {ICE_TURN, "2001:db8::1", 443, true}},
        {"turns:[2001:db8::1]", {ICE_TURNS, "2001:db8::1", 5349, true}},
        {"turns:turn.example.org:443?transport=tcp", {ICE_TURNS, "turn.example.org", 443, true}},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        struct ice_uri uri;
        ck_assert_msg(ice_uri_parse(good[i].text, &uri), "%s", good[i].text);
        ck_assert_int_eq(uri.scheme, good[i].uri.scheme);
        ck_assert_str_eq(uri.host, good[i].uri.host);
        ck_assert_uint_eq(uri.port, good[i].uri.port);
        ck_assert_int_eq(uri.tcp, good[i].uri.tcp);
    }
}
END_TEST

START_TEST(bad_ones_are_refused)
{
    static const char *const bad[] = {
        "",
        "turn",
        "turn:",
        "turn://turn.example.org",
        "http://turn.example.org",
        "turn:user@turn.example.org",
        "turn:turn.example.org:0",
        "turn:turn.example.org:65536",
        "turn:turn.example.org:",
        "turn:turn.example.org:+80",
        "turn:turn.example.org?transport=sctp",
        "turn:turn.example.org?transport=udp&x",
        "turn:turn.example.org?transport=",
        "turns:turn.example.org?transport=udp",
        "stun:stun.example.org?transport=udp",
        "stun:2001:db8::1",
        "stun:[2001:db8::1",
        "stun:[stun.example.org]",
        "stun:.example.org",
        "stun:-x.example.org",
        "stun:exa\tmple.org",
        "stun:ex\xc3\xa4mple.org",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        struct ice_uri uri;
        ck_assert_msg(!ice_uri_parse(bad[i], &uri), "%s", bad[i]);
    }
}
END_TEST

START_TEST(lists_hold_one_kind)
{
    ck_assert(ice_uri_list_is_good("", true));
    ck_assert(ice_uri_list_is_good("stun:a.example stuns:b.example", false));
    ck_assert(ice_uri_list_is_good("turn:a.example, turns:b.example", true));
    ck_assert(!ice_uri_list_is_good("turn:a.example stun:b.example", true));
    ck_assert(!ice_uri_list_is_good("stun:a.example b.example", false));
    g_autoptr(GString) many = g_string_new(NULL);
    for (int i = 0; i < ICE_URIS_MAX; i++)
        g_string_append_printf(many, "stun:%d.example ", i);
    ck_assert(ice_uri_list_is_good(many->str, false));
    g_string_append(many, "stun:last.example");
    ck_assert(!ice_uri_list_is_good(many->str, false));
}
END_TEST

/* What openssl says: printf %s NAME | openssl dgst -sha1 -hmac SECRET -binary | base64 */
START_TEST(credentials_are_what_coturn_expects)
{
    g_autofree char *credential = ice_credential("north", "1433895918:user");
    ck_assert_str_eq(credential, "/gk4t5tUc08OpM3NjrVjHSFVNmY=");
}
END_TEST

UNIT_MAIN("base_ice_uri", good_ones_are_read, bad_ones_are_refused, lists_hold_one_kind,
          credentials_are_what_coturn_expects)
