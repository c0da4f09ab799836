/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every codec on every stanza of the input, and: what is serialised reads back as the same. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/stanzas.h"
#include "tests/unit/xep_codecs.h"
#include "xep/0012_last.h"
#include "xep/0050_commands.h"
#include "xep/0054_vcard.h"
#include "xep/0060_pubsub.h"
#include "xep/0084_avatar.h"
#include "xep/0085_chat_states.h"
#include "xep/0092_version.h"
#include "xep/0153_vcard_avatar.h"
#include "xep/0172_nick.h"
#include "xep/0184_receipts.h"
#include "xep/0199_ping.h"
#include "xep/0202_time.h"
#include "xep/0203_delay.h"
#include "xep/0280_carbons.h"
#include "xep/0292_vcard4.h"
#include "xep/0297_forward.h"
#include "xep/0355_delegation.h"
#include "xep/0333_markers.h"
#include "xep/0334_hints.h"
#include "xep/0359_ids.h"
#include "xep/0363_upload.h"
#include "xep/0377_reporting.h"
#include "xep/0444_reactions.h"
#include "xep/bound.h"
#include "xep/error.h"
#include "xep/message.h"
#include "xep/message_text.h"
#include "xep/presence.h"
#include "xep/roster.h"
#include "xep/stanza_text.h"
#include "xep/visible.h"
#include "xep/time.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void keep_text(xmpp_stanza_t *stanza, void *userdata)
{
    char **text = userdata;
    g_free(*text);
    *text = stanza_to_link_text(stanza, NULL);
}

static void check_round_trip(xmpp_stanza_t *stanza)
{
    size_t length;
    g_autofree char *before = stanza_to_link_text(stanza, &length);
    g_autofree char *after = NULL;
    stanzas_feed(before, length, keep_text, &after);
    if (!after || strcmp(before, after) != 0)
        abort();
}

static void run_answers(xmpp_stanza_t *stanza)
{
    g_autoptr(xmpp_stanza_t) result = stanza_reply_result(stanza);
    g_autoptr(xmpp_stanza_t) error = stanza_reply_error(stanza, "cancel", "conflict", "text");
    g_autoptr(xmpp_stanza_t) last = last_build_result(stanza, 7, NULL);
    g_autoptr(xmpp_stanza_t) time = entity_time_build_result(stanza, 7);
    if ((result != NULL) != (error != NULL) || (result != NULL) != (last != NULL) ||
        (result != NULL) != (time != NULL))
        abort();
    if (error)
        check_round_trip(error);
}

static void run_iq(xmpp_stanza_t *stanza)
{
    const char *text;
    struct vcard card;
    struct software_version version;
    struct stanza_error error;
    struct upload_request upload;
    int64_t us;
    uint64_t seconds;

    last_is_request(stanza);
    last_parse(stanza, &seconds);
    vcard_parse(stanza, &card);
    version_parse(stanza, &version);
    ping_is_request(stanza);
    upload_request_parse(stanza, &upload);
    entity_time_parse(stanza, &us, &text);
    stanza_error_parse(stanza, &error);
    disco_info_is_request(stanza, &text);
    g_autoptr(GArray) items = disco_items_parse(stanza);
    g_autoptr(disco_info) info = disco_info_parse(stanza);
    if (items && items->len > DISCO_ITEMS_MAX)
        abort();
    if (!info)
        return;
    g_autofree char *ver = caps_ver(info);
    struct caps caps = {.hash = "sha-1", .node = "n", .ver = ver};
    caps_verify(&caps, info);
    g_autoptr(xmpp_stanza_t) again = disco_info_build_result(stanza, info);
    if (again)
        check_round_trip(again);
}

static void run_profile(xmpp_stanza_t *stanza)
{
    struct pubsub_request request;
    struct pubsub_item item;
    struct avatar_info info;
    struct vcard4 card;
    vcard_update_parse(stanza);
    if (pubsub_request_parse(stanza, &request) && !*request.node)
        abort();
    if (!(pubsub_event_parse(stanza, &item) || pubsub_result_parse(stanza, &item)) || !item.payload)
        return;
    avatar_metadata_parse(item.payload, &info);
    avatar_data_parse(item.payload);
    nick_parse(item.payload);
    vcard4_parse(item.payload, &card);
}

static void run_text(xmpp_stanza_t *stanza, const struct message_stanza *message)
{
    static const char *const by[] = {"example.org", "", NULL};
    g_auto(message_text) text = {0};
    int64_t us;
    message_text_read(stanza, message, &text);
    if ((text.told == MESSAGE_TOLD) != (text.text != NULL) ||
        (text.text && !text_is_visible(text.text, strlen(text.text))) ||
        (text.told == MESSAGE_REFUSED && !text.reason))
        abort();
    if (delay_choose(stanza, by, INT64_MAX, &us) && us < XEP_TIME_EARLIEST)
        abort();
}

