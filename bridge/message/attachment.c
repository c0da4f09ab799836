/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files of messages. To XMPP each goes as a stanza of its own whose text is the link to it and
 * nothing else: clients show what such a link leads to (XEP-0066), or what XEP-0447 says. From XMPP
 * both are files that lie elsewhere; nothing is fetched. See sql/function/attachment.sql. */
#include "config.h"

#include <openssl/evp.h>
#include <string.h>

#include "bridge/base/file_link.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/entry.h"
#include "bridge/core/feature.h"
#include "bridge/core/json_check.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/media/type.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0066_oob.h"
#include "xep/0428_fallback.h"
#include "xep/0447_file_sharing.h"
#include "xep/message.h"
#include "xep/name.h"

#define FILES_MAX 10
#define URL_MAX 2048

/* ---- Sends ----------------------------------------------------------------------------------- */

static bool has_id(const json_t *list, const char *id)
{
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one)
    {
        if (strcmp(json_string_value(one), id) == 0)
            return true;
    }
    return false;
}

static json_t *attachments_take(const json_t *value, const char *content,
                                struct field_problem *problem)
{
    (void)content;
    size_t count = json_array_size(value);
    json_t *ids = json_array();
    for (size_t i = 0; i < count && count <= FILES_MAX; i++) {
        const char *text = json_string_value(json_array_get(value, i));
        char id[UUID_TEXT_SIZE];
        struct uuid file;
        if (!text || !uuid_parse(text, &file))
            break;
        uuid_format(&file, id);
        if (has_id(ids, id))
            break;
        json_array_append_new(ids, json_string(id));
    }
    if (count > 0 && json_array_size(ids) == count)
        return ids;
    json_decref(ids);
    problem->detail = "must be a list of 1 to 10 ids of files, each another one";
    return NULL;
}

/* ---- To XMPP --------------------------------------------------------------------------------- */

static const char *text_of(const json_t *value, const char *name)
{
    return json_string_value(json_object_get(value, name));
}

static uint64_t number_of(const json_t *value, const char *name)
{
    json_int_t number = json_integer_value(json_object_get(value, name));
    return number > 0 ? (uint64_t)number : 0;
}

static const struct {
    const char *ending, *type;
} endings[] = {
    {"jpg", "image/jpeg"},       {"jpeg", "image/jpeg"}, {"png", "image/png"},
    {"gif", "image/gif"},        {"webp", "image/webp"}, {"avif", "image/avif"},
    {"mp4", "video/mp4"},        {"webm", "video/webm"}, {"mov", "video/quicktime"},
    {"mkv", "video/x-matroska"}, {"ogg", "audio/ogg"},   {"oga", "audio/ogg"},
    {"opus", "audio/ogg"},       {"m4a", "audio/mp4"},   {"mp3", "audio/mpeg"},
    {"wav", "audio/wav"},        {"flac", "audio/flac"}, {"aac", "audio/aac"},
    {"pdf", "application/pdf"},  {"txt", "text/plain"},  {"zip", "application/zip"},
    {"3gp", "video/3gpp"},
};

static const char *ending_of(const char *type)
{
    for (size_t i = 0; type && i < G_N_ELEMENTS(endings); i++) {
        if (strcmp(endings[i].type, type) == 0)
            return endings[i].ending;
    }
    return NULL;
}

static const char *type_of(const char *name)
{
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < G_N_ELEMENTS(endings); i++) {
        if (g_ascii_strcasecmp(dot + 1, endings[i].ending) == 0)
            return endings[i].type;
    }
    return "application/octet-stream";
}

/* What the file is called in its link: clients go by how that ends. */
static char *public_name(const json_t *file)
{
    const char *name = text_of(file, "name");
    const char *type = text_of(file, "type");
    const char *ending = ending_of(type);
    const char *dot = name ? strrchr(name, '.') : NULL;
    if (!name)
        return g_strdup("file");
    if (!ending || !type || strcmp(type_of(name), type) == 0)
        return g_strdup(name);
    size_t length = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    return g_strdup_printf("%.*s.%s", (int)length, name, ending);
}

/* Caller frees; NULL: there is none. */
static char *public_url(const json_t *file)
{
    const char *url = text_of(file, "url");
    const char *part = text_of(file, "part");
    g_autofree char *name = public_name(file);
    return url ? g_strdup(url) : file_link_public(text_of(file, "path"), part ? part : "", name);
}

static char *file_text(const json_t *value)
{
    const char *name = text_of(value, "name");
    if (json_is_true(json_object_get(value, "locked")))
        return g_strdup_printf("%s: protected by a password, to be opened in the app",
                               name ? name : "A file");
    char *url = public_url(value);
    return url ? url : g_strdup("A file that is gone.");
}

/* A digest in hex as base64; NULL: it is none. */
static char *digest_base64(const char *hex)
{
    guint8 bytes[32];
    if (!hex || strlen(hex) != 64)
        return NULL;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] =
            (guint8)(g_ascii_xdigit_value(hex[2 * i]) << 4 | g_ascii_xdigit_value(hex[2 * i + 1]));
    return g_base64_encode(bytes, sizeof bytes);
}

