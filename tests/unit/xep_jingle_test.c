/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptions of calls: what real browsers and XMPP clients said (tests/vectors/calls) goes to the
 * other form and back, and what is hostile does not come through. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/call_vector.h"
#include "tests/unit/unit.h"
#include "xep/0166_jingle.h"
#include "xep/jingle/candidate.h"
#include "xep/jingle/content.h"
#include "xep/jingle/negotiate.h"
#include "xep/jingle/sdp.h"
#include "xep/stanza_text.h"

static const struct sdp_origin origin = {.session = 7, .version = 1, .stream = "call"};

/* ---- Helpers --------------------------------------------------------------------------------- */

/* Calls EACH for every vector whose name ends with SUFFIX. */
static unsigned each_vector(const char *suffix, void (*each)(const char *file, const char *text))
{
    g_autofree char *folder = vector_path("");
    g_autoptr(GDir) directory = g_dir_open(folder, 0, NULL);
    const char *file;
    unsigned count = 0;
    ck_assert(directory);
    while ((file = g_dir_read_name(directory))) {
        if (!g_str_has_suffix(file, suffix))
            continue;
        g_autofree char *text = vector(file);
        each(file, text);
        count++;
    }
    return count;
}

static enum media_fault fault_of(const char *text, size_t length)
{
    enum media_fault fault;
    g_autoptr(media_description) description = sdp_read(text, length, &fault);
    ck_assert((description == NULL) == (fault != MEDIA_OK));
    return fault != MEDIA_OK ? fault : media_check(description);
}

/* What DESCRIPTION is after it went over XMPP. */
static struct media_description *over_xmpp(const struct media_description *description,
                                           bool by_initiator, char **ret_xml)
{
    enum media_fault fault;
    g_autoptr(xmpp_stanza_t) iq = stanza_new_iq("set", "i", "a@a.example/r", "b@b.example/r");
    const struct jingle jingle = {.action = JINGLE_SESSION_INITIATE, .sid = "s"};
    content_write(jingle_add(iq, &jingle), description, by_initiator, CONTENT_ALL);
    g_autofree char *xml = stanza_to_link_text(iq, NULL);
    g_autoptr(xmpp_stanza_t) there = stanza_from(xml);
    struct media_description *read = content_read(jingle_element(there), by_initiator, &fault);
    ck_assert_msg(read != NULL, "fault %d in %s", fault, xml);
    if (ret_xml)
        *ret_xml = g_steal_pointer(&xml);
    return read;
}

static void drop_rejected(struct media_description *description)
{
    for (guint i = description->contents->len; i-- > 0;) {
        const struct media_content *content = description->contents->pdata[i];
        if (content->rejected)
            g_ptr_array_remove_index(description->contents, i);
    }
}

/* ---- Browsers -------------------------------------------------------------------------------- */

static void check_sdp(const char *file, const char *text)
{
    g_autoptr(media_description) first = read_sdp(file, text);
    g_autofree char *once = sdp_write(first, &origin);
    g_autoptr(media_description) second = read_sdp(file, once);
    g_autofree char *twice = sdp_write(second, &origin);
    ck_assert_str_eq(once, twice);
    ck_assert_msg(media_check(first) == MEDIA_OK, "%s: fault %d", file, media_check(first));
}

START_TEST(what_browsers_say_reads_back_as_written)
{
    ck_assert_uint_gt(each_vector(".sdp", check_sdp), 30);
}
END_TEST

static void check_over_xmpp(const char *file, const char *text)
{
    for (int by_initiator = 0; by_initiator < 2; by_initiator++) {
        g_autoptr(media_description) here = read_sdp(file, text);
        drop_rejected(here);
        /* Jingle names the track in the sources, and only there. */
        for (guint i = 0; i < here->contents->len; i++) {
            struct media_content *content = here->contents->pdata[i];
            if (content->sources->len == 0)
                content->stream = content->track = NULL;
        }
        for (guint i = here->bundle->len; i-- > 0;) {
            if (!media_content_by_mid(here, here->bundle->pdata[i]))
                g_ptr_array_remove_index(here->bundle, i);
        }
        g_autoptr(media_description) there = over_xmpp(here, by_initiator, NULL);
        g_autofree char *before = sdp_write(here, &origin);
        g_autofree char *after = sdp_write(there, &origin);
        /* The way there adds msid to each source. */
        g_autoptr(GRegex) msid = g_regex_new("a=ssrc:[0-9]+ msid:.*\r\n", 0, 0, NULL);
        g_autofree char *plain = g_regex_replace_literal(msid, before, -1, 0, "", 0, NULL);
        g_autofree char *plain_after = g_regex_replace_literal(msid, after, -1, 0, "", 0, NULL);
        ck_assert_msg(strcmp(plain, plain_after) == 0, "%s:\n%s\n%s", file, plain, plain_after);
    }
}

