/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every tests/vectors/xep/NNNN/NAME.xml, read by the codec NNNN, must give NAME.json. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/unit.h"
#include "tests/unit/xep_codecs.h"
#include "tests/unit/xep_read.h"
#include "xep/0012_last.h"
#include "xep/0050_commands.h"
#include "xep/0054_vcard.h"
#include "xep/0060_pubsub.h"
#include "xep/0084_avatar.h"
#include "xep/0085_chat_states.h"
#include "xep/0092_version.h"
#include "xep/0153_vcard_avatar.h"
#include "xep/0166_jingle.h"
#include "xep/0172_nick.h"
#include "xep/0184_receipts.h"
#include "xep/0202_time.h"
#include "xep/0203_delay.h"
#include "xep/0215_external_services.h"
#include "xep/0280_carbons.h"
#include "xep/0292_vcard4.h"
#include "xep/0297_forward.h"
#include "xep/0333_markers.h"
#include "xep/0334_hints.h"
#include "xep/0353_jingle_message.h"
#include "xep/0359_ids.h"
#include "xep/0363_upload.h"
#include "xep/0377_reporting.h"
#include "xep/0444_reactions.h"
#include "xep/error.h"
#include "xep/message.h"
#include "xep/message_text.h"
#include "xep/presence.h"

static json_t *dump_last(xmpp_stanza_t *stanza)
{
    uint64_t seconds;
    return last_parse(stanza, &seconds) ? json_pack("{sI}", "seconds", (json_int_t)seconds) : NULL;
}

static json_t *dump_form(const struct data_form *form)
{
    json_t *fields = json_object();
    for (guint i = 0; i < form->fields->len; i++) {
        const struct data_field *field = form->fields->pdata[i];
        json_t *values = json_array();
        for (guint j = 0; j < field->values->len; j++)
            json_array_append_new(values, json_string(field->values->pdata[j]));
        json_object_set_new(fields, field->var, values);
    }
    return json_pack("{ss?so}", "form_type", data_form_form_type(form), "fields", fields);
}

static json_t *dump_disco(xmpp_stanza_t *stanza)
{
    g_autoptr(disco_info) info = disco_info_parse(stanza);
    if (!info)
        return NULL;
    json_t *identities = json_array();
    json_t *features = json_array();
    json_t *forms = json_array();
    for (guint i = 0; i < info->identities->len; i++) {
        struct disco_identity *one = &g_array_index(info->identities, struct disco_identity, i);
        json_array_append_new(identities,
                              json_pack("[ssss]", one->category, one->type,
                                        one->lang ? one->lang : "", one->name ? one->name : ""));
    }
    for (guint i = 0; i < info->features->len; i++)
        json_array_append_new(features, json_string(info->features->pdata[i]));
    for (guint i = 0; i < info->forms->len; i++)
        json_array_append_new(forms, dump_form(info->forms->pdata[i]));
    return json_pack("{ss?sososo}", "node", info->node, "identities", identities, "features",
                     features, "forms", forms);
}

static json_t *dump_vcard(xmpp_stanza_t *stanza)
{
    struct vcard card;
    if (!vcard_parse(stanza, &card))
        return NULL;
    return json_pack("{ss?ss?ss?ss?ss?}", "full_name", card.full_name, "nickname", card.nickname,
                     "description", card.description, "photo_type", card.photo_type, "photo",
                     card.photo);
}

static json_t *item_json(const struct pubsub_item *item)
{
    return json_pack("{ssss?ss?}", "node", item->node, "id", item->id, "payload",
                     item->payload ? stanza_name(item->payload) : NULL);
}

static json_t *dump_pubsub(xmpp_stanza_t *stanza)
{
    struct pubsub_request request;
    struct pubsub_item item;
    if (pubsub_request_parse(stanza, &request))
        return json_pack("{ssss?si}", "node", request.node, "item", request.item, "count",
                         (int)request.item_count);
    if (pubsub_event_parse(stanza, &item) || pubsub_result_parse(stanza, &item))
        return item_json(&item);
    return NULL;
}

/* What the first item holds. */
static xmpp_stanza_t *payload_of(xmpp_stanza_t *stanza)
{
    struct pubsub_item item;
    bool found = pubsub_event_parse(stanza, &item) || pubsub_result_parse(stanza, &item);
    return found ? item.payload : NULL;
}

static json_t *dump_avatar(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *payload = payload_of(stanza);
    struct avatar_info info;
    if (!payload)
        return NULL;
    if (avatar_metadata_parse(payload, &info))
        return json_pack("{ss?ss?sIsIsI}", "id", info.id, "type", info.type, "bytes",
                         (json_int_t)info.bytes, "width", (json_int_t)info.width, "height",
                         (json_int_t)info.height);
    const char *data = avatar_data_parse(payload);
    return data ? json_pack("{ss}", "data", data) : NULL;
}

