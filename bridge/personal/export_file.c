/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Handing out what was exported: a ZIP archive that is made as fast as the client takes it, of the
 * pieces of texts, then of files as they lie in the store now, each decrypted on its way, and of a
 * list of those that could not be had. The link is enough: nobody can guess it, and it ends with
 * the export. */
#include "config.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/buffer.h"
#include "bridge/base/zip.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/stream.h"
#include "bridge/media/media.h"
#include "bridge/media/part_reader.h"

#define PATH_MAX_LENGTH 64
#define TEXTS_MAX 64
#define FILES_MAX 20000                           /* with bytes, in one archive */
#define BYTES_MAX (G_GUINT64_CONSTANT(256) << 30) /* of those */
#define LIST_MAX (8 * 1024 * 1024)                /* of those without */
#define LIST "left-out.jsonl"

enum handing_stage { TEXTS, FILES, COMPLETE };

struct handing {
    struct core *core;
    struct request *request; /* until the answer begins */
    struct stream *stream;   /* NULL: the client has left */
    struct zip *zip;
    char *id;
    gint64 made, part; /* part: number of the last piece */
    struct {
        char *name;
        gint64 size;
    } texts[TEXTS_MAX];
    unsigned text_count, text; /* text: the one that is being written, counted from 1 */
    enum handing_stage stage;
    char *after, *line;     /* key of the last file, and what the list would say of it */
    char *path;             /* where it is in the archive; NULL once it has begun there */
    guint64 size, left;     /* its bytes, and those that are still to come */
    guint64 files, written; /* how many files there are, and of how many bytes */
    struct part_reader *reader;
    struct buffer list;
    bool busy; /* something will tell */
};

static void handing_free(struct handing *handing)
{
    for (unsigned i = 0; i < handing->text_count; i++)
        g_free(handing->texts[i].name);
    part_reader_free(handing->reader);
    zip_free(handing->zip);
    buffer_clear(&handing->list);
    g_free(handing->id);
    g_free(handing->after);
    g_free(handing->line);
    g_free(handing->path);
    g_free(handing);
}

static void handing_end(struct handing *handing, bool cut)
{
    stream_end(handing->stream, cut);
    handing_free(handing);
}

/* What was made of the archive goes to the client, who asks for more when it has that. */
static void handing_flush(struct handing *handing, bool good)
{
    const GByteArray *output = zip_output(handing->zip);
    good = good && stream_write(handing->stream, (const char *)output->data, output->len);
    zip_take(handing->zip);
    if (!good || handing->stage == COMPLETE)
        handing_end(handing, !good);
}

/* ---- Texts ----------------------------------------------------------------------------------- */

/* The piece's file begins, if it is another one. */
static bool text_begin(struct handing *handing, const char *name)
{
    if (handing->text > 0 && g_strcmp0(handing->texts[handing->text - 1].name, name) == 0)
        return true;
    if (handing->text >= handing->text_count ||
        g_strcmp0(handing->texts[handing->text].name, name) != 0)
        return false; /* it has changed meanwhile */
    handing->text++;
    const struct zip_entry entry = {name, handing->texts[handing->text - 1].size, handing->made,
                                    false};
    return zip_begin(handing->zip, &entry);
}

static void part_read_text(const struct rows *rows, enum error_code error, void *data)
{
    struct handing *handing = data;
    handing->busy = false;
    if (!handing->stream) {
        handing_free(handing);
        return;
    }
    bool good = error == ERROR_NONE;
    if (good && rows_count(rows) == 0) {
        good = handing->text == handing->text_count;
        handing->stage = FILES;
    } else if (good) {
        const char *content = rows_text(rows, 0, EXPORT_PART_CONTENT);
        handing->part = rows_integer(rows, 0, EXPORT_PART_N);
        good = text_begin(handing, rows_text(rows, 0, EXPORT_PART_FILE)) &&
               zip_write(handing->zip, content, strlen(content));
    }
    handing_flush(handing, good);
}

static void text_ask(struct handing *handing)
{
    char after[24];
    g_snprintf(after, sizeof after, "%" G_GINT64_FORMAT, handing->part);
    handing->busy = true;
    archive_query(handing->core->archive, QUERY_EXPORT_PART, (const char *[]){handing->id, after},
                  part_read_text, handing);
}

