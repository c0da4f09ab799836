/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Uploads: made by POST, filled by PATCH in parts (tus 1.0, so that its clients work unchanged) or
 * by one PUT; upload_part.c takes what comes. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/file_link.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/part.h"
#include "bridge/file/upload_part.h"
#include "bridge/media/media.h"
#include "bridge/media/type.h"
#include "bridge/view/rows.h"
#include "xep/name.h"

#define NAME_MAX_BYTES 255
#define PART_MAX (5LL * 1024 * 1024 * 1024)
#define TUS_VERSION "1.0.0"

/* ---- Making one ------------------------------------------------------------------------------ */

static const char *const purposes[] = {"attachment", "voice", "icon", "recording", NULL};

static const struct field create_fields[] = {
    {.name = "filename", .type = FIELD_TEXT, .minimum = 1, .maximum = NAME_MAX_BYTES},
    {.name = "size", .type = FIELD_INTEGER, .minimum = 1, .maximum = G_MAXINT64},
    {.name = "mime_type", .type = FIELD_TEXT, .minimum = 1, .maximum = 255},
    {.name = "sha256", .type = FIELD_TEXT, .minimum = 64, .maximum = 64},
    {.name = "purpose", .type = FIELD_CHOICE, .choices = purposes},
    {.name = "upload_length",
     .type = FIELD_INTEGER,
     .flags = FIELD_IN_HEADER,
     .minimum = 1,
     .maximum = G_MAXINT64},
    {.name = "upload_metadata", .type = FIELD_TEXT, .flags = FIELD_IN_HEADER, .maximum = 4096},
    TUS_FIELD,
    {0},
};

/* What is to be uploaded; texts are owned. */
struct description {
    char *name, *type, *sha256, *purpose;
    gint64 size;
};

static void description_clear(struct description *wanted)
{
    g_free(wanted->name);
    g_free(wanted->type);
    g_free(wanted->sha256);
    g_free(wanted->purpose);
}
typedef struct description description;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(description, description_clear)

/* The value of KEY in the header Upload-Metadata, "key base64,…"; NULL: it has none, or no text. */
static char *metadata_value(const char *header, const char *key)
{
    g_auto(GStrv) pairs = g_strsplit(header ? header : "", ",", -1);
    for (size_t i = 0; pairs[i]; i++) {
        g_auto(GStrv) pair = g_strsplit(g_strstrip(pairs[i]), " ", 2);
        gsize length = 0;
        if (!pair[0] || strcmp(pair[0], key) != 0 || !pair[1])
            continue;
        g_autofree guchar *bytes = g_base64_decode(pair[1], &length);
        if (length == 0 || length > NAME_MAX_BYTES || memchr(bytes, '\0', length) ||
            !g_utf8_validate((const char *)bytes, (gssize)length, NULL))
            return NULL;
        return g_strndup((const char *)bytes, length);
    }
    return NULL;
}

static char *told_text(const struct request *request, const char *field, const char *first,
                       const char *second)
{
    const char *text = request_text(request, field);
    const char *header = request_text(request, "upload_metadata");
    if (text)
        return g_strdup(text);
    char *found = metadata_value(header, first);
    return found ? found : metadata_value(header, second);
}

/* The name is shown, and is what saves are called: nothing of it is hidden, and it has no path. */
static char *name_of(char *told_name)
{
    g_autofree char *name = told_name;
    g_autofree char *clean = name ? name_clean(name, NAME_MAX_BYTES, NAME_LINE) : NULL;
    if (!clean)
        return NULL;
    const char *end = strrchr(clean, '/');
    const char *other = strrchr(end ? end + 1 : clean, '\\');
    const char *base = other ? other + 1 : end ? end + 1 : clean;
    return *base && strcmp(base, ".") != 0 && strcmp(base, "..") != 0 ? g_strdup(base)
                                                                      : g_strdup("file");
}

static bool is_digest(const char *text)
{
    return strlen(text) == 64 && strspn(text, "0123456789abcdefABCDEF") == 64;
}

