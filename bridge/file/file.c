/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that are there: what apps are told of them, the bytes behind links, galleries, and the end.
 * A link is enough to get bytes: <img> has no credentials to give, and XMPP clients have none here.
 */
#include "config.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/file_link.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/file/file_stream.h"
#include "bridge/job/job.h"
#include "bridge/loop/disk.h"
#include "bridge/media/bucket.h"
#include "bridge/media/media.h"
#include "bridge/media/outtake.h"
#include "bridge/media/shelf.h"
#include "bridge/media/type.h"
#include "bridge/view/rows.h"
#include "xep/time.h"

/* ---- Bytes ----------------------------------------------------------------------------------- */

static const struct field bytes_fields[] = {
    FIELD_TEXT_IN_PATH("token", 128),
    FIELD_TEXT_IN_PATH("name", 255),
    {.name = "range", .type = FIELD_TEXT, .flags = FIELD_IN_HEADER, .maximum = 255},
    {.name = "if_range", .type = FIELD_TEXT, .flags = FIELD_IN_HEADER, .maximum = 255},
    {.name = "if_none_match", .type = FIELD_TEXT, .flags = FIELD_IN_HEADER, .maximum = 1024},
    {0},
};

/* What is handed out. */
struct handout {
    struct uuid id;
    struct file_link link;
    const char *name, *type, *part;
    guint64 size, first, length;
    bool partial;
    bool shared; /* a CDN may keep it */
    gint64 keep; /* seconds for which it is what it is now */
    char etag[120];
};

/* One range, as most clients ask for; several, or what is no range, is the whole. False: it has no
 * such bytes. */
static bool range_read(const char *text, struct handout *ret)
{
    guint64 first, last;
    char *end = NULL;
    ret->first = 0;
    ret->length = ret->size;
    if (!text || g_ascii_strncasecmp(text, "bytes=", 6) != 0 || strchr(text, ','))
        return true;
    text += 6;
    if (*text == '-' && g_ascii_isdigit(text[1])) { /* the last so many */
        guint64 count = g_ascii_strtoull(text + 1, &end, 10);
        if (*end != '\0')
            return true;
        ret->length = MIN(count, ret->size);
        ret->first = ret->size - ret->length;
        ret->partial = true;
        return count > 0;
    }
    if (!g_ascii_isdigit(*text))
        return true;
    first = g_ascii_strtoull(text, &end, 10);
    if (*end != '-')
        return true;
    const char *second = end + 1;
    last = g_ascii_isdigit(*second) ? g_ascii_strtoull(second, &end, 10) : ret->size - 1;
    if (g_ascii_isdigit(*second) ? *end != '\0' : *second != '\0')
        return true;
    if (first >= ret->size)
        return false;
    if (last < first)
        return true;
    ret->partial = true;
    ret->first = first;
    ret->length = MIN(last, ret->size - 1) - first + 1;
    return true;
}

/* What of TEXT may stand between the quotes of a header: names are not ours. */
static char *name_quote(const char *text)
{
    GString *out = g_string_new(NULL);
    for (const char *p = text; *p; p++) {
        bool plain = *p >= ' ' && *p < 127 && *p != '"' && *p != '\\' && *p != '%';
        g_string_append_c(out, plain ? *p : '_');
    }
    return g_string_free(out, FALSE);
}

/* Only what can do nothing is shown from our origin; the rest is saved, under its name (RFC 6266).
 */
static void put_disposition(struct request *request, const struct handout *handout)
{
    bool shown = media_type_is_shown(handout->type);
    g_autofree char *plain = name_quote(handout->name);
    g_autofree char *escaped = g_uri_escape_string(handout->name, NULL, FALSE);
    g_autofree char *value = g_strdup_printf("%s; filename=\"%s\"; filename*=UTF-8''%s",
                                             shown ? "inline" : "attachment", plain, escaped);
    request_add_header(request, "Content-Disposition", value);
}

/* For how long it may be kept: not beyond the link, which others may have by then, nor beyond the
 * file. Caches of others ask sooner, so that what was removed is gone there, too. */