static void voice_put(xmpp_stanza_t *stanza, const json_t *value)
{
    xmpp_stanza_t *voice = stanza_add(stanza, "voice", NS_VOICE);
    stanza_set(voice, "waveform", text_of(value, "waveform"));
}

static void file_put(xmpp_stanza_t *stanza, const struct content_scene *scene, const json_t *value)
{
    const json_t *small = json_object_get(value, "thumbnail");
    const char *part = text_of(small, "name");
    g_autofree char *url = public_url(value);
    g_autofree char *name = public_name(value);
    g_autofree char *digest = digest_base64(text_of(value, "sha256"));
    g_autofree char *thumbnail = part ? file_link_public(text_of(value, "path"), part, part) : NULL;
    (void)scene;
    if (!url || json_is_true(json_object_get(value, "locked")))
        return;
    struct shared_file file = {
        .url = url,
        .name = name,
        .type = text_of(value, "type"),
        .sha256 = digest,
        .size = number_of(value, "size"),
        .width = number_of(value, "width"),
        .height = number_of(value, "height"),
        .duration = number_of(value, "duration"),
        .thumbnail = {thumbnail, text_of(small, "type"), number_of(small, "width"),
                      number_of(small, "height")},
    };
    oob_add(stanza, url);
    shared_file_add(stanza, &file);
    fallback_add(stanza, NS_SFS, NULL);
    if (json_is_true(json_object_get(value, "voice")))
        voice_put(stanza, value);
}

/* Stanzas of one message say so, for who knows. */
static void album_put(xmpp_stanza_t *stanza, const struct content_scene *scene, const json_t *value)
{
    xmpp_stanza_t *album = stanza_add(stanza, "album", NS_ALBUM);
    (void)scene;
    stanza_set(album, "id", text_of(value, "id"));
    stanza_set_number(album, "n", number_of(value, "n"));
    stanza_set_number(album, "of", number_of(value, "of"));
}

/* Another file of a message, or its text. REFERENCE is the stanza's own id. */
static xmpp_stanza_t *build_part(const struct outbox_entry *entry)
{
    static const struct content_scene between_two;
    g_autofree char *from = outbox_entry_from(entry);
    json_t *wire = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    if (!wire)
        return NULL;
    xmpp_stanza_t *stanza = message_new("chat", entry->reference, from, entry->to);
    content_add(stanza, &between_two, wire);
    message_add_usual(stanza, entry->reference);
    json_decref(wire);
    return stanza;
}

static bool archived_add(xmpp_stanza_t *stanza, const struct entry *entry)
{
    const struct content_scene room = {.rooms = entry->rooms};
    const json_t *content = json_object_get(entry->payload, "content");
    if (!content)
        return false;
    content_add(stanza, &room, content);
    return true;
}

/* ---- From XMPP ------------------------------------------------------------------------------- */

static bool url_is_fine(const char *url)
{
    bool known = url && (g_str_has_prefix(url, "https://") || g_str_has_prefix(url, "http://") ||
                         g_str_has_prefix(url, "aesgcm://"));
    size_t length = known ? strlen(url) : 0;
    return length > 10 && length <= URL_MAX && !strpbrk(url, " \t\r\n<>\"");
}

/* The last segment of a path. Caller frees. */
static char *url_name(const char *url)
{
    g_autofree char *path = g_strndup(url, strcspn(url, "?#"));
    const char *slash = strrchr(path, '/');
    g_autofree char *decoded = g_uri_unescape_string(slash ? slash + 1 : path, "/");
    g_autofree char *clean = decoded && g_utf8_validate(decoded, -1, NULL)
                                 ? name_clean(decoded, NAME_BYTES_MAX, NAME_LINE)
                                 : NULL;
    return clean ? g_steal_pointer(&clean) : g_strdup("file");
}

/* Of the same sender, to the same, at the same place: the same file. */
static void remote_id(const struct stanza_context *context, const char *url,
                      char ret_id[UUID_TEXT_SIZE])
{
    guint8 sum[EVP_MAX_MD_SIZE];
    struct uuid id;
    g_autofree char *text = g_strjoin("\n", context->from_bare, context->to_bare, url, NULL);
    EVP_Digest(text, strlen(text), sum, NULL, EVP_sha256(), NULL);
    memcpy(id.bytes, sum, sizeof id.bytes);
    uuid_format(&id, ret_id);
}

static char *digest_hex(const char *base64)
{
    gsize length = 0;
    g_autofree guchar *bytes = base64 ? g_base64_decode(base64, &length) : NULL;
    if (length != 32)
        return NULL;
    GString *hex = g_string_new(NULL);
    for (gsize i = 0; i < length; i++)
        g_string_append_printf(hex, "%02x", bytes[i]);
    return g_string_free(hex, FALSE);
}

/* A recording, as clients that have no word for it call theirs. */
static bool name_is_voice(const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    return strstr(lower, "voice") || strstr(lower, "recording") ||
           g_str_has_prefix(lower, "audio_");
}