static bool description_read(struct request *request, struct description *ret)
{
    gint64 size = request_integer(request, "size");
    g_autofree char *type = told_text(request, "mime_type", "filetype", "type");
    g_autofree char *sha256 = told_text(request, "sha256", "sha256", "sha256");
    ret->size = size ? size : request_integer(request, "upload_length");
    ret->name = name_of(told_text(request, "filename", "filename", "name"));
    ret->type = media_type_plain(type ? type : "application/octet-stream");
    ret->purpose = told_text(request, "purpose", "purpose", "purpose");
    if (!ret->purpose)
        ret->purpose = g_strdup("attachment");
    if (!ret->name)
        return request_refuse_field(request, "filename", "is required, as text that shows");
    if (!ret->size)
        return request_refuse_field(request, "size", "is required");
    if (!ret->type)
        return request_refuse_field(request, "mime_type", "is no media type");
    if (sha256 && !is_digest(sha256))
        return request_refuse_field(request, "sha256", "must be 64 hexadecimal digits");
    if (!g_strv_contains(purposes, ret->purpose))
        return request_refuse_field(request, "purpose", "is not known");
    ret->sha256 = sha256 ? g_ascii_strdown(sha256, -1) : NULL;
    return true;
}

/* Whether such a file may be, by size and type; if not, REQUEST was answered. */
static bool description_allowed(struct request *request, const struct description *wanted)
{
    const struct options *options = request->core->options;
    enum media_kind kind = media_type_kind(wanted->type);
    gint64 most = options->media_size_max;
    if (kind == MEDIA_IMAGE)
        most = MIN(most, options->media_image_max);
    if (!media_type_allowed(options->media_types, wanted->type)) {
        g_auto(GStrv) types = g_strsplit(options->media_types, " ", -1);
        request_fail_type(request, "files of that type are not taken here",
                          (const char *const *)types);
        return false;
    }
    if (strcmp(wanted->purpose, "voice") == 0 && kind != MEDIA_AUDIO)
        return request_refuse_field(request, "mime_type", "a voice message is a sound");
    if (wanted->size <= most)
        return true;
    request_fail_large(request, "the file is too large", most);
    return false;
}

/* Whether there is a store, and the client speaks a version of tus that we do. */
static bool upload_is_on(struct request *request)
{
    const char *version = request_text(request, "tus_resumable");
    if (version)
        request_add_header(request, "Tus-Resumable", TUS_VERSION);
    if (!media_is_on()) {
        request_fail(request, ERROR_NOT_AVAILABLE, "this server keeps no files");
        return false;
    }
    if (!version || strcmp(version, TUS_VERSION) == 0)
        return true;
    request_add_header(request, "Tus-Version", TUS_VERSION);
    request_fail(request, ERROR_PRECONDITION, "Tus-Resumable must be " TUS_VERSION);
    return false;
}

/* Answers with the Upload that FILE is. */
static void upload_reply(struct request *request, unsigned status, const struct file_view *file)
{
    char id[UUID_TEXT_SIZE];
    g_autofree char *url = NULL;
    struct json_writer json;
    g_auto(buffer) buf = BUFFER_INIT(VIEW_OBJECT_MAX);
    uuid_format(&file->id, id);
    url = g_strconcat("/api/uploads/", id, NULL);
    bool ends = strcmp(file->state, "uploading") == 0 && file->created_at > 0;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_key(&json, "file");
    view_write(&json, view_schema_find("File"), file);
    json_member_string(&json, "upload_url", url);
    json_member_integer(&json, "offset", file->received);
    json_member_integer(&json, "chunk_max", PART_MAX);
    json_member_time(
        &json, "expires_at",
        ends ? file->created_at + request->core->options->media_upload_time * G_USEC_PER_SEC : 0);
    json_end_object(&json);
    if (status == 201)
        request_add_header(request, "Location", url);
    upload_put_number(request, "Upload-Offset", file->received);
    upload_put_number(request, "Upload-Length", file->size);
    request_reply(request, status, &buf);
}