static char *caching_of(const struct request *request, const struct handout *handout)
{
    const struct options *options = request->core->options;
    gint64 keep = handout->keep;
    if (handout->link.until)
        keep = MIN(keep, handout->link.until - clock_wall() / G_USEC_PER_SEC);
    if (keep <= 0)
        return g_strdup(handout->shared ? "no-cache" : "private, no-cache");
    if (!handout->shared)
        return g_strdup_printf("private, max-age=%" G_GINT64_FORMAT ", immutable", keep);
    return g_strdup_printf("public, max-age=%" G_GINT64_FORMAT ", s-maxage=%" G_GINT64_FORMAT
                           ", immutable",
                           keep, MIN(keep, options->media_cdn_time));
}

static void put_headers(struct request *request, const struct handout *handout)
{
    g_autofree char *caching = caching_of(request, handout);
    put_disposition(request, handout);
    request_add_header(request, "ETag", handout->etag);
    request_add_header(request, "Accept-Ranges", "bytes");
    request_add_header(request, "Cache-Control", caching);
    request_add_header(request, "Content-Security-Policy", "default-src 'none'; sandbox");
    request_add_header(request, "Cross-Origin-Resource-Policy", "cross-origin");
    request_add_header(request, "Referrer-Policy", "no-referrer");
}

/* A type that browsers would run something of is none that they are told. */
static const char *type_told(const char *type)
{
    static const char *const shown[] = {
        "image/png",  "image/jpeg",      "image/gif",
        "image/webp", "image/avif",      "video/mp4",
        "video/webm", "video/ogg",       "audio/mp4",
        "audio/m4a",  "audio/x-m4a",     "audio/webm",
        "audio/ogg",  "audio/opus",      "audio/flac",
        "audio/wav",  "audio/x-wav",     "audio/mpeg",
        "audio/aac",  "audio/3gpp",      "video/3gpp",
        "image/heic", "video/quicktime", "application/pdf",
        "text/plain", "application/zip", "application/vnd.apple.mpegurl",
        "video/mp2t"};
    for (size_t i = 0; i < G_N_ELEMENTS(shown); i++) {
        if (strcmp(shown[i], type) == 0)
            return shown[i];
    }
    return "application/octet-stream";
}

static void handout_unsatisfied(struct request *request, const struct handout *handout)
{
    g_autofree char *range = g_strdup_printf("bytes */%" G_GUINT64_FORMAT, handout->size);
    request_add_header(request, "Content-Range", range);
    request_fail(request, ERROR_RANGE, NULL);
}

/* KEY: of the file. */
static void handout_send(struct request *request, struct handout *handout, const guint8 *key)
{
    const char *none = request_text(request, "if_none_match");
    const char *if_range = request_text(request, "if_range");
    const char *range = request_text(request, "range");
    g_auto(buffer) nothing = BUFFER_INIT(16);
    if (if_range && strcmp(if_range, handout->etag) != 0)
        range = NULL;
    if (!range_read(range, handout)) {
        handout_unsatisfied(request, handout);
        return;
    }
    put_headers(request, handout);
    if (none && (strcmp(none, "*") == 0 || strstr(none, handout->etag))) {
        request_reply(request, 304, &nothing);
        return;
    }
    if (handout->partial) {
        g_autofree char *text =
            g_strdup_printf("bytes %" G_GUINT64_FORMAT "-%" G_GUINT64_FORMAT "/%" G_GUINT64_FORMAT,
                            handout->first, handout->first + handout->length - 1, handout->size);
        request_add_header(request, "Content-Range", text);
    }
    struct outtake plan = {.place = {.folder = media_folder(),
                                     .file = handout->id,
                                     .part = handout->part,
                                     .key = key,
                                     .size = handout->size,
                                     .first = handout->first,
                                     .length = handout->length},
                           .content_type = type_told(handout->type),
                           .status = handout->partial ? 206 : 200};
    outtake_begin(request, &plan);
}

/* The part of the file that the link names. Texts are borrowed from PARTS. False: there is none. In
 * place of a picture as it came, what is the picture of it is handed out. */