/* ---- Files ----------------------------------------------------------------------------------- */

/* The file's bytes are not there, or not all of them. */
static void file_leave_out(struct handing *handing, const char *why)
{
    json_t *line = json_loads(handing->line, 0, NULL);
    json_object_set_new(line, "without", json_string(why));
    char *text = json_dumps(line, JSON_COMPACT);
    if (text && handing->list.length + strlen(text) + 1 <= LIST_MAX) {
        buffer_append_string(&handing->list, text);
        buffer_append(&handing->list, "\n", 1);
    }
    free(text);
    json_decref(line);
}

/* Behind the last one: the list, if it says anything. */
static bool files_end(struct handing *handing)
{
    const struct zip_entry entry = {LIST, (gint64)handing->list.length, handing->made, false};
    handing->stage = COMPLETE;
    return (handing->list.length == 0 ||
            (zip_begin(handing->zip, &entry) &&
             zip_write(handing->zip, handing->list.data, handing->list.length))) &&
           zip_end(handing->zip);
}

/* The entry of the file whose first bytes are there, or that has none. */
static bool file_begin(struct handing *handing)
{
    const struct zip_entry entry = {handing->path, (gint64)handing->size, handing->made, true};
    bool good = zip_begin(handing->zip, &entry);
    g_clear_pointer(&handing->path, g_free);
    handing->files++;
    handing->written += handing->size;
    return good;
}

static void file_over(struct handing *handing)
{
    g_clear_pointer(&handing->reader, part_reader_free);
    g_clear_pointer(&handing->path, g_free);
    handing->left = 0;
}

/* What cannot be read behind the first bytes becomes zeros, and the list says so: others follow. */
static void file_pad(struct handing *handing)
{
    static const char zeros[65536];
    size_t length = (size_t)MIN(handing->left, sizeof zeros);
    handing->left -= length;
    handing_flush(handing, zip_write(handing->zip, zeros, length));
}

static void bytes_read(const guint8 *bytes, size_t length, void *data)
{
    struct handing *handing = data;
    bool begins = handing->path != NULL, good = true;
    handing->busy = false;
    if (length == 0) {
        file_leave_out(handing, begins ? "unreadable" : "damaged");
        guint64 left = begins ? 0 : handing->left;
        file_over(handing);
        handing->left = left;
    } else {
        good = (!begins || file_begin(handing)) &&
               zip_write(handing->zip, (const char *)bytes, length);
        handing->left -= length;
        if (handing->left == 0)
            file_over(handing);
    }
    handing_flush(handing, good);
}

static const char *file_open(struct handing *handing, const struct rows *rows)
{
    struct uuid id;
    guint8 key[FILE_KEY_SIZE];
    if (handing->files >= FILES_MAX || handing->written + handing->size > BYTES_MAX)
        return "too_much";
    if (!uuid_parse(rows_text(rows, 0, EXPORT_FILE_ID), &id) || !media_is_on() ||
        !media_key_open(&id, rows_text(rows, 0, EXPORT_FILE_KEY_NAME),
                        rows_text(rows, 0, EXPORT_FILE_SEALED), key))
        return "unreadable";
    const struct part_place place = {.folder = media_folder(),
                                     .file = id,
                                     .part = rows_text(rows, 0, EXPORT_FILE_PART),
                                     .key = key,
                                     .size = handing->size,
                                     .length = handing->size};
    handing->reader = handing->size > 0 ? part_reader_new(&place) : NULL;
    OPENSSL_cleanse(key, sizeof key);
    return NULL;
}

/* The next file begins, or is left out. */
static bool file_next(struct handing *handing, const struct rows *rows)
{
    const char *without = rows_text(rows, 0, EXPORT_FILE_WITHOUT);
    g_free(handing->after);
    g_free(handing->line);
    handing->after = g_strdup(rows_text(rows, 0, EXPORT_FILE_KEY));
    handing->line = g_strdup(rows_text(rows, 0, EXPORT_FILE_LINE));
    handing->size = (guint64)rows_integer(rows, 0, EXPORT_FILE_SIZE);
    if (!without)
        without = file_open(handing, rows);
    if (without) {
        file_leave_out(handing, without);
        return true;
    }
    handing->path = g_strdup(rows_text(rows, 0, EXPORT_FILE_PATH));
    handing->left = handing->size;
    return handing->size > 0 || file_begin(handing);
}