static void error_count(enum error_code code)
{
    metric_add_of(METRIC_UPLOADS, error_info(code)->code, 1);
}

static void upload_created(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    gint64 outcome = error == ERROR_NONE ? rows_integer(rows, 0, FILE_CREATE_OUTCOME) : 0;
    g_auto(view_memory) memory = {0};
    if (error == ERROR_NONE && outcome != OUTCOME_DONE)
        error_count(outcome == OUTCOME_CONFLICT ? ERROR_CONFLICT : ERROR_QUOTA);
    if (error != ERROR_NONE)
        request_fail(request, error, NULL);
    else if (outcome == OUTCOME_CONFLICT)
        request_fail(request, ERROR_CONFLICT, "100 uploads of yours are not complete yet");
    else if (outcome != OUTCOME_DONE)
        request_fail(request, ERROR_QUOTA,
                     outcome == 8 ? "your files take all the room that you have"
                                  : "there is no room left for files");
    else
        upload_reply(request, 201,
                     view_from_row(&view_of_file_view, rows, 0, FILE_CREATE_FILE, &memory));
}

static json_t *create_arguments(const struct request *request, const struct description *wanted)
{
    const struct options *options = request->core->options;
    struct uuid id;
    g_autofree char *path = NULL;
    json_t *arguments = upload_arguments_new(&id, &path);
    if (!arguments)
        return NULL;
    json_t *more = json_pack(
        "{s:s, s:s, s:s, s:s, s:I, s:s*, s:I, s:I, s:I}", "name", wanted->name, "type",
        wanted->type, "kind", media_kinds[media_type_kind(wanted->type)], "purpose",
        wanted->purpose, "size", (json_int_t)wanted->size, "sha256", wanted->sha256, "seconds",
        (json_int_t)options->media_upload_time, "quota_user", (json_int_t)options->media_quota_user,
        "quota_total", (json_int_t)options->media_quota_total);
    json_object_update(arguments, more);
    json_decref(more);
    return arguments;
}

static void upload_create(struct request *request)
{
    g_auto(description) wanted = {0};
    if (!upload_is_on(request) || !description_read(request, &wanted) ||
        !description_allowed(request, &wanted))
        return;
    json_t *arguments = create_arguments(request, &wanted);
    char *text = arguments ? json_dumps(arguments, JSON_COMPACT) : NULL;
    const char *values[] = {request->account->id_text, text};
    if (text)
        archive_query_binary(request->core->archive, QUERY_FILE_CREATE, values, upload_created,
                             request);
    else
        request_fail(request, ERROR_UNAVAILABLE, NULL);
    free(text);
    json_decref(arguments);
}

/* ---- Filling it ------------------------------------------------------------------------------ */

static void upload_patch(struct request *request)
{
    static const char type[] = "application/offset+octet-stream";
    static const char *const types[] = {type, NULL};
    request->data = NULL;
    if (!upload_is_on(request))
        return;
    if (!request->raw_type || g_ascii_strcasecmp(request->raw_type, type) != 0)
        request_fail_type(request, "Content-Type must be application/offset+octet-stream", types);
    else
        upload_part_begin(request);
}

static const struct field put_fields[] = {FIELD_ID_IN_PATH("upload_id"), TUS_FIELD, {0}};

static void upload_put(struct request *request)
{
    request->data = NULL;
    if (upload_is_on(request))
        upload_part_begin(request);
}

/* ---- Looking, and giving up ------------------------------------------------------------------ */

static void upload_found(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    g_auto(view_memory) memory = {0};
    const struct file_view *file =
        error == ERROR_NONE && rows_count(rows) == 1
            ? view_from_row(&view_of_file_view, rows, 0, FILE_GET_FILE, &memory)
            : NULL;
    if (!file || !uuid_equal(&file->user_id, &request->account->id))
        request_fail(request, error != ERROR_NONE ? error : ERROR_NOT_FOUND, NULL);
    else if (strcmp(file->state, "removed") == 0)
        request_fail(request, ERROR_GONE, NULL);
    else
        upload_reply(request, 200, file);
}