START_TEST(what_browsers_say_survives_the_way_over_xmpp)
{
    ck_assert_uint_gt(each_vector(".sdp", check_over_xmpp), 30);
}
END_TEST

/* The stanza of an offer to XMPP clients must stay small: some servers refuse more than 10 KB. */
static void check_trimmed(const char *file, const char *text)
{
    g_autofree char *xml = NULL;
    if (!strstr(file, "offer"))
        return;
    g_autoptr(media_description) offer = read_sdp(file, text);
    media_trim_offer(offer);
    g_autoptr(media_description) there = over_xmpp(offer, true, &xml);
    ck_assert_msg(strlen(xml) < 10000, "%s: %zu bytes", file, strlen(xml));
    ck_assert_int_eq(media_check(there), MEDIA_OK);
    ck_assert(!strstr(xml, "name=\"red\"") && !strstr(xml, "media=\"application\""));
    ck_assert(!strstr(xml, "crypto"));
}

START_TEST(an_offer_to_xmpp_has_what_its_clients_can_use)
{
    ck_assert_uint_gt(each_vector(".sdp", check_trimmed), 30);
}
END_TEST

/* Section 5.1 of the mapping, word for word. */
START_TEST(an_offer_becomes_the_stanza_of_the_specifications)
{
    static const char sdp[] =
        "v=0\r\no=- 3811 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:q1Wz\r\n"
        "a=ice-pwd:UWn0pZ1gJb3k9yFv2cXtLq0E\r\na=ice-options:trickle\r\n"
        "a=fingerprint:sha-1 00:11:22:33:44:55:66:77:88:99:aa:bb:cc:dd:ee:ff:00:11:22:33\r\n"
        "a=setup:actpass\r\na=mid:0\r\na=extmap:1/recvonly "
        "urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n"
        "a=sendonly\r\na=msid:s1 t1\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n"
        "a=rtcp-fb:111 transport-cc\r\na=rtcp-fb:111 nack pli\r\na=fmtp:111 "
        "minptime=10;useinbandfec=1\r\n"
        "a=rtpmap:0 PCMU/8000\r\na=ssrc:1001 cname:c1\r\n";
    static const char wanted[] =
        "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content "
        "name='0'/></group>"
        "<content creator='initiator' name='0' senders='initiator'>"
        "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
        "<payload-type channels='2' clockrate='48000' id='111' name='opus'>"
        "<parameter name='minptime' value='10'/><parameter name='useinbandfec' value='1'/>"
        "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/>"
        "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' subtype='pli' "
        "type='nack'/></payload-type>"
        "<payload-type clockrate='8000' id='0' name='PCMU'/>"
        "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' senders='responder' "
        "uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'/>"
        "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1001'><parameter name='cname' "
        "value='c1'/>"
        "<parameter name='msid' value='s1 t1'/></source><rtcp-mux/></description>"
        "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' pwd='UWn0pZ1gJb3k9yFv2cXtLq0E' "
        "ufrag='q1Wz'>"
        "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-1' setup='actpass'>"
        "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33</fingerprint></transport></"
        "content></jingle>";
    g_autofree char *xml = NULL;
    g_autoptr(media_description) here = read_sdp("example", sdp);
    g_autoptr(media_description) there = over_xmpp(here, true, &xml);
    const char *group = strstr(xml, "<group ");
    ck_assert_ptr_nonnull(group);
    g_autofree char *got = g_strndup(group, strlen(wanted));
    ck_assert_str_eq(got, wanted);
}
END_TEST

/* ---- XMPP clients ---------------------------------------------------------------------------- */

static bool by_initiator_of(const char *file, enum jingle_action action)
{
    /* In these recordings the caller adds, too, but for Dino's answers. */
    (void)file;
    return action != JINGLE_SESSION_ACCEPT && action != JINGLE_CONTENT_ACCEPT;
}