static bool part_find(const json_t *parts, struct handout *handout)
{
    size_t i;
    const json_t *part;
    bool whole = !handout->link.part[0];
    handout->part = handout->link.part;
    json_array_foreach(parts, i, part)
    {
        const char *name = json_string_value(json_object_get(part, "name"));
        const char *type = json_string_value(json_object_get(part, "type"));
        if (!name || !type || strcmp(name, whole ? "clean" : handout->part) != 0)
            continue;
        handout->part = name;
        handout->name = whole ? handout->name : name;
        handout->type = type;
        handout->size = (guint64)json_integer_value(json_object_get(part, "size"));
        return handout->size > 0;
    }
    return whole;
}

static bool key_open(const struct rows *rows, const struct uuid *id, guint8 ret_key[FILE_KEY_SIZE])
{
    return media_key_open(id, rows_text(rows, 0, FILE_SERVE_KEY_NAME),
                          rows_text(rows, 0, FILE_SERVE_KEY), ret_key);
}

/* Why nobody gets it now; ERROR_NONE: who has the link does. */
static enum error_code file_objection(const struct rows *rows, const struct file_link *link)
{
    const char *state = rows_text(rows, 0, FILE_SERVE_STATE);
    bool locked = rows_boolean(rows, 0, FILE_SERVE_LOCKED);
    bool is_signed = link->path[0] == '\0';
    bool moderates = strcmp(link->part, FILE_HELD_PART) == 0 && is_signed;
    if (strcmp(state, "gone") == 0 || (strcmp(state, "reported") == 0 && !moderates))
        return ERROR_GONE;
    bool checks = g_str_has_prefix(link->part, FILE_CHECK_PART) && is_signed;
    if (strcmp(state, "pending") == 0)
        return checks ? ERROR_NONE : ERROR_UNAVAILABLE;
    if (checks) /* it has been looked at */
        return ERROR_GONE;
    if (strcmp(state, "held") == 0)
        return moderates ? ERROR_NONE : ERROR_FORBIDDEN;
    if (strcmp(state, "infected") == 0)
        return ERROR_FORBIDDEN;
    return locked && link->path[0] ? ERROR_FORBIDDEN : ERROR_NONE;
}

/* The classifier gets what everybody will get. */
static void link_unwrap(struct file_link *link)
{
    size_t prefix = strlen(FILE_CHECK_PART);
    if (link->path[0] || !g_str_has_prefix(link->part, FILE_CHECK_PART))
        return;
    const char *rest = link->part[prefix] == '.' ? link->part + prefix + 1 : "";
    memmove(link->part, rest, strlen(rest) + 1);
}

/* What not everybody gets is for nobody to keep. */
static void keeping_read(const struct rows *rows, bool cdn, struct handout *ret)
{
    bool complete = strcmp(rows_text(rows, 0, FILE_SERVE_STATE), "complete") == 0;
    ret->keep = complete ? rows_integer(rows, 0, FILE_SERVE_KEEP) : 0;
    ret->shared =
        complete && !rows_boolean(rows, 0, FILE_SERVE_LOCKED) && (ret->link.path[0] || cdn);
}

