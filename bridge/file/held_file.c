/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files that the scanner or the classifier holds back: nobody gets them until a moderator has
 * decided. And files of what was reported, for moderators to look at. */
#include "config.h"

#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/file_link.h"
#include "bridge/base/json_writer.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/media/media.h"

#define OWN "urn:trestle:admin:"

static const struct field list_fields[] = {
    FIELD_PAGE_LIMIT(100),
    {.name = "after", .type = FIELD_UUID, .flags = FIELD_IN_QUERY},
    {0},
};

static const struct field file_fields[] = {FIELD_ID_IN_PATH("file_id"), {0}};

static const char *const decisions[] = {"release", "remove", NULL};

static const struct field decide_fields[] = {
    FIELD_ID_IN_PATH("file_id"),
    {.name = "decision",
     .type = FIELD_CHOICE,
     .flags = FIELD_REQUIRED,
     .label = "What becomes of it",
     .choices = decisions},
    {0},
};

static void file_found(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    struct json_writer json;
    g_auto(buffer) buf = BUFFER_INIT(4096);
    g_autofree char *link = NULL;
    if (error == ERROR_NONE && rows_count(rows) == 1)
        link = file_link_direct(request_uuid(request, "file_id"), FILE_HELD_PART,
                                rows_text(rows, 0, FILE_HELD_NAME));
    if (!link) {
        request_fail(request, error != ERROR_NONE ? error : ERROR_NOT_FOUND, NULL);
        return;
    }
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_string(&json, "download_url", link);
    json_end_object(&json);
    request_reply(request, 200, &buf);
}

static void file_look(struct request *request)
{
    char id[UUID_TEXT_SIZE];
    uuid_format(request_uuid(request, "file_id"), id);
    archive_query(request->core->archive, QUERY_FILE_HELD, (const char *[]){id}, file_found,
                  request);
}

#define BY_MODERATOR .flags = OPERATION_SERVER_KEY, .scope = "moderate", .role = "moderator"

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/moderation/files",
     .fields = list_fields,
     .read = QUERY_FILE_HELD_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "moderate",
     .role = "moderator",
     .audit = "file.list",
     .adhoc = &(const struct adhoc){.node = OWN "held-files", .name = "Files: which are held back"},
     .reply = "HeldFilePage",
     .summary = "Files that are held back, oldest first"},
    {.method = "POST",
     .path = "/api/moderation/files/:file_id/look",
     .fields = file_fields,
     .handle = file_look,
     BY_MODERATOR,
     .limit = LIMIT_DOWNLOADS,
     .audit = "file.look",
     .reply = "FileLink",
     .summary =
         "A link to a file that is held back or was reported, for a while; it is only ever saved"},
    {.method = "POST",
     .path = "/api/moderation/files/:file_id/decide",
     .fields = decide_fields,
     .change = "file_decide",
     BY_MODERATOR,
     .audit = "file.decide",
     .adhoc = &(const struct adhoc){.node = OWN "held-file-decide",
                                    .name = "Files: release or remove one"},
     .reply = "HeldFile",
     .errors = OPERATION_ERROR(CONFLICT),
     .summary = "Lets everybody have a file that was held back, or removes it"},
    {0},
};

const struct feature feature_held_file = {
    .name = "held_file", .operations = operations, .is_there = media_is_on};