static void check_stanza(const char *file, const char *text)
{
    struct jingle jingle;
    enum media_fault fault;
    g_autoptr(xmpp_stanza_t) iq = stanza_from(text);
    xmpp_stanza_t *element = jingle_element(iq);
    ck_assert_msg(element && jingle_parse(element, &jingle), "%s", file);
    if (!stanza_child(element, "content", NS_JINGLE))
        return;
    g_autoptr(media_description) description =
        content_read(element, by_initiator_of(file, jingle.action), &fault);
    ck_assert_msg(description != NULL, "%s: fault %d", file, fault);
    if (jingle.action != JINGLE_SESSION_INITIATE && jingle.action != JINGLE_SESSION_ACCEPT)
        return;
    ck_assert_msg(media_check(description) == MEDIA_OK, "%s: fault %d", file,
                  media_check(description));
    g_autofree char *sdp = sdp_write(description, &origin);
    g_autoptr(media_description) again = read_sdp(file, sdp);
    g_autofree char *second = sdp_write(again, &origin);
    ck_assert_str_eq(sdp, second);
    ck_assert(!strstr(sdp, "crypto"));
}

START_TEST(what_xmpp_clients_say_becomes_a_description)
{
    ck_assert_uint_gt(each_vector(".xml", check_stanza), 15);
}
END_TEST

START_TEST(dinos_video_call_becomes_an_offer_of_two_transports)
{
    g_autoptr(media_description) offer =
        read_stanza_vector("dino-out-video-session-initiate-in.xml", true);
    media_filter_candidates(offer, false);
    g_autofree char *sdp = sdp_write(offer, &origin);
    ck_assert(!strstr(sdp, "BUNDLE"));
    ck_assert_ptr_nonnull(strstr(sdp, "m=audio 9 UDP/TLS/RTP/SAVPF 111 112 113 114 0 8\r\n"));
    ck_assert_ptr_nonnull(strstr(sdp, "a=mid:audio\r\n"));
    ck_assert_ptr_nonnull(strstr(sdp, "a=mid:video\r\n"));
    ck_assert_ptr_nonnull(strstr(sdp, "a=msid:call audio\r\n"));
    ck_assert_ptr_nonnull(strstr(sdp, "a=rtcp-fb:98 ccm fir\r\n"));
    ck_assert_ptr_nonnull(strstr(sdp, "a=ice-ufrag:ADqv\r\n"));
    ck_assert_ptr_nonnull(strstr(sdp, "a=ice-ufrag:tMyd\r\n"));
    /* Component 2 has no use under rtcp-mux. */
    ck_assert_ptr_nonnull(strstr(sdp, "a=candidate:1 1 udp 2015363327 192.0.2.2 38578 typ host"));
    ck_assert(!strstr(sdp, "a=candidate:1 2 "));
}
END_TEST

START_TEST(dinos_answer_fits_the_offer_it_was_given)
{
    g_autoptr(media_description) offer =
        read_stanza_vector("dino-in-video-session-initiate-out.xml", true);
    g_autoptr(media_description) answer =
        read_stanza_vector("dino-in-video-session-accept-in.xml", false);
    ck_assert_int_eq(media_fit_answer(answer, offer, true), MEDIA_OK);
    ck_assert_int_eq(media_check(answer), MEDIA_OK);
    ck_assert_uint_eq(answer->contents->len, offer->contents->len);
    ck_assert_uint_eq(answer->bundle->len, 0);
}
END_TEST

START_TEST(a_source_of_a_group_is_described)
{
    g_autoptr(media_description) answer =
        read_stanza_vector("stanza-video-mute-hold-restart-session-accept-erin.xml", false);
    g_autofree char *sdp = sdp_write(answer, &origin);
    ck_assert_ptr_nonnull(strstr(sdp, "a=ssrc-group:FID 274980471 3186590589\r\n"));
    ck_assert_ptr_nonnull(strstr(sdp, "a=ssrc:274980471 cname:KJ1YUw9ogyL8qDNG\r\n"));
    ck_assert_ptr_nonnull(strstr(sdp, "a=ssrc:3186590589 cname:KJ1YUw9ogyL8qDNG\r\n"));
}
END_TEST