static json_t *dump_vcard_update(xmpp_stanza_t *stanza)
{
    const char *hash = vcard_update_parse(stanza);
    return hash ? json_pack("{ss}", "hash", hash) : NULL;
}

static json_t *dump_nick(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *payload = payload_of(stanza);
    const char *nick = payload ? nick_parse(payload) : NULL;
    return nick ? json_pack("{ss}", "nick", nick) : NULL;
}

static json_t *dump_vcard4(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *payload = payload_of(stanza);
    struct vcard4 card;
    if (!payload || !vcard4_parse(payload, &card))
        return NULL;
    return json_pack("{ss?ss?ss?}", "fn", card.full_name, "nickname", card.nickname, "note",
                     card.note);
}

static json_t *dump_chat_state(xmpp_stanza_t *stanza)
{
    return json_pack("{ss?}", "state", chat_state_name(chat_state_parse(stanza)));
}

static json_t *dump_version(xmpp_stanza_t *stanza)
{
    struct software_version version;
    if (!version_parse(stanza, &version))
        return NULL;
    return json_pack("{ss?ss?ss?}", "name", version.name, "version", version.version, "os",
                     version.os);
}

/* The vector is the disco#info answer; its own ver is in the query's node, behind the "#". */
static json_t *dump_caps(xmpp_stanza_t *stanza)
{
    g_autoptr(disco_info) info = disco_info_parse(stanza);
    const char *border = info && info->node ? strchr(info->node, '#') : NULL;
    if (!border)
        return NULL;
    g_autofree char *ver = caps_ver(info);
    struct caps caps = {.hash = "sha-1", .node = info->node, .ver = border + 1};
    return json_pack("{sssb}", "ver", ver, "verified", (int)caps_verify(&caps, info));
}

static json_t *dump_jingle(xmpp_stanza_t *stanza)
{
    struct jingle jingle;
    xmpp_stanza_t *element = jingle_element(stanza);
    if (!element || !jingle_parse(element, &jingle))
        return NULL;
    return json_pack("{ssssss?ss?ss?ss?sisbss?}", "action", jingle_action_name(jingle.action),
                     "sid", jingle.sid, "initiator", jingle.initiator, "responder",
                     jingle.responder, "reason", jingle_reason_name(jingle.reason), "text",
                     jingle.reason_text, "info", (int)jingle.info, "known",
                     (int)jingle.info_is_known, "name", jingle.info_name);
}

static json_t *dump_jingle_message(xmpp_stanza_t *stanza)
{
    struct jingle_message m;
    if (!jingle_message_parse(stanza, &m))
        return NULL;
    return json_pack("{sisssisbss?sbss?}", "kind", (int)m.kind, "id", m.id, "media", (int)m.media,
                     "other", (int)m.other_media, "reason", jingle_reason_name(m.reason), "tie",
                     (int)m.tie_break, "migrated", m.migrated_to);
}

static json_t *dump_services(xmpp_stanza_t *stanza)
{
    g_autoptr(GArray) services = external_services_parse(stanza);
    json_t *list = services ? json_array() : NULL;
    for (guint i = 0; services && i < services->len; i++) {
        const struct external_service *one = &g_array_index(services, struct external_service, i);
        g_autofree char *uri = external_service_uri(one);
        json_array_append_new(list, json_pack("{ssss?ss?ss?sb}", "uri", uri, "username",
                                              one->username, "password", one->password, "expires",
                                              one->expires, "restricted", (int)one->restricted));
    }
    return list;
}

static json_t *dump_upload(xmpp_stanza_t *stanza)
{
    struct upload_request request;
    if (!upload_request_parse(stanza, &request))
        return NULL;
    return json_pack("{ss sI ss?}", "filename", request.filename, "size", (json_int_t)request.size,
                     "content_type", request.content_type);
}

static json_t *dump_receipt(xmpp_stanza_t *stanza)
{
    return json_pack("{sbss?}", "requested", (int)receipt_is_requested(stanza), "received",
                     receipt_parse(stanza));
}

static json_t *dump_time(xmpp_stanza_t *stanza)
{
    int64_t us;
    const char *offset;
    if (!entity_time_parse(stanza, &us, &offset))
        return NULL;
    return json_pack("{sIss?}", "us", (json_int_t)us, "offset", offset);
}

static json_t *dump_delay(xmpp_stanza_t *stanza)
{
    struct delay delay;
    if (!delay_parse(stanza, &delay))
        return NULL;
    return json_pack("{sIss?}", "us", (json_int_t)delay.stamp_us, "from", delay.from);
}

