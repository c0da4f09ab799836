/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was answered is on the disk. A part that comes while another one does takes its place:
 * clients come back before the network has told us that they were gone. */
#include "config.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/file_link.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/request.h"
#include "bridge/file/upload_part.h"
#include "bridge/media/inspect.h"
#include "bridge/media/intake.h"
#include "bridge/media/media.h"
#include "bridge/media/type.h"

#define PROGRESS_PERIOD (G_USEC_PER_SEC / 2)

const struct field upload_part_fields[] = {
    FIELD_ID_IN_PATH("upload_id"),
    {.name = "upload_offset",
     .type = FIELD_INTEGER,
     .flags = FIELD_IN_HEADER | FIELD_REQUIRED,
     .maximum = G_MAXINT64},
    TUS_FIELD,
    {0},
};

void upload_put_number(struct request *request, const char *name, gint64 number)
{
    char text[24];
    g_snprintf(text, sizeof text, "%" G_GINT64_FORMAT, number);
    request_add_header(request, name, text);
}

/* ---- What comes ------------------------------------------------------------------------------ */

struct receiving {
    struct core *core;
    struct request *request; /* NULL: was answered */
    struct request *next;    /* what comes in its place; or NULL */
    struct uuid owner;       /* nil until it is known, of a slot */
    struct uuid id;
    char id_text[UUID_TEXT_SIZE];
    bool whole; /* a PUT */
    bool slot;  /* of somebody on XMPP */
    guint64 size;
    gint64 turn;
    guint8 key[FILE_KEY_SIZE];
    char *type, *sha256;
    struct intake *intake;
    enum error_code ended; /* how the body ended */
    bool settling;
    gint64 told_at;
    gint64 created; /* wall clock, of the database */
};

static GHashTable *receivings; /* struct uuid * → struct receiving */

static void file_begin(struct request *request, const struct uuid *id);

static void receiving_free(struct receiving *receiving)
{
    struct request *next = receiving->next;
    struct uuid id = receiving->id;
    if (receivings && g_hash_table_lookup(receivings, &receiving->id) == receiving)
        g_hash_table_remove(receivings, &receiving->id);
    intake_free(receiving->intake);
    OPENSSL_cleanse(receiving->key, sizeof receiving->key);
    g_free(receiving->type);
    g_free(receiving->sha256);
    g_free(receiving);
    if (next)
        file_begin(next, &id);
}

static void receiving_fail(struct receiving *receiving, enum error_code code, const char *detail)
{
    struct request *request = g_steal_pointer(&receiving->request);
    metric_add_of(METRIC_UPLOADS, error_info(code)->code, 1);
    if (request)
        request_fail(request, code, detail);
}

static void progress_tell(struct receiving *receiving, guint64 received, const char *status)
{
    struct json_writer json;
    g_auto(buffer) payload = BUFFER_INIT(1024);
    if (!event_is_wanted(receiving->core, &receiving->owner, 1))
        return;
    receiving->told_at = clock_monotonic();
    json_writer_init(&json, &payload);
    json_begin_object(&json);
    json_member_string(&json, "file_id", receiving->id_text);
    json_member_integer(&json, "progress",
                        receiving->size ? (gint64)(received * 100 / receiving->size) : 0);
    json_member_integer(&json, "received", (gint64)received);
    json_member_string(&json, "status", status);
    json_end_object(&json);
    g_autoptr(trestle_event) event = event_new(EVENT_FILE_PROGRESS, 0, clock_wall(), &payload);
    event_hand_out(receiving->core, event, &receiving->owner, 1);
}

/* Whether something is made of it. */
static bool upload_is_rendered(const struct receiving *receiving)
{
    return media_type_is_rendered(receiving->type, media_has_films());
}

/* ---- All of it is there ---------------------------------------------------------------------- */

static void part_reply(struct receiving *receiving, guint64 offset)
{
    struct request *request = g_steal_pointer(&receiving->request);
    if (!request)
        return;
    upload_put_number(request, "Upload-Offset", (gint64)offset);
    request_reply_nothing(request);
}