START_TEST(a_chromium_answer_fits_what_it_answers)
{
    g_autofree char *offered = vector("chromium-video-data-1-offer.sdp");
    g_autofree char *answered = vector("chromium-video-data-2-answer.sdp");
    g_autoptr(media_description) offer = read_sdp("offer", offered);
    g_autoptr(media_description) answer = read_sdp("answer", answered);
    ck_assert_int_eq(media_fit_answer(answer, offer, false), MEDIA_OK);
    ck_assert_uint_eq(answer->contents->len, 3); /* the data channel keeps its place */
    const struct media_content *data = answer->contents->pdata[2];
    ck_assert(data->rejected);
    ck_assert_uint_eq(answer->bundle->len, 2);
}
END_TEST

/* ---- Answers --------------------------------------------------------------------------------- */

#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define DTLS "a=fingerprint:sha-1 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33\r\n"
#define ICE "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
#define AUDIO(setup)                                                                               \
    "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\na=rtcp-mux\r\n" DTLS ICE      \
    "a=setup:" setup "\r\n"

START_TEST(an_answer_is_cut_to_what_was_offered)
{
    static const char offered[] =
        HEAD AUDIO("actpass") "a=mid:a\r\n"
                              "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=rtpmap:96 "
                              "VP8/90000\r\na=mid:v\r\na=rtcp-mux\r\n" DTLS ICE
                              "a=setup:actpass\r\n";
    static const char answered[] = HEAD
        "a=group:BUNDLE a\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=rtpmap:111 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=extmap:3 urn:x\r\na=rtcp-mux\r\na=mid:a\r\n" DTLS ICE "a=setup:active\r\n";
    g_autoptr(media_description) offer = read_sdp("offer", offered);
    g_autoptr(media_description) answer = read_sdp("answer", answered);
    ck_assert_int_eq(media_fit_answer(answer, offer, false), MEDIA_OK);
    g_autofree char *sdp = sdp_write(answer, &origin);
    ck_assert_ptr_nonnull(strstr(sdp, "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"));
    ck_assert_ptr_nonnull(strstr(sdp, "m=video 0 UDP/TLS/RTP/SAVPF 0\r\n"));
    ck_assert(!strstr(sdp, "extmap") && !strstr(sdp, "BUNDLE"));
}
END_TEST

static enum media_fault fault_of_answer(const char *answered)
{
    g_autoptr(media_description) offer = read_sdp("offer", HEAD AUDIO("actpass") "a=mid:a\r\n");
    g_autoptr(media_description) answer = read_sdp("answer", answered);
    return media_fit_answer(answer, offer, false);
}

START_TEST(an_answer_that_does_not_answer_is_refused)
{
    ck_assert_int_eq(fault_of_answer(HEAD AUDIO("active") "a=mid:a\r\n"), MEDIA_OK);
    ck_assert_int_eq(fault_of_answer(HEAD AUDIO("actpass") "a=mid:a\r\n"), MEDIA_NO_SECURITY);
    ck_assert_int_eq(fault_of_answer(HEAD AUDIO("active") "a=mid:b\r\n"), MEDIA_BAD_SYNTAX);
    ck_assert_int_eq(
        fault_of_answer(HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000\r\n"
                             "a=mid:a\r\na=setup:active\r\n"),
        MEDIA_NO_COMMON);
    ck_assert_int_eq(
        fault_of_answer(HEAD "m=video 9 UDP/TLS/RTP/SAVPF 111\r\na=rtpmap:111 opus/48000/2\r\n"
                             "a=mid:a\r\na=setup:active\r\n"),
        MEDIA_NO_COMMON);
}
END_TEST

/* ---- Candidates ------------------------------------------------------------------------------ */