static void upload_get(struct request *request)
{
    char id[UUID_TEXT_SIZE];
    if (!upload_is_on(request))
        return;
    uuid_format(request_uuid(request, "upload_id"), id);
    const char *values[] = {request->account->id_text, id};
    archive_query_binary(request->core->archive, QUERY_FILE_GET, values, upload_found, request);
}

static void upload_cancelled(const struct change_result *result, void *data)
{
    if (change_succeeded(result))
        request_reply_nothing(data);
    else
        change_reply(data, 204, result);
}

static void upload_cancel(struct request *request)
{
    char id[UUID_TEXT_SIZE];
    if (!upload_is_on(request))
        return;
    uuid_format(request_uuid(request, "upload_id"), id);
    upload_part_interrupt(request);
    change_submit(request->core, "file_remove", &request->account->id,
                  json_pack("{s:s}", "file_id", id), upload_cancelled, request);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void upload_start(struct core *core)
{
    media_start(core->options);
    upload_part_start();
}

static void upload_secrets_read(struct core *core, const struct options *fresh)
{
    media_renew(core->options, fresh);
}

static void upload_stop(struct core *core)
{
    (void)core;
    media_stop();
    upload_part_stop();
}

#define UPLOAD_ERRORS                                                                              \
    OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(GONE) | OPERATION_ERROR(QUOTA) |                   \
        OPERATION_ERROR(PRECONDITION)

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/uploads",
     .fields = create_fields,
     .handle = upload_create,
     .flags = OPERATION_MAKES,
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_UPLOADS,
     .reply = "Upload",
     .errors = UPLOAD_ERRORS,
     .summary =
         "Begins an upload; Upload-Length and Upload-Metadata (tus) may stand in for the body"},
    {.method = "GET",
     .path = "/api/uploads/:upload_id",
     .fields = put_fields,
     .handle = upload_get,
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_UPLOAD_PARTS,
     .reply = "Upload",
     .errors = UPLOAD_ERRORS,
     .summary = "How far an upload of the caller's has come"},
    {.method = "PATCH",
     .path = "/api/uploads/:upload_id",
     .fields = upload_part_fields,
     .handle = upload_patch,
     .raw_stream = PART_MAX,
     .raw_type = "application/offset+octet-stream",
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_UPLOAD_PARTS,
     .errors = UPLOAD_ERRORS,
     .summary = "Goes on with an upload from Upload-Offset on (tus 1.0)"},
    {.method = "PUT",
     .path = "/api/uploads/:upload_id",
     .fields = put_fields,
     .handle = upload_put,
     .raw_stream = PART_MAX,
     .raw_type = "application/octet-stream",
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_UPLOAD_PARTS,
     .reply = "File",
     .errors = UPLOAD_ERRORS,
     .summary = "Uploads all of a file at once"},
    {.method = "DELETE",
     .path = "/api/uploads/:upload_id",
     .fields = put_fields,
     .handle = upload_cancel,
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_UPLOAD_PARTS,
     .errors = UPLOAD_ERRORS,
     .summary = "Gives an upload up; nothing of it is kept"},
    {.method = "POST",
     .path = "/api/uploads/:upload_id/cancel",
     .fields = put_fields,
     .handle = upload_cancel,
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_UPLOAD_PARTS,
     .errors = UPLOAD_ERRORS,
     .summary = "The same, for clients without DELETE"},
    {0},
};

static const struct part part = {.name = "upload", .secrets_read = upload_secrets_read};

const struct feature feature_upload = {.name = "upload",
                                       .part = &part,
                                       .operations = operations,
                                       .start = upload_start,
                                       .stop = upload_stop,
                                       .is_there = media_is_on};