static void file_finished(const struct change_result *result, void *data)
{
    struct receiving *receiving = data;
    if (change_succeeded(result)) {
        metric_add_of(METRIC_UPLOADS, "completed", 1);
        metric_add(METRIC_UPLOAD_BYTES, (gint64)receiving->size);
        metric_observe(METRIC_UPLOAD_SECONDS, MAX(clock_wall() - receiving->created, 0));
        progress_tell(receiving, receiving->size,
                      upload_is_rendered(receiving) ? "processing" : "complete");
    }
    if (!receiving->request) {
        receiving_free(receiving);
        return;
    }
    if (!change_succeeded(result))
        receiving_fail(receiving, result->error != ERROR_NONE ? result->error : ERROR_CONFLICT,
                       result->error == ERROR_NONE ? "another part has come meanwhile" : NULL);
    else if (receiving->whole)
        change_reply(g_steal_pointer(&receiving->request), receiving->slot ? 201 : 200, result);
    else
        part_reply(receiving, receiving->size);
    receiving_free(receiving);
}

static void file_refused(const struct change_result *result, void *data)
{
    (void)result;
    receiving_free(data);
}

/* It is not what it was said to be: nothing of it is kept. */
static void file_refuse(struct receiving *receiving, const char *field, const char *detail)
{
    struct request *request = g_steal_pointer(&receiving->request);
    metric_add_of(METRIC_UPLOADS, error_info(ERROR_UNPROCESSABLE)->code, 1);
    progress_tell(receiving, receiving->size, "error");
    if (request)
        request_refuse_field(request, field, detail);
    change_submit(receiving->core, "file_remove", &receiving->owner,
                  json_pack("{s:s, s:s}", "file_id", receiving->id_text, "state", "error"),
                  file_refused, receiving);
}

static void file_inspected(const struct inspection *found, void *data)
{
    struct receiving *receiving = data;
    if (found->error != ERROR_NONE || !receiving->core->archive) {
        receiving_fail(receiving, ERROR_UNAVAILABLE, NULL);
        receiving_free(receiving);
        return;
    }
    if (receiving->sha256 && strcmp(receiving->sha256, found->sha256) != 0) {
        file_refuse(receiving, "sha256", "what has come has another digest");
        return;
    }
    if (!media_type_fits(receiving->type, found->head, found->head_length)) {
        file_refuse(receiving, "mime_type", "is not what the bytes are");
        return;
    }
    bool scanned = media_is_judged(receiving->core->options);
    change_submit(
        receiving->core, "file_finish", &receiving->owner,
        json_pack("{s:s, s:I, s:s, s:s, s:s*, s:o*}", "id", receiving->id_text, "turn",
                  (json_int_t)receiving->turn, "sha256", found->sha256, "state",
                  upload_is_rendered(receiving) ? "processing" : "complete", "scan",
                  scanned ? "pending" : NULL, "keep",
                  receiving->slot ? json_integer(receiving->core->options->media_slot_keep) : NULL),
        file_finished, receiving);
}

static void file_finish(struct receiving *receiving)
{
    struct inspection_plan plan = {.folder = media_folder(),
                                   .file = receiving->id,
                                   .key = receiving->key,
                                   .size = receiving->size,
                                   .done = file_inspected,
                                   .data = receiving};
    file_inspect(&plan);
}

/* ---- What has come is kept ------------------------------------------------------------------- */

static void part_kept(const struct rows *rows, enum error_code error, void *data)
{
    struct receiving *receiving = data;
    guint64 offset = intake_offset(receiving->intake);
    bool kept = error == ERROR_NONE && rows_boolean(rows, 0, FILE_KEEP_KEPT);
    if (error != ERROR_NONE)
        receiving_fail(receiving, error, NULL);
    else if (!kept)
        receiving_fail(receiving, ERROR_CONFLICT, "another part has come meanwhile");
    if (kept && offset == receiving->size && receiving->ended != ERROR_TOO_LARGE) {
        file_finish(receiving);
        return;
    }
    if (kept && receiving->ended == ERROR_NONE && !receiving->whole)
        part_reply(receiving, offset);
    else if (kept && receiving->ended == ERROR_NONE)
        receiving_fail(receiving, ERROR_UNPROCESSABLE, "the body is shorter than the file");
    else if (receiving->request)
        request_fail_body(g_steal_pointer(&receiving->request), receiving->ended);
    receiving_free(receiving);
}

static void part_settled(enum error_code error, guint64 offset, void *data)
{
    struct receiving *receiving = data;
    char turn[24], received[24];
    if (error != ERROR_NONE || !receiving->core->archive) {
        receiving_fail(receiving, error != ERROR_NONE ? error : ERROR_UNAVAILABLE,
                       error == ERROR_QUOTA ? "the disk is full" : NULL);
        receiving_free(receiving);
        return;
    }
    g_snprintf(turn, sizeof turn, "%" G_GINT64_FORMAT, receiving->turn);
    /* A client that asks while nobody knows how the last part ended has to send a byte again: what
     * is all there is complete, too. */
    g_snprintf(received, sizeof received, "%" G_GUINT64_FORMAT, MIN(offset, receiving->size - 1));
    const char *values[] = {receiving->id_text, turn, received};
    archive_query(receiving->core->archive, QUERY_FILE_KEEP, values, part_kept, receiving);
}