START_TEST(candidates_of_browsers_read_back_as_written)
{
    g_autofree char *text = vector("candidates.txt");
    g_auto(GStrv) lines = g_strsplit(g_strchomp(text), "\n", -1);
    g_autoptr(media_description) description = media_description_new();
    ck_assert_uint_gt(g_strv_length(lines), 50);
    for (char **line = lines; *line; line++) {
        struct candidate first, second, third;
        g_autoptr(GString) once = g_string_new("a=");
        g_autoptr(GString) twice = g_string_new("a=");
        ck_assert_msg(candidate_read_line(description, *line, strlen(*line), &first), "%s", *line);
        candidate_write_line(once, &first, "ufrag");
        ck_assert_msg(candidate_read_line(description, once->str, once->len, &second), "%s",
                      once->str);
        candidate_write_line(twice, &second, "ufrag");
        ck_assert_str_eq(once->str, twice->str);
        g_autoptr(xmpp_stanza_t) transport = stanza_new("transport", NS_JINGLE_ICE_UDP);
        candidate_add(transport, &first, 1);
        ck_assert(candidate_parse(description, stanza_first(transport), &third));
        g_autoptr(GString) thrice = g_string_new("a=");
        candidate_write_line(thrice, &third, "ufrag");
        ck_assert_str_eq(once->str, thrice->str);
    }
}
END_TEST

static const struct {
    const char *line;
    bool reads, passes, relayed;
} candidates[] = {
    {"candidate:1 1 udp 1 192.0.2.2 44073 typ host", true, true, false},
    {"a=candidate:1 1 UDP 1 192.0.2.2 44073 typ srflx raddr 10.0.0.1 rport 9", true, true, false},
    {"candidate:1 1 udp 1 192.0.2.2 40001 typ relay raddr 0.0.0.0 rport 0 x y", true, true, true},
    {"candidate:1 1 udp 1 2001:db8::2 4 typ prflx", true, true, false},
    {"candidate:1 1 udp 1 ab12.local 44073 typ host", true, false, false},
    {"candidate:1 1 tcp 1 192.0.2.2 9 typ host tcptype active", true, false, false},
    {"candidate:1 2 udp 1 192.0.2.2 9 typ host", true, false, false},
    {"candidate:1 1 udp 1 192.0.2.2 0 typ host", true, false, false},
    {"candidate:1 1 udp 1 127.0.0.1 9 typ host", true, false, false},
    {"candidate:1 1 udp 1 0.0.0.0 9 typ host", true, false, false},
    {"candidate:1 1 udp 1 169.254.3.4 9 typ host", true, false, false},
    {"candidate:1 1 udp 1 224.0.0.1 9 typ host", true, false, false},
    {"candidate:1 1 udp 1 ::1 9 typ host", true, false, false},
    {"candidate:1 1 udp 1 fe80::1 9 typ host", true, false, false},
    {"candidate:1 1 udp 1 ::ffff:127.0.0.1 9 typ host", true, false, false},
    {"candidate:1 1 udp 1 ::127.0.0.1 9 typ host", true, false, false},
    {"candidate:1 1 udp 1 0x7f.1 9 typ host", true, false, false},
    {"candidate:1 1 udp 1 192.0.2.2 99999 typ host", false, false, false},
    {"candidate:1 1 udp 4294967296 192.0.2.2 9 typ host", false, false, false},
    {"candidate:1 0 udp 1 192.0.2.2 9 typ host", false, false, false},
    {"candidate:1 1 sctp 1 192.0.2.2 9 typ host", false, false, false},
    {"candidate:1 1 udp 1 192.0.2.2 9 typ foo", false, false, false},
    {"candidate:1 1 udp 1 192.0.2.2 9 type host", false, false, false},
    {"candidate:1 1 udp 1 192.0.2.2 9 typ host raddr", false, false, false},
    {"candidate:1 1 udp 1 192.0.2.2 9 typ", false, false, false},
    {"candidate:123456789012345678901234567890123 1 udp 1 192.0.2.2 9 typ host", false, false,
     false},
    {"candidate:a\xc3\xa4 1 udp 1 192.0.2.2 9 typ host", false, false, false},
    {"candidate:1 1 udp 1 192.0.2.2\r\na=x 9 typ host", false, false, false},
    {"candidate:1 1 udp 1 192.0.2.2 9 typ host\r\na=inactive", false, false, false},
    {"candidate:", false, false, false},
    {"", false, false, false},
};

START_TEST(candidates_are_read_strictly_and_told_only_when_of_use)
{
    g_autoptr(media_description) description = media_description_new();
    for (size_t i = 0; i < G_N_ELEMENTS(candidates); i++) {
        struct candidate candidate;
        const char *line = candidates[i].line;
        bool reads = candidate_read_line(description, line, strlen(line), &candidate);
        ck_assert_msg(reads == candidates[i].reads, "%s", line);
        ck_assert_msg(!reads || candidate_may_pass(&candidate, false) == candidates[i].passes, "%s",
                      line);
        ck_assert_msg(!reads || candidate_may_pass(&candidate, true) == candidates[i].relayed, "%s",
                      line);
    }
}
END_TEST