static void set_number(json_t *json, const char *name, uint64_t number, uint64_t most)
{
    if (number > 0 && number <= most)
        json_object_set_new(json, name, json_integer((json_int_t)number));
}

static json_t *file_json(const struct stanza_context *context, const struct shared_file *file)
{
    char id[UUID_TEXT_SIZE];
    remote_id(context, file->url, id);
    g_autofree char *given = file->name ? name_clean(file->name, NAME_BYTES_MAX, NAME_LINE) : NULL;
    g_autofree char *name = given ? g_strdup(given) : url_name(file->url);
    g_autofree char *plain = file->type ? media_type_plain(file->type) : NULL;
    const char *type = plain ? plain : type_of(name);
    enum media_kind kind = media_type_kind(type);
    xmpp_stanza_t *voice = stanza_child(context->stanza, "voice", NS_VOICE);
    const char *waveform = voice ? stanza_attr(voice, "waveform") : NULL;
    bool is_voice = kind == MEDIA_AUDIO && (voice || name_is_voice(name));
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", id, "url", file->url, "name",
                             name, "type", type, "kind", media_kinds[kind], "purpose",
                             is_voice ? "voice" : "attachment");
    g_autofree char *digest = digest_hex(file->sha256);
    if (digest)
        json_object_set_new(json, "sha256", json_string(digest));
    if (is_voice && waveform && strlen(waveform) <= 136)
        json_object_set_new(json, "waveform", json_string(waveform));
    set_number(json, "size", file->size, G_MAXINT64);
    set_number(json, "width", file->width, G_MAXINT32);
    set_number(json, "height", file->height, G_MAXINT32);
    set_number(json, "duration", file->duration, G_MAXINT32);
    return json;
}

/* The files of the stanza, those first of which most is said. */
static size_t find_files(const struct stanza_context *context, const struct content_text *said,
                         struct shared_file ret_files[FILES_MAX])
{
    struct shared_file found[SHARED_FILES_MAX];
    size_t all = shared_files_parse(context->stanza, found);
    size_t count = 0;
    for (size_t i = 0; i < all; i++) {
        if (url_is_fine(found[i].url))
            ret_files[count++] = found[i];
    }
    const char *oob = oob_parse(context->stanza);
    const char *body = said->body && g_str_has_prefix(said->body, "aesgcm://") ? said->body : NULL;
    const char *link = oob ? oob : body;
    bool known = false;
    for (size_t i = 0; i < count; i++)
        known = known || (link && strcmp(ret_files[i].url, link) == 0);
    /* With files of its own, a link beside them is one of their other addresses. */
    if (!known && count == 0 && url_is_fine(link))
        ret_files[count++] = (struct shared_file){.url = link};
    return count;
}

/* What the text says besides where FILES lie; NULL: nothing. Caller frees. */
static char *caption_of(const char *shown, const struct shared_file *files, size_t count)
{
    GString *rest = g_string_new(NULL);
    g_auto(GStrv) lines = g_strsplit(shown ? shown : "", "\n", -1);
    for (size_t i = 0; lines[i]; i++) {
        g_autofree char *line = g_strstrip(g_strdup(lines[i]));
        bool is_link = false;
        for (size_t k = 0; k < count; k++)
            is_link = is_link || strcmp(line, files[k].url) == 0;
        if (!is_link)
            g_string_append_printf(rest, "%s%s", rest->len > 0 ? "\n" : "", lines[i]);
    }
    char *text = g_strstrip(g_string_free(rest, FALSE));
    if (*text)
        return text;
    g_free(text);
    return NULL;
}

static void files_read(const struct stanza_context *context, const struct content_text *said,
                       json_t *details)
{
    struct shared_file found[FILES_MAX];
    size_t count = find_files(context, said, found);
    if (count == 0)
        return;
    json_t *files = json_array();
    json_t *ids = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *file = file_json(context, &found[i]);
        if (has_id(ids, text_of(file, "id"))) {
            json_decref(file);
            continue;
        }
        json_array_append(ids, json_object_get(file, "id"));
        json_array_append_new(files, file);
    }
    g_autofree char *caption = caption_of(said->shown, found, count);
    json_object_set_new(details, "files", files);
    json_object_set_new(details, "attachments", ids);
    if (caption)
        json_object_set_new(details, "caption", json_string(caption));
}

/* ---- The feature ----------------------------------------------------------------------------- */

static const struct content contents[] = {
    {.key = "attachments", .take = attachments_take, .read = files_read},
    {.key = "file", .text = file_text, .add = file_put},
    {.key = "album", .add = album_put},
    {0},
};

static const struct outgoing outgoing[] = {
    {.kind = "part", .build = build_part},
    {0},
};

static const struct entry_kind entries[] = {{"part", archived_add}, {0}};

static const struct part part = {.name = "attachment", .drain = messages_drain};

const struct feature feature_attachment = {.name = "attachment",
                                           .part = &part,
                                           .entries = entries,
                                           .outgoing = outgoing,
                                           .contents = contents};