static void file_read(const struct rows *rows, enum error_code error, void *data)
{
    struct handing *handing = data;
    handing->busy = false;
    if (!handing->stream) {
        handing_free(handing);
        return;
    }
    bool good = error == ERROR_NONE;
    if (good && rows_count(rows) == 0)
        good = files_end(handing);
    else if (good) /* the export may have ended meanwhile */
        good = rows_text(rows, 0, EXPORT_FILE_KEY) && file_next(handing, rows);
    handing_flush(handing, good);
}

static void file_go_on(struct handing *handing)
{
    if (handing->reader) {
        handing->busy = true;
        part_reader_next(handing->reader, bytes_read, handing);
    } else if (handing->left > 0) {
        file_pad(handing);
    } else {
        handing->busy = true;
        archive_query(handing->core->archive, QUERY_EXPORT_FILE,
                      (const char *[]){handing->id, handing->after}, file_read, handing);
    }
}

/* ---- The archive ----------------------------------------------------------------------------- */

static void on_drained(void *data)
{
    struct handing *handing = data;
    if (handing->busy || !handing->core->archive)
        return;
    if (handing->stage == TEXTS)
        text_ask(handing);
    else
        file_go_on(handing);
}

static void on_closed(void *data)
{
    struct handing *handing = data;
    handing->stream = NULL;
    if (!handing->busy || handing->reader)
        handing_free(handing);
}

static void texts_read(const struct rows *rows, enum error_code error, void *data)
{
    struct handing *handing = data;
    struct request *request = handing->request;
    int count = error == ERROR_NONE ? MIN(rows_count(rows), TEXTS_MAX) : 0;
    if (count > 0 || error != ERROR_NONE)
        limit_guess_right(handing->core->limiter, request->address);
    if (count == 0 || !handing->core->archive) {
        request_fail(request, error == ERROR_NONE ? ERROR_NOT_FOUND : error, NULL);
        handing_free(handing);
        return;
    }
    handing->id = g_strdup(rows_text(rows, 0, EXPORT_FILES_ID));
    handing->made = rows_integer(rows, 0, EXPORT_FILES_MADE);
    for (int row = 0; row < count; row++) {
        handing->texts[row].name = g_strdup(rows_text(rows, row, EXPORT_FILES_FILE));
        handing->texts[row].size = rows_integer(rows, row, EXPORT_FILES_SIZE);
    }
    handing->text_count = (unsigned)count;
    request_add_header(request, "Content-Disposition", "attachment; filename=\"export.zip\"");
    request_add_header(request, "Cache-Control", "private, no-store");
    request_add_header(request, "Referrer-Policy", "no-referrer");
    const struct stream_owner owner = {on_drained, on_closed, handing};
    const struct stream_head head = {
        .content_type = "application/zip", .length = -1, .is_long = true};
    handing->stream = request_stream_head(request, &head, &owner);
    handing->request = NULL;
    if (handing->stream)
        on_drained(handing);
    else
        handing_free(handing);
}

static void export_hand_out(struct request *request)
{
    struct limit_state state;
    if (!limit_guess(request->core->limiter, request->address, &state)) {
        request->limit = state;
        request_fail(request, ERROR_RATE_LIMITED, "too many links that lead nowhere");
        return;
    }
    struct handing *handing = g_new0(struct handing, 1);
    handing->core = request->core;
    handing->request = request;
    handing->zip = zip_new();
    handing->part = -1;
    buffer_init(&handing->list, LIST_MAX);
    archive_query(request->core->archive, QUERY_EXPORT_FILES,
                  (const char *[]){request_text(request, "path")}, texts_read, handing);
}

static const struct field fields[] = {FIELD_TEXT_IN_PATH("path", PATH_MAX_LENGTH), {0}};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/exports/:path",
     .fields = fields,
     .handle = export_hand_out,
     .flags = OPERATION_ANONYMOUS,
     .reply = "application/zip",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "What was exported, a ZIP archive; whoever has the link gets it"},
    {0},
};

const struct feature feature_export_file = {.name = "export_file", .operations = operations};