START_TEST(a_relayed_candidate_does_not_tell_where_it_was_made)
{
    static const char line[] =
        "candidate:1 1 udp 1 192.0.2.2 9 typ relay raddr 198.51.100.7 rport 5";
    struct candidate candidate;
    g_autoptr(media_description) description = media_description_new();
    ck_assert(candidate_read_line(description, line, strlen(line), &candidate));
    ck_assert_str_eq(candidate_shown(&candidate, false).related_address, "198.51.100.7");
    ck_assert_ptr_null(candidate_shown(&candidate, true).related_address);
}
END_TEST

/* ---- Bad input ------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    enum media_fault fault;
} bad[] = {
    {"", MEDIA_BAD_SYNTAX},
    {"hello", MEDIA_BAD_SYNTAX},
    {"v=1\r\n", MEDIA_BAD_SYNTAX},
    {HEAD, MEDIA_NO_MEDIA},
    {HEAD "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:0\r\n", MEDIA_NO_MEDIA},
    {HEAD AUDIO("actpass") "a=mid:a b\r\n", MEDIA_BAD_SYNTAX},
    {HEAD AUDIO("actpass") "a=mid:a\r\n" AUDIO("actpass") "a=mid:a\r\n", MEDIA_BAD_SYNTAX},
    {HEAD AUDIO("holdconn"), MEDIA_NO_SECURITY},
    {HEAD "m=audio 9 RTP/AVP 0\r\n", MEDIA_NO_SECURITY},
    {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\n" ICE, MEDIA_NO_SECURITY},
    {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\na=setup:actpass\r\n" DTLS,
     MEDIA_NO_TRANSPORT},
    {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=setup:actpass\r\n" DTLS ICE, MEDIA_NO_TRANSPORT},
    {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=rtcp-mux\r\na=setup:actpass\r\n" DTLS
          "a=ice-ufrag:abc\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n",
     MEDIA_NO_TRANSPORT},
    {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 0 0\r\n", MEDIA_BAD_SYNTAX},
    {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 128\r\n", MEDIA_BAD_SYNTAX},
    {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF -1\r\n", MEDIA_BAD_SYNTAX},
    {HEAD "m=audio 65536 UDP/TLS/RTP/SAVPF 0\r\n", MEDIA_BAD_SYNTAX},
    {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 97\r\na=rtpmap:97 a b/8000\r\n", MEDIA_BAD_SYNTAX},
    {HEAD AUDIO("actpass") "a=ssrc:4294967296 cname:x\r\n", MEDIA_BAD_SYNTAX},
    {HEAD AUDIO("actpass") "a=extmap:0 urn:x\r\n", MEDIA_BAD_SYNTAX},
    {HEAD AUDIO("actpass") "a=candidate:1 1 udp 1 192.0.2.2 9 typ foo\r\n", MEDIA_BAD_SYNTAX},
    {HEAD AUDIO("actpass") "a=fingerprint:sha-1 00:11\r\n", MEDIA_BAD_SYNTAX},
    {HEAD AUDIO("actpass") "a=fingerprint:md2 00\r\n", MEDIA_BAD_SYNTAX},
};

START_TEST(bad_descriptions_are_refused_with_their_reason)
{
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++)
        ck_assert_msg(fault_of(bad[i].text, strlen(bad[i].text)) == bad[i].fault, "%zu: %d: %s", i,
                      fault_of(bad[i].text, strlen(bad[i].text)), bad[i].text);
    ck_assert_int_eq(fault_of("v=0\r\na=x\0y\r\n", 12), MEDIA_BAD_SYNTAX);
    ck_assert_int_eq(fault_of("v=0\r\na=\xff\r\n", 10), MEDIA_BAD_SYNTAX);
}
END_TEST

/* Of HEAD and COUNT times LINE, in which # is a number that counts. */
static enum media_fault fault_of_repeated(const char *head, const char *line, unsigned count)
{
    g_autoptr(GString) text = g_string_new(head);
    for (unsigned i = 0; i < count; i++) {
        for (const char *c = line; *c; c++) {
            if (*c == '#')
                g_string_append_printf(text, "%u", i);
            else
                g_string_append_c(text, *c);
        }
    }
    return fault_of(text->str, text->len);
}