static void file_found(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    struct handout handout = {0};
    guint8 key[FILE_KEY_SIZE];
    if (error != ERROR_NONE || rows_count(rows) == 0 || !media_is_on() ||
        !file_link_read(request_text(request, "token"), &handout.link)) {
        request_fail(request, error != ERROR_NONE ? error : ERROR_NOT_FOUND, NULL);
        return;
    }
    enum error_code objection = file_objection(rows, &handout.link);
    if (objection != ERROR_NONE) {
        request_fail(request, objection, NULL);
        return;
    }
    rows_uuid(rows, 0, FILE_SERVE_ID, &handout.id);
    handout.name = rows_text(rows, 0, FILE_SERVE_NAME);
    handout.type = rows_text(rows, 0, FILE_SERVE_TYPE);
    handout.size = (guint64)rows_integer(rows, 0, FILE_SERVE_SIZE);
    keeping_read(rows, media_has_cdn(request->core->options), &handout);
    json_t *parts = json_loads(rows_text(rows, 0, FILE_SERVE_PARTS), 0, NULL);
    link_unwrap(&handout.link);
    g_autofree char *caching = caching_of(request, &handout);
    if (file_stream_reply(request, &handout.link, parts, caching)) {
        json_decref(parts);
        return;
    }
    bool moderates = strcmp(handout.link.part, FILE_HELD_PART) == 0 && !handout.link.path[0];
    if (moderates)
        handout.link.part[0] = '\0';
    bool there = part_find(parts, &handout);
    if (moderates)
        handout.type = "application/octet-stream"; /* whatever it is, it is saved */
    const char *sha256 = rows_text(rows, 0, FILE_SERVE_SHA256);
    g_snprintf(handout.etag, sizeof handout.etag, "\"%s%s%s\"", sha256 ? sha256 : "",
               handout.link.part[0] ? "-" : "", handout.link.part);
    if (there && key_open(rows, &handout.id, key))
        handout_send(request, &handout, key);
    else
        request_fail(request, there ? ERROR_UNAVAILABLE : ERROR_NOT_FOUND, NULL);
    OPENSSL_cleanse(key, sizeof key);
    json_decref(parts);
}

static void bytes_get(struct request *request)
{
    struct file_link link;
    char id[UUID_TEXT_SIZE];
    if (!media_is_on() || !file_link_read(request_text(request, "token"), &link)) {
        request_fail(request, ERROR_NOT_FOUND, NULL);
        return;
    }
    uuid_format(&link.id, id);
    const char *values[] = {link.path[0] ? NULL : id, link.path[0] ? link.path : NULL};
    archive_query(request->core->archive, QUERY_FILE_SERVE, values, file_found, request);
}

/* ---- What apps are told ---------------------------------------------------------------------- */

static const struct field file_fields[] = {FIELD_ID_IN_PATH("file_id"), {0}};

static const char *const gallery_kinds[] = {"image", "video", "voice", "file", "link", NULL};

static const struct field gallery_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    {.name = "kind", .type = FIELD_CHOICE, .flags = FIELD_IN_QUERY, .choices = gallery_kinds},
    FIELD_PAGE_LIMIT(100),
    {.name = "before", .type = FIELD_TEXT, .flags = FIELD_IN_QUERY, .minimum = 1, .maximum = 32},
    {0},
};

/* ---- The end --------------------------------------------------------------------------------- */

/* What of the store is removed, in a thread. */
struct removing {
    struct disk_work work;
    struct job *job;
    GPtrArray *paths;
    GArray *files; /* struct uuid */
    GString *ids;  /* "{id,…}" */
    guint count;
    bool failed;
};

#define REMOVED_AT_ONCE 100

static struct removing *removing_of(struct disk_work *work)
{
    return (struct removing *)(void *)work; /* its first member */
}

static void removing_free(struct removing *removing)
{
    g_ptr_array_unref(removing->paths);
    g_array_unref(removing->files);
    g_string_free(removing->ids, TRUE);
    g_free(removing);
}

static void removing_end(struct removing *removing, enum error_code error)
{
    media_turn_end();
    job_conclude(removing->job, error, removing->count >= REMOVED_AT_ONCE);
    removing_free(removing);
}

static void rows_removed(const struct rows *rows, enum error_code error, void *data)
{
    (void)rows;
    removing_end(data, error);
}

static void run_remove(struct disk_work *work)
{
    struct removing *removing = removing_of(work);
    for (guint i = 0; i < removing->paths->len; i++) {
        if (!shelf_remove(g_ptr_array_index(removing->paths, i)))
            removing->failed = true;
    }
    for (guint i = 0; i < removing->files->len; i++) {
        if (!shelf_clear(media_folder(), &g_array_index(removing->files, struct uuid, i)))
            removing->failed = true;
    }
}

