/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Each file and what was made of it, as they are handed out: by the keys of media.key_file, from
 * the folder or the bucket. */
#include "config.h"

#include <jansson.h>
#include <openssl/crypto.h>

#include "bridge/archive/tool.h"
#include "bridge/base/options.h"
#include "bridge/media/bucket.h"
#include "bridge/media/plain.h"
#include "bridge/media/shelf.h"
#include "bridge/media/vault.h"
#include "bridge/tool/backup_files.h"

#define PART "files"
#define NAMED_MAX 10 /* files that are named one by one */

struct checking {
    struct doctor *doctor;
    struct vault *vault;
    bool whole;
    bool stopped; /* the database did not say which there are; that was said */
    guint64 files, parts, bytes, bad;
};

enum column { ID, SIZE, SHA256, KEY_NAME, KEY, PARTS, CAME };

static void file_is_bad(struct checking *checking, const char *id, const char *part,
                        const char *what)
{
    if (++checking->bad <= NAMED_MAX)
        doctor_say(checking->doctor, VERDICT_FAIL, PART, "%s%s%s: %s", id, *part ? "." : "", part,
                   what);
}

static bool take_piece(const guint8 *bytes, size_t length, void *data)
{
    g_checksum_update(data, bytes, (gssize)length);
    return true;
}

/* Whether SIZE bytes are there and, if DIGEST is known, what they were. */
static bool read_whole(const struct plain_place *place, guint64 size, const char *digest)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    if (!plain_each(place, size, take_piece, sum))
        return false;
    return !digest || g_ascii_strcasecmp(g_checksum_get_string(sum), digest) == 0;
}

/* Whether the last segment is there, and opens. */
static bool read_end(const struct plain_place *place, guint64 size)
{
    guint64 last = size > 0 ? (size - 1) / SEGMENT_SIZE : 0;
    size_t plain_length = (size_t)(size - last * SEGMENT_SIZE);
    g_autofree guint8 *sealed = g_malloc(plain_length + SEGMENT_EXTRA);
    g_autofree guint8 *plain = g_malloc(plain_length + 1);
    g_autofree char *path = shelf_path(place->folder, &place->file, place->part);
    struct segment_place where = {place->key, place->part, last};
    return size == 0 ||
           (shelf_read(path, last * SEGMENT_SLOT, sealed, plain_length + SEGMENT_EXTRA) &&
            segment_open(&where, sealed, plain_length + SEGMENT_EXTRA, plain));
}

static void part_check(struct checking *checking, const char *id, const struct plain_place *place,
                       guint64 size, const char *digest)
{
    bool good = checking->whole ? read_whole(place, size, digest) : read_end(place, size);
    checking->bytes += size;
    if (!good)
        file_is_bad(checking, id, place->part,
                    checking->whole ? "is not in the store, or not as it was"
                                    : "is not in the store, or shorter");
}

static void made_check(struct checking *checking, const char *id, const struct plain_place *file,
                       const char *text)
{
    json_t *parts = json_loads(text, 0, NULL), *part;
    size_t i;
    json_array_foreach(parts, i, part)
    {
        struct plain_place place = *file;
        place.part = json_string_value(json_object_get(part, "name"));
        json_int_t size = json_integer_value(json_object_get(part, "size"));
        if (!place.part || size < 0)
            continue;
        checking->parts++;
        part_check(checking, id, &place, (guint64)size,
                   json_string_value(json_object_get(part, "sha256")));
    }
    json_decref(parts);
}

static void file_check(struct checking *checking, const PGresult *rows, int row)
{
    guint8 key[FILE_KEY_SIZE];
    gsize length = 0;
    const char *id = PQgetvalue(rows, row, ID);
    g_autofree guchar *wrapped = g_base64_decode(PQgetvalue(rows, row, KEY), &length);
    struct plain_place place = {
        .folder = checking->doctor->options->media_store, .part = "", .key = key};
    checking->files++;
    uuid_parse(id, &place.file);
    if (length != FILE_KEY_WRAPPED_SIZE ||
        !vault_unwrap(checking->vault, PQgetvalue(rows, row, KEY_NAME), &place.file, wrapped,
                      key)) {
        file_is_bad(checking, id, "", "none of the keys in media.key_file opens it");
        return;
    }
    if (*PQgetvalue(rows, row, CAME) == 't')
        part_check(checking, id, &place, g_ascii_strtoull(PQgetvalue(rows, row, SIZE), NULL, 10),
                   PQgetisnull(rows, row, SHA256) ? NULL : PQgetvalue(rows, row, SHA256));
    made_check(checking, id, &place, PQgetvalue(rows, row, PARTS));
    OPENSSL_cleanse(key, sizeof key);
}

/* The files behind the one of ID, which becomes that of the last one. False: there are no more, or
 * the database does not say. */
static bool page_check(struct checking *checking, PGconn *connection, char *id)
{
    const char *values[] = {id};
    g_autoptr(PGresult) rows = PQexecParams(connection, tool_query_text(TOOL_BACKUP_FILES), 1, NULL,
                                            values, NULL, NULL, 0);
    int count = PQntuples(rows);
    if (PQresultStatus(rows) != PGRES_TUPLES_OK) {
        g_autofree char *problem = admin_sql_explain(PQerrorMessage(connection));
        doctor_say(checking->doctor, VERDICT_FAIL, PART, "%s", problem);
        checking->stopped = true;
        return false;
    }
    for (int row = 0; row < count; row++)
        file_check(checking, rows, row);
    if (count > 0)
        g_strlcpy(id, PQgetvalue(rows, count - 1, ID), UUID_TEXT_SIZE);
    return count > 0;
}

void backup_files_check(struct doctor *doctor, PGconn *connection, bool whole)
{
    const struct options *options = doctor->options;
    g_autoptr(GError) error = NULL;
    char id[UUID_TEXT_SIZE] = "00000000-0000-0000-0000-000000000000";
    if (!options->media_store) {
        doctor_say(doctor, VERDICT_OK, PART, "there is no store ([media] store)");
        return;
    }
    struct checking checking = {
        .doctor = doctor, .vault = vault_new(options->media_key, &error), .whole = whole};
    if (!checking.vault) {
        doctor_say(doctor, VERDICT_FAIL, PART, "%s", error->message);
        return;
    }
    bucket_begin(options);
    while (page_check(&checking, connection, id)) {
    }
    bucket_end();
    vault_free(checking.vault);
    if (checking.bad > NAMED_MAX)
        doctor_say(doctor, VERDICT_FAIL, PART, "… and %" G_GUINT64_FORMAT " more",
                   checking.bad - NAMED_MAX);
    if (checking.bad == 0 && !checking.stopped)
        doctor_say(doctor, VERDICT_OK, PART,
                   "%" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT
                   " made of them, %" G_GUINT64_FORMAT " bytes, %s",
                   checking.files, checking.parts, checking.bytes,
                   whole ? "all as they were" : "all there; their content was not read");
}