static void part_settle(struct receiving *receiving)
{
    if (receiving->settling)
        return;
    receiving->settling = true;
    intake_settle(receiving->intake);
}

/* ---- Reading --------------------------------------------------------------------------------- */

static size_t part_piece(struct request *request, const char *bytes, size_t length)
{
    struct receiving *receiving = request->data;
    guint64 offset = intake_offset(receiving->intake);
    if (length > receiving->size - offset) {
        receiving->ended = ERROR_TOO_LARGE;
        request_fail_large(g_steal_pointer(&receiving->request), "more has come than the file has",
                           (gint64)receiving->size);
        part_settle(receiving);
        return length;
    }
    size_t taken = intake_take(receiving->intake, (const guint8 *)bytes, length);
    if (clock_monotonic() - receiving->told_at > PROGRESS_PERIOD)
        progress_tell(receiving, offset + taken, "uploading");
    return taken;
}

static void part_ended(struct request *request, enum error_code error)
{
    struct receiving *receiving = request->data;
    receiving->ended = error;
    part_settle(receiving);
}

static void part_room(void *data)
{
    struct receiving *receiving = data;
    if (receiving->request)
        request_body_resume(receiving->request);
}

static void part_opened(enum error_code error, void *data)
{
    static const struct body_reader reader = {part_piece, part_ended};
    struct receiving *receiving = data;
    if (error != ERROR_NONE) {
        receiving_fail(receiving, error,
                       error == ERROR_CONFLICT ? "another part of it is coming elsewhere" : NULL);
        receiving_free(receiving);
    } else if (!receiving->request) { /* another one is waiting for its place */
        receiving_free(receiving);
    } else {
        receiving->request->data = receiving;
        request_read_body(receiving->request, &reader);
    }
}

/* Why the part cannot be taken, of an upload of STATE that has RECEIVED. NULL: it can, or REQUEST
 * was answered. */
static enum error_code part_objection(const struct receiving *receiving, const char *state,
                                      gint64 received, const char **ret_detail)
{
    gint64 offset = receiving->whole ? 0 : request_integer(receiving->request, "upload_offset");
    if (strcmp(state, "gone") == 0)
        return ERROR_GONE;
    *ret_detail = "it is complete, or is not any more";
    if (strcmp(state, "uploading") != 0)
        return ERROR_CONFLICT;
    *ret_detail = "Upload-Offset is not where it goes on";
    return offset == received ? ERROR_NONE : ERROR_CONFLICT;
}

static bool key_open(struct receiving *receiving, const struct rows *rows)
{
    return media_key_open(&receiving->id, rows_text(rows, 0, FILE_OPEN_KEY_NAME),
                          rows_text(rows, 0, FILE_OPEN_KEY), receiving->key);
}

static void part_refuse(struct receiving *receiving, enum error_code code, const char *detail,
                        gint64 received)
{
    if (code == ERROR_CONFLICT)
        upload_put_number(receiving->request, "Upload-Offset", received);
    receiving_fail(receiving, code, detail);
    receiving_free(receiving);
}

static void part_found(const struct rows *rows, enum error_code error, void *data)
{
    struct receiving *receiving = data;
    const char *detail = NULL;
    if (error != ERROR_NONE || rows_count(rows) == 0 || !receiving->request ||
        !receiving->core->archive) {
        receiving_fail(receiving, error != ERROR_NONE ? error : ERROR_NOT_FOUND, NULL);
        receiving_free(receiving);
        return;
    }
    gint64 received = rows_integer(rows, 0, FILE_OPEN_RECEIVED);
    enum error_code code =
        part_objection(receiving, rows_text(rows, 0, FILE_OPEN_STATE), received, &detail);
    if (code != ERROR_NONE) {
        part_refuse(receiving, code, detail, received);
        return;
    }
    if (!key_open(receiving, rows)) {
        part_refuse(receiving, ERROR_UNAVAILABLE, "its key is not there", received);
        return;
    }
    rows_uuid(rows, 0, FILE_OPEN_USER_ID, &receiving->owner);
    receiving->size = (guint64)rows_integer(rows, 0, FILE_OPEN_SIZE);
    receiving->turn = rows_integer(rows, 0, FILE_OPEN_TURN);
    receiving->created = rows_integer(rows, 0, FILE_OPEN_CREATED);
    receiving->type = g_strdup(rows_text(rows, 0, FILE_OPEN_TYPE));
    receiving->sha256 = g_strdup(rows_text(rows, 0, FILE_OPEN_SHA256));
    struct intake_plan plan = {.folder = media_folder(),
                               .file = receiving->id,
                               .key = receiving->key,
                               .offset = (guint64)received,
                               .size = receiving->size,
                               .opened = part_opened,
                               .room = part_room,
                               .settled = part_settled,
                               .data = receiving};
    receiving->intake = intake_open(&plan);
}