static void bytes_removed(struct disk_work *work)
{
    struct removing *removing = removing_of(work);
    struct core *core = job_core(removing->job);
    const char *values[] = {removing->ids->str};
    if (removing->failed || !core->archive)
        removing_end(removing, ERROR_UNAVAILABLE);
    else
        archive_query(core->archive, QUERY_FILE_GONE, values, rows_removed, removing);
}

static void add_paths(GPtrArray *paths, const struct uuid *id, const char *parts_text)
{
    json_t *parts = parts_text ? json_loads(parts_text, 0, NULL) : NULL;
    size_t i;
    const json_t *part;
    g_ptr_array_add(paths, shelf_path(media_folder(), id, ""));
    g_ptr_array_add(paths, shelf_path(media_folder(), id, SHELF_TAIL));
    json_array_foreach(parts, i, part)
    {
        const char *name = json_string_value(json_object_get(part, "name"));
        if (name)
            g_ptr_array_add(paths, shelf_path(media_folder(), id, name));
    }
    json_decref(parts);
}

static void due_found(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    guint count = error == ERROR_NONE ? (guint)rows_count(rows) : 0;
    if (count == 0) {
        media_turn_end();
        job_conclude(job, error, false);
        return;
    }
    struct removing *removing = g_new0(struct removing, 1);
    removing->work = (struct disk_work){run_remove, bytes_removed, bucket_is_set()};
    removing->job = job;
    removing->count = count;
    removing->paths = g_ptr_array_new_with_free_func(g_free);
    removing->files = g_array_new(FALSE, FALSE, sizeof(struct uuid));
    removing->ids = g_string_new("{");
    for (guint row = 0; row < count; row++) {
        struct uuid id;
        if (!rows_uuid(rows, (int)row, FILE_DUE_ID, &id))
            continue;
        add_paths(removing->paths, &id, rows_text(rows, (int)row, FILE_DUE_PARTS));
        g_array_append_val(removing->files, id);
        g_string_append_printf(removing->ids, "%s%s", row > 0 ? "," : "",
                               rows_text(rows, (int)row, FILE_DUE_ID));
    }
    g_string_append_c(removing->ids, '}');
    disk_submit(&removing->work);
}

static void files_reap(struct job *job)
{
    if (media_is_on() && !media_turn_begin())
        job_conclude(job, ERROR_CONFLICT, false);
    else if (media_is_on())
        archive_query(job_core(job)->archive, QUERY_FILE_DUE,
                      (const char *[]){G_STRINGIFY(REMOVED_AT_ONCE)}, due_found, job);
    else
        job_end(job, JOB_DONE, NULL, NULL);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/f/:token/:name",
     .fields = bytes_fields,
     .handle = bytes_get,
     .flags = OPERATION_ANONYMOUS,
     .limit = LIMIT_NONE,
     .reply = "application/octet-stream",
     .errors = OPERATION_ERROR(GONE) | OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(RANGE),
     .summary = "The bytes of a file, or of what was made of it: what links to files lead to"},
    {.method = "GET",
     .path = "/api/files/:file_id",
     .fields = file_fields,
     .read = QUERY_FILE_GET,
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_DOWNLOADS,
     .reply = "File",
     .summary = "A file that is the caller's, or that a message has which the caller sees"},
    {.method = "DELETE",
     .path = "/api/files/:file_id",
     .fields = file_fields,
     .change = "file_remove",
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_UPLOAD_PARTS,
     .reply = "File",
     .summary = "Removes a file of the caller's; messages that have it say that it is gone"},
    {.method = "GET",
     .path = "/api/conversations/:conversation_id/media",
     .limit = LIMIT_PAGES,
     .fields = gallery_fields,
     .read = QUERY_FILE_GALLERY,
     .flags = OPERATION_LISTS,
     .toggle = TOGGLE_FILES,
     .reply = "GalleryPage",
     .summary = "The files of a conversation's messages, or with kind=link the links in them, the "
                "newest first"},
    {0},
};

static const struct job_kind jobs[] = {
    {.name = "media.reap", .interval = 60, .lock = 600, .run = files_reap},
    {0},
};

const struct feature feature_file = {
    .name = "file", .operations = operations, .jobs = jobs, .is_there = media_is_on};