START_TEST(every_list_has_a_ceiling)
{
    static const char head[] = HEAD AUDIO("actpass");
    ck_assert_int_eq(fault_of_repeated(head, "a=candidate:# 1 udp 1 192.0.2.2 9 typ host\r\n", 64),
                     MEDIA_OK);
    ck_assert_int_eq(fault_of_repeated(head, "a=candidate:# 1 udp 1 192.0.2.2 9 typ host\r\n", 65),
                     MEDIA_TOO_MUCH);
    ck_assert_int_eq(fault_of_repeated(head, "a=ssrc:# cname:x\r\n", 33), MEDIA_TOO_MUCH);
    ck_assert_int_eq(fault_of_repeated(head, "a=ssrc:1 cname:x#\r\n", 65), MEDIA_TOO_MUCH);
    ck_assert_int_eq(fault_of_repeated(head, "a=rtcp-fb:111 x#\r\n", 65), MEDIA_TOO_MUCH);
    ck_assert_int_eq(fault_of_repeated(head, "a=rtcp-fb:* x#\r\n", 65), MEDIA_TOO_MUCH);
    ck_assert_int_eq(fault_of_repeated(head, "a=extmap:1 urn:x#\r\n", 65), MEDIA_TOO_MUCH);
    ck_assert_int_eq(fault_of_repeated(head, "a=fmtp:111 x#=1\r\n", 65), MEDIA_TOO_MUCH);
    ck_assert_int_eq(fault_of_repeated(HEAD, "m=audio 0 UDP/TLS/RTP/SAVPF 0\r\na=mid:x#\r\n", 9),
                     MEDIA_TOO_MUCH);
    ck_assert_int_eq(fault_of_repeated(head, "a=x\r\n", 2000), MEDIA_TOO_MUCH);
    g_autofree char *long_line = g_strnfill(SDP_LINE_MAX + 1, 'a');
    g_autofree char *with_long_line = g_strconcat(head, long_line, NULL);
    ck_assert_int_eq(fault_of(with_long_line, strlen(with_long_line)), MEDIA_TOO_MUCH);
    g_autofree char *huge = g_strnfill(1 << 20, 'a');
    ck_assert_int_eq(fault_of(huge, 1 << 20), MEDIA_TOO_MUCH);
}
END_TEST

/* A line end in anything that comes by XMPP must not begin a line of SDP. */
START_TEST(nothing_from_xmpp_begins_a_line_of_its_own)
{
    static const char stanza[] =
        "<iq type='set' id='1' from='a@b/c' to='d@e/f'><jingle xmlns='urn:xmpp:jingle:1' "
        "action='session-initiate' sid='s'><content creator='initiator' name='a&#xD;&#xA;a=evil:1'>"
        "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
        "<payload-type id='0' name='PCMU&#xA;a=evil:2' clockrate='8000'/>"
        "<payload-type id='8' name='PCMA' clockrate='8000'><parameter name='x' "
        "value='1&#xA;a=evil:3'/>"
        "<parameter name='y;z' value='1'/><parameter name='z' value='1;a=2'/>"
        "<rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' "
        "type='nack&#xA;a=evil:4'/></payload-type>"
        "<rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' "
        "uri='urn:x&#xA;a=evil:5'/>"
        "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1'>"
        "<parameter name='cname' value='x&#xA;a=evil:6'/></source><rtcp-mux/></description>"
        "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='abcd' "
        "pwd='abcdefghijklmnopqrstuv'>"
        "<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-1' setup='actpass'>"
        "00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33</fingerprint>"
        "<candidate component='1' foundation='1' generation='0' ip='192.0.2.2&#xA;a=evil:7' "
        "port='9' "
        "priority='1' protocol='udp' type='host'/></transport></content></jingle></iq>";
    enum media_fault fault;
    g_autoptr(xmpp_stanza_t) iq = stanza_from(stanza);
    g_autoptr(media_description) none = content_read(jingle_element(iq), true, &fault);
    ck_assert_ptr_null(none); /* a content without a name that could be kept */
    ck_assert_int_eq(fault, MEDIA_BAD_SYNTAX);

    g_autoptr(GString) text = g_string_new(stanza);
    g_string_replace(text, "name='a&#xD;&#xA;a=evil:1'", "name='a b'", 0);
    g_autoptr(xmpp_stanza_t) second = stanza_from(text->str);
    g_autoptr(media_description) description = content_read(jingle_element(second), true, &fault);
    ck_assert_ptr_nonnull(description);
    const struct media_content *content = description->contents->pdata[0];
    ck_assert_str_eq(content->name, "a b");
    ck_assert_str_eq(content->mid, "m0"); /* made: the name is no token */
    g_autofree char *sdp = sdp_write(description, &origin);
    ck_assert_msg(!strstr(sdp, "evil"), "%s", sdp);
    ck_assert_ptr_nonnull(strstr(sdp, "m=audio 9 UDP/TLS/RTP/SAVPF 0 8\r\n"));
    ck_assert(!strstr(sdp, "candidate") && !strstr(sdp, "fmtp"));
}
END_TEST

