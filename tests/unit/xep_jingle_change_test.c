/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Descriptions that change during a call, on what browsers and Dino said when they did so. */
#include "config.h"

#include <string.h>

#include "tests/unit/call_vector.h"
#include "tests/unit/unit.h"
#include "xep/jingle/change.h"
#include "xep/jingle/negotiate.h"

static const struct sdp_origin origin = {.session = 7, .version = 1, .stream = "call"};

static struct media_description *sdp_vector(const char *file)
{
    g_autofree char *text = vector(file);
    return read_sdp(file, text);
}

static unsigned changes_of(const char *mid, const char *first, const char *second)
{
    g_autoptr(media_description) before = sdp_vector(first);
    g_autoptr(media_description) now = sdp_vector(second);
    return media_changes(media_content_by_mid(before, mid), media_content_by_mid(now, mid));
}

START_TEST(what_browsers_change_is_seen)
{
    static const struct {
        const char *mid, *before, *now;
        unsigned changes;
    } rows[] = {
        {"0", "chromium-upgrade-balanced-3-offer.sdp", "chromium-upgrade-balanced-9-offer.sdp", 0},
        {"1", "chromium-upgrade-balanced-3-offer.sdp", "chromium-upgrade-balanced-7-offer.sdp",
         CHANGE_DIRECTION},
        {"1", "chromium-upgrade-balanced-4-answer.sdp", "chromium-upgrade-balanced-5-offer.sdp",
         CHANGE_DIRECTION},
        {"0", "firefox-upgrade-balanced-3-offer.sdp", "firefox-upgrade-balanced-9-offer.sdp", 0},
        {"0", "chromium-restart-3-offer.sdp", "chromium-restart-4-answer.sdp",
         CHANGE_CREDENTIALS | CHANGE_KEY},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        ck_assert_msg(changes_of(rows[i].mid, rows[i].before, rows[i].now) == rows[i].changes,
                      "row %zu", i);
}
END_TEST

START_TEST(directions_turn)
{
    ck_assert_int_eq(media_reverse(MEDIA_SENDS), MEDIA_RECEIVES);
    ck_assert_int_eq(media_reverse(MEDIA_RECEIVES), MEDIA_SENDS);
    ck_assert_int_eq(media_reverse(MEDIA_BOTH), MEDIA_BOTH);
    ck_assert_int_eq(media_reverse(MEDIA_INACTIVE), MEDIA_INACTIVE);
}
END_TEST

/* What Dino had said before a picture was added, and then of the picture. */
static struct media_description *dino_accepts(struct media_description **ret_more)
{
    struct media_description *remote =
        read_stanza_vector("dino-in-changes-session-accept-in.xml", false);
    *ret_more = read_stanza_vector("dino-in-changes-content-accept-in.xml", false);
    g_ptr_array_add(remote->contents, g_ptr_array_steal_index((*ret_more)->contents, 0));
    return remote;
}

static struct media_content *content_at(const struct media_description *description, guint i)
{
    ck_assert_uint_gt(description->contents->len, i);
    return description->contents->pdata[i];
}

START_TEST(dinos_words_answer_an_offer_with_a_picture)
{
    g_autoptr(media_description) more = NULL;
    g_autoptr(media_description) remote = dino_accepts(&more);
    g_autoptr(media_description) offer =
        read_stanza_vector("dino-in-changes-session-initiate-out.xml", true);
    g_autoptr(media_description) added =
        read_stanza_vector("dino-in-changes-content-add-out.xml", true);
    g_ptr_array_add(offer->contents, g_ptr_array_steal_index(added->contents, 0));
    ck_assert_int_eq(media_answer_again(remote, offer), MEDIA_OK);
    g_autofree char *sdp = sdp_write(remote, &origin);
    ck_assert_uint_eq(remote->contents->len, 2);
    ck_assert_ptr_nonnull(strstr(sdp, "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n"));
    /* Dino has no camera on: the answer takes the picture and sends none. */
    ck_assert_int_eq(content_at(remote, 1)->direction, MEDIA_RECEIVES);
    content_at(offer, 1)->direction = MEDIA_RECEIVES;
    ck_assert_int_eq(media_answer_again(remote, offer), MEDIA_OK);
    ck_assert_int_eq(content_at(remote, 1)->direction, MEDIA_INACTIVE);
}
END_TEST

START_TEST(what_a_peer_lacks_is_rejected_and_what_it_adds_waits)
{
    g_autoptr(media_description) offer = sdp_vector("chromium-upgrade-balanced-3-offer.sdp");
    g_autoptr(media_description) remote = sdp_vector("chromium-upgrade-balanced-4-answer.sdp");
    g_autoptr(media_description) other =
        read_stanza_vector("dino-out-audio-mute-addvideo-hangup-content-add-in.xml", false);
    g_ptr_array_remove_index(remote->contents, 1);
    g_ptr_array_add(remote->contents, g_ptr_array_steal_index(other->contents, 0));
    g_autofree char *kept = sdp_write(remote, &origin);
    ck_assert_int_eq(media_answer_again(remote, offer), MEDIA_OK);
    ck_assert_uint_eq(remote->contents->len, 2);
    ck_assert_str_eq(content_at(remote, 1)->mid, "1");
    ck_assert(content_at(remote, 1)->rejected);

    g_autoptr(media_description) again = read_sdp("kept", kept);
    ck_assert(media_offer_again(again, offer));
    ck_assert_uint_eq(again->contents->len, 3);
    ck_assert(content_at(again, 1)->rejected);
    ck_assert_str_eq(content_at(again, 2)->mid, "video");
    ck_assert(!content_at(again, 2)->rejected);
    for (guint i = 0; i < 3; i++)
        ck_assert_int_eq(content_at(again, i)->transport.setup, SETUP_ACTPASS);
}
END_TEST

START_TEST(what_was_taken_away_keeps_its_place)
{
    g_autoptr(media_description) offer = sdp_vector("chromium-upgrade-balanced-9-offer.sdp");
    g_autoptr(media_description) remote = sdp_vector("chromium-upgrade-balanced-6-answer.sdp");
    ck_assert_int_eq(media_answer_again(remote, offer), MEDIA_OK);
    g_autofree char *sdp = sdp_write(remote, &origin);
    ck_assert_ptr_nonnull(strstr(sdp, "a=group:BUNDLE 0\r\n"));
    ck_assert_ptr_nonnull(strstr(sdp, "m=video 0 "));
}
END_TEST

START_TEST(an_answer_settles_roles)
{
    g_autoptr(media_description) remote =
        read_stanza_vector("dino-out-video-session-initiate-in.xml", true);
    g_autoptr(media_description) answer =
        read_stanza_vector("dino-out-video-session-accept-out.xml", false);
    bool active = content_at(answer, 0)->transport.setup == SETUP_ACTIVE;
    content_at(answer, 1)->rejected = true;
    media_settle(remote, answer);
    ck_assert_int_eq(content_at(remote, 0)->transport.setup, active ? SETUP_PASSIVE : SETUP_ACTIVE);
    ck_assert(!content_at(remote, 0)->rejected && content_at(remote, 1)->rejected);
}
END_TEST

START_TEST(a_key_belongs_to_its_credentials)
{
    g_autoptr(media_description) remote =
        read_stanza_vector("dino-out-video-session-initiate-in.xml", true);
    struct media_transport said = content_at(remote, 0)->transport;
    ck_assert(media_key_is_bound(remote, &said));
    said.fingerprint = "00:11";
    ck_assert(!media_key_is_bound(remote, &said));
    said.ufrag = "other";
    ck_assert(media_key_is_bound(remote, &said));
    said.ufrag = content_at(remote, 0)->transport.ufrag;
    said.fingerprint = NULL;
    ck_assert(media_key_is_bound(remote, &said));
}
END_TEST

START_TEST(a_creator_tells_two_of_a_name_apart)
{
    g_autoptr(media_description) remote = sdp_vector("chromium-upgrade-balanced-4-answer.sdp");
    content_at(remote, 1)->name = content_at(remote, 0)->name;
    content_at(remote, 1)->by_responder = true;
    ck_assert_ptr_eq(media_content_find(remote, "0", false), content_at(remote, 0));
    ck_assert_ptr_eq(media_content_find(remote, "0", true), content_at(remote, 1));
    content_at(remote, 1)->name = "1";
    ck_assert_ptr_eq(media_content_find(remote, "1", false), content_at(remote, 1));
    ck_assert_ptr_null(media_content_find(remote, "2", false));
}
END_TEST

UNIT_MAIN("xep_jingle_change", what_browsers_change_is_seen, directions_turn,
          dinos_words_answer_an_offer_with_a_picture,
          what_a_peer_lacks_is_rejected_and_what_it_adds_waits, what_was_taken_away_keeps_its_place,
          an_answer_settles_roles, a_key_belongs_to_its_credentials,
          a_creator_tells_two_of_a_name_apart)