static json_t *dump_carbon(xmpp_stanza_t *stanza)
{
    static const char *const names[] = {"none", "sent", "received"};
    xmpp_stanza_t *inner = carbon_inner(stanza);
    return json_pack("{ssss?}", "carbon", names[carbon_parse(stanza)], "inner",
                     inner ? stanza_child_text(inner, "body", NS_CLIENT) : NULL);
}

static json_t *dump_forward(xmpp_stanza_t *stanza)
{
    struct forward forward;
    if (!forward_parse(stanza, &forward))
        return NULL;
    return json_pack("{sssb}", "name", stanza_name(forward.stanza), "has_delay",
                     (int)forward.has_delay);
}

static json_t *dump_marker(xmpp_stanza_t *stanza)
{
    const char *id = NULL;
    int marker = (int)marker_parse(stanza, &id);
    return json_pack("{sisbss?}", "marker", marker, "markable", (int)marker_is_markable(stanza),
                     "id", id);
}

static json_t *dump_reactions(xmpp_stanza_t *stanza)
{
    g_auto(reactions) set = {0};
    if (!reactions_parse(stanza, &set))
        return NULL;
    json_t *emoji = json_array();
    for (size_t i = 0; set.emoji[i]; i++)
        json_array_append_new(emoji, json_string(set.emoji[i]));
    return json_pack("{ssso}", "id", set.id, "emoji", emoji);
}

static json_t *dump_hints(xmpp_stanza_t *stanza)
{
    return json_pack("{si}", "hints", (int)hints_parse(stanza));
}

static json_t *dump_ids(xmpp_stanza_t *stanza)
{
    return json_pack("{ss?ss?}", "origin", origin_id_parse(stanza), "by_room",
                     stanza_id_parse(stanza, "room@muc.example"));
}

static json_t *dump_error(xmpp_stanza_t *stanza)
{
    struct stanza_error error;
    if (!stanza_error_parse(stanza, &error))
        return NULL;
    return json_pack("{ssssss?ss?}", "type", error.type, "condition", error.condition, "text",
                     error.text, "by", error.by);
}

static json_t *dump_message(xmpp_stanza_t *stanza)
{
    struct message_stanza m;
    if (!message_parse(stanza, "de", &m))
        return NULL;
    struct delay delay;
    const char *marked = NULL;
    bool displayed = marker_parse(stanza, &marked) >= MARKER_DISPLAYED;
    json_t *ids = json_pack("{ss?ss?ss?ss?}", "id", m.id, "origin", m.origin_id, "received",
                            receipt_parse(stanza), "displayed", displayed ? marked : NULL);
    return json_pack("{siss?ss?ss?ss?sbsbsbso}", "type", (int)m.type, "body", m.body, "subject",
                     m.subject, "thread", m.thread, "state",
                     chat_state_name(chat_state_parse(stanza)), "receipt_requested",
                     (int)receipt_is_requested(stanza), "markable", (int)marker_is_markable(stanza),
                     "has_delay", (int)delay_parse(stanza, &delay), "ids", ids);
}

static json_t *dump_message_text(xmpp_stanza_t *stanza)
{
    static const char *const told[] = {"told", "silent", "blank", "refused"};
    struct message_stanza message;
    g_auto(message_text) text = {0};
    if (!message_parse(stanza, NULL, &message))
        return NULL;
    message_text_read(stanza, &message, &text);
    json_t *json = json_pack("{ss}", "told", told[text.told]);
    if (text.text)
        json_object_set_new(json, "text", json_string(text.text));
    if (text.told == MESSAGE_REFUSED)
        json_object_set_new(json, "reason", json_string(text.reason));
    if (text.from_room)
        json_object_set_new(json, "inviter",
                            text.inviter ? json_string(text.inviter) : json_null());
    return json;
}

static json_t *dump_presence(xmpp_stanza_t *stanza)
{
    struct presence_stanza p;
    if (!presence_parse(stanza, &p))
        return NULL;
    return json_pack("{sisiss?siss?}", "type", (int)p.type, "show", (int)p.show, "status", p.status,
                     "priority", p.priority, "ver", p.caps.ver);
}

static json_t *dump_report(xmpp_stanza_t *stanza)
{
    struct abuse_report report;
    if (!abuse_report_parse(stanza, &report))
        return NULL;
    return json_pack("{ss ss ss? si}", "jid", report.jid, "reason", report.reason, "text",
                     report.text, "ids", (int)report.id_count);
}

