/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be done to a file: when it ends, and a password for it. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/file_link.h"
#include "bridge/base/json_writer.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/media/lock.h"
#include "bridge/media/media.h"

#define PASSWORD_MAX 256

static const struct field update_fields[] = {
    FIELD_ID_IN_PATH("file_id"),
    {.name = "expires_at", .type = FIELD_TEXT, .flags = FIELD_TIME | FIELD_NULLABLE, .maximum = 64},
    {.name = "password",
     .type = FIELD_TEXT,
     .flags = FIELD_NULLABLE | FIELD_NOT_AUDITED,
     .minimum = 1,
     .maximum = PASSWORD_MAX},
    {0},
};

static void file_updated(const struct change_result *result, void *data)
{
    change_reply(data, 200, result);
}

static void update_submit(struct request *request, json_t *arguments)
{
    change_submit(request->core, "file_update", &request->account->id, arguments, file_updated,
                  request);
}

static json_t *update_arguments(const struct request *request)
{
    char id[UUID_TEXT_SIZE];
    const struct field_value *expires = request_value(request, "expires_at");
    uuid_format(request_uuid(request, "file_id"), id);
    json_t *arguments = json_pack("{s:s}", "file_id", id);
    if (expires->present)
        json_object_set_new(arguments, "expires_at",
                            expires->text ? json_string(expires->text) : json_null());
    return arguments;
}

static void update_locked(const char *lock, void *data)
{
    struct request *request = data;
    if (!lock || !request->core->archive) {
        request_fail(request, ERROR_UNAVAILABLE, NULL);
        return;
    }
    json_t *arguments = update_arguments(request);
    json_object_set_new(arguments, "lock", json_string(lock));
    update_submit(request, arguments);
}

static void file_update(struct request *request)
{
    const struct field_value *password = request_value(request, "password");
    if (!media_is_on()) {
        request_fail(request, ERROR_NOT_AVAILABLE, "this server keeps no files");
        return;
    }
    if (password->present && password->text) {
        lock_make(password->text, update_locked, request);
        return;
    }
    json_t *arguments = update_arguments(request);
    if (password->present)
        json_object_set_new(arguments, "lock", json_null());
    update_submit(request, arguments);
}

/* ---- Opening --------------------------------------------------------------------------------- */

static const struct field unlock_fields[] = {
    FIELD_ID_IN_PATH("file_id"),
    {.name = "password",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_NOT_AUDITED,
     .minimum = 1,
     .maximum = PASSWORD_MAX},
    {0},
};

/* What is known of the file while its password is tried. */
struct unlocking {
    struct request *request;
    char *name;
};

static void unlock_end(struct unlocking *unlocking)
{
    g_free(unlocking->name);
    g_free(unlocking);
}

static void lock_tried(bool opens, void *data)
{
    struct unlocking *unlocking = data;
    struct request *request = unlocking->request;
    struct json_writer json;
    g_auto(buffer) buf = BUFFER_INIT(4096);
    g_autofree char *link =
        opens ? file_link_signed(request_uuid(request, "file_id"), "", unlocking->name) : NULL;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_string(&json, "download_url", link);
    json_end_object(&json);
    if (link)
        request_reply(request, 200, &buf);
    else
        request_fail(request, opens ? ERROR_NOT_AVAILABLE : ERROR_FORBIDDEN,
                     opens ? NULL : "that is not the password");
    unlock_end(unlocking);
}

static void lock_found(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    if (error != ERROR_NONE || rows_count(rows) == 0 || !media_is_on()) {
        request_fail(request, error != ERROR_NONE ? error : ERROR_NOT_FOUND, NULL);
        return;
    }
    struct unlocking *unlocking = g_new0(struct unlocking, 1);
    const char *lock = rows_text(rows, 0, FILE_LOCK_LOCK);
    unlocking->request = request;
    unlocking->name = g_strdup(rows_text(rows, 0, FILE_LOCK_NAME));
    if (lock)
        lock_try(lock, request_text(request, "password"), lock_tried, unlocking);
    else
        lock_tried(true, unlocking);
}

static void file_unlock(struct request *request)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(request_uuid(request, "file_id"), id);
    const char *values[] = {request->account->id_text, id};
    archive_query(request->core->archive, QUERY_FILE_LOCK, values, lock_found, request);
}

static const struct operation operations[] = {
    {.method = "PATCH",
     .path = "/api/files/:file_id",
     .fields = update_fields,
     .handle = file_update,
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_UPLOAD_PARTS,
     .reply = "File",
     .errors = OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(NOT_AVAILABLE),
     .summary = "Says when a file of the caller's ends, or what opens it; null takes that back"},
    {.method = "POST",
     .path = "/api/files/:file_id/unlock",
     .fields = unlock_fields,
     .handle = file_unlock,
     .toggle = TOGGLE_FILES,
     .limit = LIMIT_UNLOCKS,
     .reply = "FileLink",
     .errors = OPERATION_ERROR(FORBIDDEN),
     .summary = "A link to a file that has a password"},
    {0},
};

const struct feature feature_file_change = {
    .name = "file_change", .operations = operations, .is_there = media_is_on};
