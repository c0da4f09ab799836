/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Candidates on their way to XMPP: those of one turn go together. What would send them is this
 * test. */
#include "config.h"

#include <string.h>

#include "bridge/call/jingle.h"
#include "bridge/call/trickle.h"
#include "bridge/loop/loop.h"
#include "tests/unit/unit.h"
#include "xep/jingle/content.h"
#include "xep/jingle/sdp.h"

#define PRINT                                                                                      \
    "AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:"   \
    "AB:AB"
#define CONTENT(kind, pt, mid)                                                                     \
    "m=" kind " 9 UDP/TLS/RTP/SAVPF " pt "\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:q1Wz\r\n"            \
    "a=ice-pwd:UWn0pZ1gJb3k9yFv2cXtLq0E\r\na=mid:" mid "\r\na=rtcp-mux\r\na=setup:actpass\r\n"     \
    "a=fingerprint:sha-256 " PRINT "\r\n"                                                          \
    "a=candidate:9 1 udp 1 192.0.2.9 9 typ host\r\n"
static const char sdp[] =
    "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n" CONTENT("audio", "0", "0")
        CONTENT("video", "96", "1") "a=rtpmap:96 VP8/90000\r\n";

static struct {
    bool relayed;
    void (*deferred)(void *data);
    void *data;
    GString *sent; /* "NAME:PORT,PORT;" for each request */
    unsigned read;
} t;

/* ---- What the rest of the program does here -------------------------------------------------- */

struct call *call_ref(struct call *call)
{
    call->references++;
    return call;
}

void call_unref(struct call *call)
{
    call->references--;
}

bool jingle_is_relayed(const struct call *call)
{
    (void)call;
    return t.relayed;
}

struct media_description *jingle_description(const struct call *call, const char *name)
{
    enum media_fault fault;
    (void)call;
    ck_assert_str_eq(name, "local");
    t.read++;
    return sdp_read(sdp, strlen(sdp), &fault);
}

void jingle_content_out(struct call *call, const struct jingle *jingle,
                        const struct media_content *content, unsigned parts,
                        const struct media_description *group)
{
    (void)call;
    ck_assert_int_eq(jingle->action, JINGLE_TRANSPORT_INFO);
    ck_assert_ptr_null(group);
    ck_assert_uint_eq(parts, CONTENT_TRANSPORT);
    g_string_append_printf(t.sent, "%s:", content->name);
    for (guint i = 0; i < content->transport.candidates->len; i++)
        g_string_append_printf(
            t.sent, "%s%u", i > 0 ? "," : "",
            g_array_index(content->transport.candidates, struct candidate, i).port);
    g_string_append_c(t.sent, ';');
}

void loop_defer(void (*function)(void *data), void *data)
{
    ck_assert_ptr_null(t.deferred);
    t.deferred = function;
    t.data = data;
}

/* ---- The tests ------------------------------------------------------------------------------- */

static struct call a_call;

static void set_up(void)
{
    memset(&t, 0, sizeof t);
    memset(&a_call, 0, sizeof a_call);
    t.sent = g_string_new(NULL);
    trickle_start();
}

static void tear_down(void)
{
    trickle_stop();
    ck_assert_int_eq(a_call.references, 0);
    g_string_free(t.sent, TRUE);
}

static void say(const char *mid, unsigned port, const char *type)
{
    g_autofree char *line = g_strdup_printf("candidate:1 1 udp 5 192.0.2.1 %u typ %s", port, type);
    json_t *signal =
        json_pack("{s:{s:s, s:s}}", "data", "candidate", *type ? line : "", "sdpMid", mid);
    trickle_out(&a_call, signal);
    json_decref(signal);
}

static void turn_end(void)
{
    void (*deferred)(void *data) = t.deferred;
    t.deferred = NULL;
    deferred(t.data);
}

START_TEST(those_of_a_turn_go_together)
{
    set_up();
    say("0", 1001, "host");
    say("1", 2001, "host");
    say("0", 1002, "host");
    say("0", 1003, "");
    ck_assert_str_eq(t.sent->str, "");
    turn_end();
    ck_assert_str_eq(t.sent->str, "0:1001,1002;1:2001;");
    ck_assert_uint_eq(t.read, 1);
    say("0", 1004, "host");
    turn_end();
    ck_assert_str_eq(t.sent->str, "0:1001,1002;1:2001;0:1004;");
    tear_down();
}
END_TEST

START_TEST(what_waits_goes_before_something_else)
{
    set_up();
    say("0", 1001, "host");
    trickle_flush(&a_call);
    ck_assert_str_eq(t.sent->str, "0:1001;");
    turn_end();
    ck_assert_str_eq(t.sent->str, "0:1001;");
    tear_down();
}
END_TEST

START_TEST(what_must_not_be_told_is_not)
{
    set_up();
    t.relayed = true;
    say("0", 1001, "host");
    say("7", 1002, "relay");
    say("1", 1003, "relay");
    turn_end();
    ck_assert_str_eq(t.sent->str, "1:1003;");
    tear_down();
}
END_TEST

UNIT_MAIN("call_trickle", those_of_a_turn_go_together, what_waits_goes_before_something_else,
          what_must_not_be_told_is_not)