static json_t *dump_command(xmpp_stanza_t *stanza)
{
    struct command_request request = {0};
    enum command_fault fault = command_parse(stanza, &request);
    if (fault == COMMAND_NONE)
        return NULL;
    g_autoptr(data_form) form = request.form ? data_form_parse(request.form) : NULL;
    return json_pack("{si ss ss? si sb}", "fault", (int)fault, "node", request.node, "session",
                     request.session, "action", (int)request.action, "form", form != NULL);
}

static const struct {
    const char *folder;
    json_t *(*dump)(xmpp_stanza_t *stanza);
} codecs[] = {
    {"0012", dump_last},
    {"0030", dump_disco},
    {"0050", dump_command},
    {"0377", dump_report},
    {"0054", dump_vcard},
    {"0060", dump_pubsub},
    {"0084", dump_avatar},
    {"0153", dump_vcard_update},
    {"0172", dump_nick},
    {"0292", dump_vcard4},
    {"0166", dump_jingle},
    {"0215", dump_services},
    {"0363", dump_upload},
    {"0353", dump_jingle_message},
    {"0085", dump_chat_state},
    {"0092", dump_version},
    {"0115", dump_caps},
    {"0184", dump_receipt},
    {"0202", dump_time},
    {"0203", dump_delay},
    {"0280", dump_carbon},
    {"0297", dump_forward},
    {"0333", dump_marker},
    {"0334", dump_hints},
    {"0359", dump_ids},
    {"0444", dump_reactions},
    {"error", dump_error},
    {"message", dump_message},
    {"message_text", dump_message_text},
    {"presence", dump_presence},
};

/* What the codec writes of STANZA it reads as GOT again. */
static void check_rebuilt(const char *path, xmpp_stanza_t *stanza, json_t *got,
                          const struct xep_codec *codec)
{
    g_autoptr(xmpp_stanza_t) written = codec->rebuild(stanza);
    if (!written)
        return;
    g_autofree char *xml = stanza_to_link_text(written, NULL);
    g_autoptr(xmpp_stanza_t) read = stanza_from(xml);
    json_t *again = codec->dump(read);
    ck_assert_msg(again && json_equal(got, again), "%s: wrote %s", path, xml);
    json_decref(again);
}

static void check_vector(const char *folder, const char *file, const struct xep_codec *codec)
{
    g_autofree char *path = g_build_filename(folder, file, NULL);
    g_autofree char *stem = g_strndup(path, strlen(path) - strlen(".xml"));
    g_autofree char *json_path = g_strconcat(stem, ".json", NULL);
    g_autofree char *xml = NULL;
    ck_assert(g_file_get_contents(path, &xml, NULL, NULL));

    g_autoptr(xmpp_stanza_t) stanza = stanza_from(xml);
    json_t *got = codec->dump(stanza);
    if (!got)
        got = json_null();
    json_t *expected = json_load_file(json_path, JSON_DECODE_ANY, NULL);
    ck_assert_msg(expected, "%s cannot be read", json_path);
    char *text = json_dumps(got, JSON_ENCODE_ANY | JSON_SORT_KEYS);
    ck_assert_msg(json_equal(got, expected), "%s: got %s", path, text);
    free(text);
    if (codec->rebuild)
        check_rebuilt(path, stanza, got, codec);
    json_decref(got);
    json_decref(expected);
}

static unsigned check_folder(const struct xep_codec *codec)
{
    const char *source = g_getenv("srcdir");
    g_autofree char *folder =
        g_build_filename(source ? source : ".", "tests", "vectors", "xep", codec->folder, NULL);
    g_autoptr(GDir) directory = g_dir_open(folder, 0, NULL);
    const char *file;
    unsigned count = 0;
    while (directory && (file = g_dir_read_name(directory))) {
        if (!g_str_has_suffix(file, ".xml"))
            continue;
        check_vector(folder, file, codec);
        count++;
    }
    return count;
}

START_TEST(every_vector_gives_its_json)
{
    for (size_t i = 0; i < G_N_ELEMENTS(codecs); i++) {
        struct xep_codec codec = {codecs[i].folder, codecs[i].dump, NULL};
        ck_assert_msg(check_folder(&codec) > 0, "no vectors for %s", codec.folder);
    }
}
END_TEST

static void check_codecs(const struct xep_codec *list)
{
    for (; list->folder; list++)
        ck_assert_msg(check_folder(list) > 0, "no vectors for %s", list->folder);
}

START_TEST(what_is_written_is_read)
{
    check_codecs(xep_message_codecs);
    check_codecs(xep_room_codecs);
    check_codecs(xep_archive_codecs);
    check_codecs(xep_item_codecs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xep_vectors");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, every_vector_gives_its_json);
    tcase_add_test(tests, what_is_written_is_read);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
