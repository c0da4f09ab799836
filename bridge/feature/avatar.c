/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Avatars of users and icons of groups, for apps: upload, removal, and the pictures themselves,
 * whose path is their digest and needs no credentials: <img> has none to give. */
#include "config.h"

#include <stdlib.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/image.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/profile/picture.h"
#include "bridge/profile/profile.h"

#define UPLOAD_MAX (512 * 1024)

static const char *const upload_types[] = {"image/png", "image/jpeg", "image/webp", "image/gif",
                                           NULL};

/* ---- Upload ---------------------------------------------------------------------------------- */

/* Has REQUEST's operation show the picture HASH, which is stored (NULL: none), and answers. */
typedef void (*picture_show)(struct request *request, const char *hash);

struct upload {
    struct request *request;
    picture_show show;
    GByteArray *bytes; /* as they come */
    enum image_format format;
    char hash[PICTURE_HASH_SIZE];
};

static size_t gathered; /* bytes of all uploads; option http.bodies_max bounds them */

static void upload_free(struct upload *upload)
{
    if (upload->bytes) {
        gathered -= upload->bytes->len;
        g_byte_array_unref(upload->bytes);
    }
    g_free(upload);
}

static void picture_stored(const struct rows *rows, enum error_code error, void *data)
{
    struct upload *upload = data;
    struct request *request = upload->request;
    (void)rows;
    if (error == ERROR_NONE)
        upload->show(request, upload->hash);
    else
        request_fail(request, error, NULL);
    upload_free(upload);
}

static void picture_made(const struct picture *picture, enum error_code error, void *data)
{
    struct upload *upload = data;
    struct request *request = upload->request;
    if (!picture || !request->core->archive) {
        bool told = error == ERROR_UNPROCESSABLE || error == ERROR_CONFLICT;
        request_fail(request, told ? error : ERROR_UNAVAILABLE,
                     error == ERROR_UNPROCESSABLE ? "the picture cannot be read"
                     : error == ERROR_CONFLICT    ? "other uploads of yours are still at work"
                                                  : NULL);
        upload_free(upload);
        return;
    }
    g_strlcpy(upload->hash, picture->hash, sizeof upload->hash);
    picture_store(request->core, picture, picture_stored, upload);
}

/* All of it is here. */
static void upload_check(struct upload *upload)
{
    struct request *request = upload->request;
    struct image_head head;
    gathered -= upload->bytes->len;
    g_autoptr(GBytes) bytes = g_byte_array_free_to_bytes(g_steal_pointer(&upload->bytes));
    gsize length = 0;
    const void *data = g_bytes_get_data(bytes, &length);
    if (!data || !image_read_head(data, length, &head) || head.format != upload->format) {
        request_fail(request, ERROR_UNPROCESSABLE, "the body is not what Content-Type says");
        upload_free(upload);
    } else if (!image_is_bearable(&head)) {
        request_fail(request, ERROR_UNPROCESSABLE,
                     "the picture has too many pixels, or is too much work");
        upload_free(upload);
    } else {
        struct picture_origin origin = {.owner = request->account->id_text};
        picture_make(bytes, &origin, picture_made, upload);
    }
}

static size_t upload_piece(struct request *request, const char *bytes, size_t length)
{
    struct upload *upload = request->data;
    if (gathered + length > (size_t)request->core->options->http_bodies_max) {
        upload_free(upload);
        request_fail(request, ERROR_UNAVAILABLE, "too many bodies at once");
        return length;
    }
    g_byte_array_append(upload->bytes, (const guint8 *)bytes, (guint)length);
    gathered += length;
    return length;
}

static void upload_ended(struct request *request, enum error_code error)
{
    struct upload *upload = request->data;
    if (error == ERROR_NONE && request->core->archive) {
        upload_check(upload);
        return;
    }
    upload_free(upload);
    request_fail_body(request, error == ERROR_NONE ? ERROR_UNAVAILABLE : error);
}

static void upload_begin(struct request *request, picture_show show)
{
    static const struct body_reader reader = {upload_piece, upload_ended};
    enum image_format format = image_format_of(request->raw_type);
    if (format == IMAGE_FORMAT_MAX) {
        request_fail_type(request,
                          "Content-Type must be image/png, image/jpeg, image/webp or image/gif",
                          upload_types);
        return;
    }
    struct upload *upload = g_new0(struct upload, 1);
    *upload = (struct upload){
        .request = request, .show = show, .bytes = g_byte_array_new(), .format = format};
    request->data = upload;
    request_read_body(request, &reader);
}

