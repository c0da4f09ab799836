/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nothing that was said by real browsers tells where they are, once it has been through
 * relay_only. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "tests/unit/unit.h"
#include "xep/jingle/negotiate.h"
#include "xep/jingle/relay_only.h"
#include "xep/jingle/sdp.h"

/* Whether TEXT holds an address that is not one of nobody. Ports and ids have no dots or colons of
 * that kind. */
static bool names_an_address(const char *text)
{
    static const char v4[] = "\\b(?!0\\.0\\.0\\.0|127\\.0\\.0\\.1)\\d+\\.\\d+\\.\\d+\\.\\d+\\b";
    static const char v6[] = "\\b[0-9a-f]{1,4}:[0-9a-f:]*:[0-9a-f]+\\b|\\.local\\b";
    return g_regex_match_simple(v4, text, 0, 0) || g_regex_match_simple(v6, text, 0, 0);
}

/* Fingerprints are of upper case; a relayed candidate may name the relay. */
static void check_lines(const char *file, const char *sdp)
{
    g_auto(GStrv) lines = g_strsplit(sdp, "\r\n", -1);
    for (char **line = lines; *line; line++) {
        bool relayed = g_str_has_prefix(*line, "a=candidate:") && strstr(*line, " typ relay ");
        ck_assert_msg(!g_str_has_prefix(*line, "a=candidate:") || relayed, "%s: %s", file, *line);
        ck_assert_msg(!relayed || strstr(*line, " raddr 0.0.0.0 rport 0") ||
                          strstr(*line, " raddr :: rport 0"),
                      "%s: %s", file, *line);
        bool key = strstr(*line, "fingerprint") || strstr(*line, "urn:") || relayed;
        ck_assert_msg(key || !names_an_address(*line), "%s: %s", file, *line);
    }
}

static void check_file(const char *file, const char *text)
{
    enum media_fault fault;
    g_autofree char *kept = relay_only_sdp(text);
    g_autofree char *again = relay_only_sdp(kept);
    check_lines(file, kept);
    ck_assert_str_eq(kept, again);
    g_autoptr(media_description) before = sdp_read(text, strlen(text), &fault);
    g_autoptr(media_description) after = sdp_read(kept, strlen(kept), &fault);
    ck_assert_msg(before && after, "%s", file);
    media_filter_candidates(before, true);
    /* All else is as it was. */
    const struct sdp_origin origin = {1, 1, "s"};
    g_autofree char *expected = sdp_write(before, &origin);
    g_autofree char *got = sdp_write(after, &origin);
    ck_assert_str_eq(got, expected);
}

START_TEST(what_browsers_say_tells_no_address)
{
    const char *source = g_getenv("srcdir");
    g_autofree char *folder =
        g_build_filename(source ? source : ".", "tests", "vectors", "calls", NULL);
    g_autoptr(GDir) files = g_dir_open(folder, 0, NULL);
    unsigned count = 0, told = 0;
    for (const char *name; (name = g_dir_read_name(files));) {
        if (!g_str_has_suffix(name, ".sdp"))
            continue;
        g_autofree char *path = g_build_filename(folder, name, NULL);
        g_autofree char *text = NULL;
        ck_assert(g_file_get_contents(path, &text, NULL, NULL));
        check_file(name, text);
        told += names_an_address(text);
        count++;
    }
    ck_assert_uint_gt(count, 30);
    ck_assert_uint_gt(told, 10);
}
END_TEST

START_TEST(what_browsers_write_when_they_have_gathered_tells_no_address)
{
    static const char sdp[] =
        "v=0\r\no=- 4611 2 IN IP4 192.0.2.7\r\ns=-\r\nt=0 0\r\n"
        "m=audio 50000 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP6 2001:db8::7\r\n"
        "a=rtcp:50001 IN IP4 192.0.2.7\r\na=mid:0\r\n"
        "a=candidate:1 1 udp 2122260223 192.0.2.7 50000 typ host generation 0\r\n"
        "a=candidate:2 1 udp 1686052607 198.51.100.7 50000 typ srflx raddr 192.0.2.7 rport "
        "50000\r\n"
        "a=candidate:3 1 udp 41885439 203.0.113.9 3 typ relay raddr 198.51.100.7 rport 50000\r\n"
        "a=candidate:4 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active\r\n"
        "a=remote-candidates:1 192.0.2.8 40000\r\na=end-of-candidates\r\n"
        "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 192.0.2.7\r\na=bundle-only\r\n";
    static const char expected[] =
        "v=0\r\no=- 4611 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\n"
        "a=rtcp:9 IN IP4 0.0.0.0\r\na=mid:0\r\n"
        "a=candidate:3 1 udp 41885439 203.0.113.9 3 typ relay raddr 0.0.0.0 rport 0 generation "
        "0\r\n"
        "a=end-of-candidates\r\n"
        "m=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=bundle-only\r\n";
    g_autofree char *kept = relay_only_sdp(sdp);
    ck_assert_str_eq(kept, expected);
}
END_TEST

START_TEST(candidates_pass_only_when_relayed)
{
    static const struct {
        const char *line, *shown;
    } lines[] = {
        {"candidate:1 1 udp 5 192.0.2.7 50000 typ host", NULL},
        {"candidate:1 1 udp 5 192.0.2.7 50000 typ srflx raddr 10.0.0.1 rport 1", NULL},
        {"candidate:1 1 udp 5 192.0.2.7 50000 typ prflx raddr 10.0.0.1 rport 1", NULL},
        {"candidate:1 1 udp 5 ab12.local 50000 typ host", NULL},
        {"candidate:1 1 udp 5 203.0.113.9 3 typ relay raddr 10.0.0.1 rport 1 network-id 2",
         "candidate:1 1 udp 5 203.0.113.9 3 typ relay raddr 0.0.0.0 rport 0 generation 0"},
        {"a=candidate:1 1 UDP 5 2001:db8::9 3 typ relay",
         "a=candidate:1 1 udp 5 2001:db8::9 3 typ relay raddr :: rport 0 generation 0"},
        {"candidate:1 1 udp 5 203.0.113.9 3 typ relay\r\na=candidate:x", NULL},
        {"c=IN IP4 192.0.2.7", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *shown = relay_only_candidate(lines[i].line);
        ck_assert_pstr_eq(shown, lines[i].shown);
    }
}
END_TEST

UNIT_MAIN("xep_relay_only", what_browsers_say_tells_no_address,
          what_browsers_write_when_they_have_gathered_tells_no_address,
          candidates_pass_only_when_relayed)