static void run_reactions(xmpp_stanza_t *stanza)
{
    g_auto(reactions) read = {0};
    g_auto(reactions) again = {0};
    if (!reactions_parse(stanza, &read))
        return;
    g_autoptr(xmpp_stanza_t) message = stanza_new("message", NULL);
    reactions_add(message, read.id, (const char *const *)read.emoji);
    if (!reactions_parse(message, &again) ||
        !g_strv_equal((const char *const *)read.emoji, (const char *const *)again.emoji))
        abort();
}

static void run_command(xmpp_stanza_t *stanza)
{
    struct command_request request = {0};
    if (command_parse(stanza, &request) != COMMAND_FINE)
        return;
    g_autoptr(data_form) form = request.form ? data_form_parse(request.form) : NULL;
    struct command_answer answer = {.node = request.node,
                                    .session = request.session,
                                    .status = "executing",
                                    .actions = COMMAND_PREV | COMMAND_COMPLETE,
                                    .usual = COMMAND_COMPLETE,
                                    .note = request.node,
                                    .form = form};
    g_autoptr(xmpp_stanza_t) written = command_build_result(stanza, &answer);
    g_autoptr(xmpp_stanza_t) refused = command_build_error(stanza, "bad-action", request.session);
    if (written)
        check_round_trip(written);
    if (refused)
        check_round_trip(refused);
}

static void run_payloads(xmpp_stanza_t *stanza)
{
    struct abuse_report report;
    struct delay delay;
    const char *id = NULL;
    if ((marker_parse(stanza, &id) != MARKER_NONE) != (id != NULL))
        abort();
    if (receipt_is_requested(stanza) && receipt_parse(stanza))
        abort();
    marker_is_markable(stanza);
    delay_parse(stanza, &delay);
    run_command(stanza);
    abuse_report_parse(stanza, &report);
    hints_parse(stanza);
    run_reactions(stanza);
    carbon_parse(stanza);
    if (chat_state_parse(stanza) != CHAT_STATE_NONE && !chat_state_name(chat_state_parse(stanza)))
        abort();
}

/* What a codec has written, it reads, and writes as before. */
static void check_rebuild(xmpp_stanza_t *stanza, const struct xep_codec *codec)
{
    g_autoptr(xmpp_stanza_t) written = codec->rebuild(stanza);
    if (!written)
        return;
    check_round_trip(written);
    g_autoptr(xmpp_stanza_t) again = codec->rebuild(written);
    if (!again)
        abort();
    g_autofree char *text = stanza_to_link_text(written, NULL);
    g_autofree char *other = stanza_to_link_text(again, NULL);
    if (strcmp(text, other) != 0)
        abort();
}

static void run_listed(xmpp_stanza_t *stanza, const struct xep_codec *codec)
{
    for (; codec->folder; codec++) {
        json_decref(codec->dump(stanza));
        if (codec->rebuild)
            check_rebuild(stanza, codec);
    }
}

static void item_told(const struct roster_item *item, void *data)
{
    (void)data;
    if (!item->jid || !item->subscription || !item->groups)
        abort();
    g_autoptr(xmpp_stanza_t) set = roster_build_set(item);
    check_round_trip(set);
}

static void block_told(const char *jid, void *data)
{
    (void)data;
    if (!*jid)
        abort();
}

static void run_bound(xmpp_stanza_t *stanza)
{
    struct bound_hello hello;
    struct bound_stanza wrapped;
    struct bound_end end;
    bound_hello_parse(stanza, &hello);
    bound_end_parse(stanza, &end);
    if (bound_stanza_parse(stanza, &wrapped) == BOUND_FINE) {
        const struct bound_inject inject = {
            .from = "app.example.org", .host = "example.org", .id = "1", .place = wrapped.place};
        g_autoptr(xmpp_stanza_t) again = bound_inject_build(&inject, wrapped.stanza);
        check_round_trip(again);
    }
    roster_parse(stanza, item_told, NULL);
    blocks_parse(stanza, block_told, NULL);
}

static void run_codecs(xmpp_stanza_t *stanza, void *userdata)
{
    static const char *const domains[] = {"app.example.org", NULL};
    struct message_stanza message;
    struct presence_stanza presence;
    struct forward forward;
    (void)userdata;

    check_round_trip(stanza);
    if (message_parse(stanza, "en", &message))
        run_text(stanza, &message);
    run_payloads(stanza);
    forward_parse(stanza, &forward);
    delegation_parse(stanza);
    privilege_parse(stanza);
    carbon_inner(stanza);
    run_bound(stanza);
    g_autoptr(xmpp_stanza_t) stripped = stanza_id_strip(stanza, domains);
    check_round_trip(stripped);
    if (presence_parse(stanza, &presence)) {
        g_autoptr(xmpp_stanza_t) again = presence_build(&presence);
        check_round_trip(again);
    }
    run_iq(stanza);
    run_profile(stanza);
    run_answers(stanza);
    run_listed(stanza, xep_message_codecs);
    run_listed(stanza, xep_room_codecs);
    run_listed(stanza, xep_archive_codecs);
    run_listed(stanza, xep_item_codecs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= 100000)
        stanzas_feed((const char *)data, size, run_codecs, NULL);
    return 0;
}