/* ---- Whose it is ----------------------------------------------------------------------------- */

static void avatar_show(struct request *request, const char *hash)
{
    profile_change(request, json_pack("{ss?}", "avatar_hash", hash));
}

static void avatar_put(struct request *request)
{
    upload_begin(request, avatar_show);
}

static void avatar_delete(struct request *request)
{
    avatar_show(request, NULL);
}

static const struct field icon_fields[] = {FIELD_ID_IN_PATH("conversation_id"), {0}};

static void icon_changed(const struct change_result *result, void *data)
{
    change_reply(data, 200, result);
}

static void icon_show(struct request *request, const char *hash)
{
    char conversation[UUID_TEXT_SIZE];
    uuid_format(request_uuid(request, "conversation_id"), conversation);
    change_submit(request->core, "group_icon", &request->account->id,
                  json_pack("{s:s, s:s?}", "conversation_id", conversation, "icon_hash", hash),
                  icon_changed, request);
}

static void icon_put(struct request *request)
{
    upload_begin(request, icon_show);
}

static void icon_delete(struct request *request)
{
    icon_show(request, NULL);
}

/* ---- Pictures -------------------------------------------------------------------------------- */

static const struct field get_fields[] = {
    {.name = "hash",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_IN_PATH,
     .minimum = 40,
     .maximum = 40},
    {0},
};

static void picture_read(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    if (error != ERROR_NONE || rows_count(rows) != 1) {
        request_fail(request, error != ERROR_NONE ? error : ERROR_NOT_FOUND, NULL);
        return;
    }
    gsize length = 0;
    guchar *image = g_base64_decode(rows_text(rows, 0, PICTURE_GET_IMAGE), &length);
    g_autoptr(GBytes) bytes = g_bytes_new_take(image, length);
    struct reply_bytes content = {bytes, rows_text(rows, 0, PICTURE_GET_TYPE),
                                  request_text(request, "hash")};
    request_reply_bytes(request, &content);
}

static void picture_get(struct request *request)
{
    const char *hash = request_text(request, "hash");
    if (picture_is_hash(hash))
        archive_query(request->core->archive, QUERY_PICTURE_GET, &hash, picture_read, request);
    else
        request_fail(request, ERROR_NOT_FOUND, NULL);
}

/* ---- The feature ----------------------------------------------------------------------------- */

static void avatar_start(struct core *core)
{
    (void)core;
    pictures_start();
}

/* Who is told that there will be none may end a job, or ask the archive: they are still there. */
static void avatar_drain(struct core *core)
{
    (void)core;
    pictures_stop();
}

static const struct part part = {.name = "avatar", .drain = avatar_drain};

static const struct operation operations[] = {
    {.method = "PUT",
     .path = "/api/users/me/avatar",
     .handle = avatar_put,
     .raw_stream = UPLOAD_MAX,
     .limit = LIMIT_UPLOADS,
     .reply = "User",
     .errors = OPERATION_ERROR(CONFLICT),
     .summary = "Sets the avatar: the body is a PNG, JPEG, WebP or GIF of at most 512 KiB"},
    {.method = "DELETE",
     .path = "/api/users/me/avatar",
     .handle = avatar_delete,
     .reply = "User",
     .summary = "Removes the avatar; the token's picture shows again"},
    {.method = "PUT",
     .path = "/api/conversations/:conversation_id/icon",
     .fields = icon_fields,
     .handle = icon_put,
     .raw_stream = UPLOAD_MAX,
     .limit = LIMIT_UPLOADS,
     .toggle = TOGGLE_GROUPS,
     .reply = "Conversation",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .summary = "Sets the icon of a group: a picture as an avatar is"},
    {.method = "DELETE",
     .path = "/api/conversations/:conversation_id/icon",
     .fields = icon_fields,
     .handle = icon_delete,
     .toggle = TOGGLE_GROUPS,
     .reply = "Conversation",
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .summary = "Removes the icon of a group"},
    {.method = "GET",
     .path = "/api/avatars/:hash",
     .fields = get_fields,
     .handle = picture_get,
     .flags = OPERATION_ANONYMOUS,
     .reply = "image/*",
     .summary = "The picture of an avatar_url or icon_url"},
    {0},
};

const struct feature feature_avatar = {
    .name = "avatar", .part = &part, .operations = operations, .start = avatar_start};