static enum media_fault fault_of_contents(const char *contents)
{
    enum media_fault fault;
    g_autofree char *text = g_strconcat(
        "<iq type='set' id='1' from='a@b/c' to='d@e/f'><jingle xmlns='urn:xmpp:jingle:1' "
        "action='session-initiate' sid='s'>",
        contents, "</jingle></iq>", NULL);
    g_autoptr(xmpp_stanza_t) iq = stanza_from(text);
    g_autoptr(media_description) description = content_read(jingle_element(iq), true, &fault);
    return description ? media_check(description) : fault;
}

START_TEST(sessions_that_cannot_be_calls_are_refused_with_their_reason)
{
    ck_assert_int_eq(fault_of_contents(""), MEDIA_BAD_SYNTAX);
    ck_assert_int_eq(fault_of_contents("<content creator='initiator'/>"), MEDIA_BAD_SYNTAX);
    ck_assert_int_eq(fault_of_contents("<content name='a'/><content name='a'/>"), MEDIA_BAD_SYNTAX);
    ck_assert_int_eq(fault_of_contents("<content name='a'><description "
                                       "xmlns='urn:xmpp:jingle:apps:file-transfer:5'/></content>"),
                     MEDIA_NO_MEDIA);
    ck_assert_int_eq(
        fault_of_contents("<content name='a'><description xmlns='urn:xmpp:jingle:apps:rtp:1' "
                          "media='au/dio'/></content>"),
        MEDIA_NO_MEDIA);
    /* Gajim: media without DTLS. */
    ck_assert_int_eq(
        fault_of_contents(
            "<content name='a'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
            "<payload-type id='0'/><rtcp-mux/></description>"
            "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='abcd' "
            "pwd='abcdefghijklmnopqrstuv'/></content>"),
        MEDIA_NO_SECURITY);
    ck_assert_int_eq(
        fault_of_contents(
            "<content name='a'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
            "<payload-type id='0'/></description>"
            "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='a b'/></content>"),
        MEDIA_BAD_SYNTAX);
    ck_assert_str_eq(media_fault_reason(MEDIA_NO_SECURITY), "security-error");
    ck_assert_ptr_null(media_fault_reason(MEDIA_OK));
}
END_TEST

UNIT_MAIN("xep_jingle", what_browsers_say_reads_back_as_written,
          what_browsers_say_survives_the_way_over_xmpp,
          an_offer_to_xmpp_has_what_its_clients_can_use,
          an_offer_becomes_the_stanza_of_the_specifications,
          what_xmpp_clients_say_becomes_a_description,
          dinos_video_call_becomes_an_offer_of_two_transports,
          dinos_answer_fits_the_offer_it_was_given, a_source_of_a_group_is_described,
          a_chromium_answer_fits_what_it_answers, an_answer_is_cut_to_what_was_offered,
          an_answer_that_does_not_answer_is_refused, candidates_of_browsers_read_back_as_written,
          candidates_are_read_strictly_and_told_only_when_of_use,
          a_relayed_candidate_does_not_tell_where_it_was_made,
          bad_descriptions_are_refused_with_their_reason, every_list_has_a_ceiling,
          nothing_from_xmpp_begins_a_line_of_its_own,
          sessions_that_cannot_be_calls_are_refused_with_their_reason)