/* Another one is to go on in its place. */
static void receiving_interrupt(struct receiving *receiving)
{
    bool reading = receiving->request && receiving->request->data == receiving;
    if (receiving->settling)
        return; /* all of it has come: it ends by itself */
    receiving_fail(receiving, ERROR_CONFLICT, "another part has come in its place");
    receiving->ended = ERROR_CONFLICT;
    if (reading)
        part_settle(receiving);
}

/* Whether REQUEST is of whoever OTHER is of; a slot is of who has its link. */
static bool is_same_owner(const struct request *request, const struct receiving *other)
{
    return request->account ? uuid_equal(&other->owner, &request->account->id) : other->slot;
}

static void file_begin(struct request *request, const struct uuid *id)
{
    struct receiving *other = receivings ? g_hash_table_lookup(receivings, id) : NULL;
    if (other && !is_same_owner(request, other)) {
        request_fail(request, ERROR_NOT_FOUND, NULL);
        return;
    }
    if (!receivings || !request->core->archive || (other && other->next)) {
        request_fail(request, other ? ERROR_CONFLICT : ERROR_UNAVAILABLE,
                     other ? "other parts of it wait already" : NULL);
        return;
    }
    if (other) {
        other->next = request;
        receiving_interrupt(other);
        return;
    }
    struct receiving *receiving = g_new0(struct receiving, 1);
    receiving->core = request->core;
    receiving->request = request;
    receiving->slot = request->account == NULL;
    if (request->account)
        receiving->owner = request->account->id;
    receiving->id = *id;
    uuid_format(id, receiving->id_text);
    receiving->whole = strcmp(request->operation->method, "PUT") == 0;
    g_hash_table_insert(receivings, &receiving->id, receiving);
    const char *values[] = {request->account ? request->account->id_text : NULL, receiving->id_text,
                            receiving->whole ? "true" : "false"};
    archive_query(request->core->archive, QUERY_FILE_OPEN, values, part_found, receiving);
}

void upload_part_begin(struct request *request)
{
    file_begin(request, request_uuid(request, "upload_id"));
}

bool upload_slots_are_on(const struct options *options)
{
    return media_is_on() && strcmp(options->media_slots, "off") != 0;
}

void upload_slot_begin(struct request *request, const struct uuid *id)
{
    file_begin(request, id);
}

json_t *upload_arguments_new(struct uuid *ret_id, char **ret_path)
{
    char id_text[UUID_TEXT_SIZE];
    guint8 key[FILE_KEY_SIZE], wrapped[FILE_KEY_WRAPPED_SIZE];
    uuid_generate(ret_id);
    uuid_format(ret_id, id_text);
    *ret_path = file_path_new();
    bool made = *ret_path && RAND_bytes(key, sizeof key) == 1 &&
                vault_wrap(media_vault(), ret_id, key, wrapped);
    OPENSSL_cleanse(key, sizeof key);
    if (!made)
        return NULL;
    g_autofree char *key_text = g_base64_encode(wrapped, sizeof wrapped);
    return json_pack("{s:s, s:s, s:s, s:s}", "id", id_text, "key", key_text, "key_name",
                     vault_newest(media_vault()), "path", *ret_path);
}

void upload_part_interrupt(const struct request *request)
{
    struct receiving *receiving =
        g_hash_table_lookup(receivings, request_uuid(request, "upload_id"));
    if (receiving && is_same_owner(request, receiving))
        receiving_interrupt(receiving);
}

void upload_part_start(void)
{
    receivings = g_hash_table_new(uuid_hash, uuid_equal);
}

void upload_part_stop(void)
{
    g_clear_pointer(&receivings, g_hash_table_unref);
}
