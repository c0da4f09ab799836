/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows for the batched-insert limit; see limit_rows.h. */
#include "tests/bench/limit_rows.h"

#include <glib.h>
#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 64
#define CONVERSATIONS 10000u
#define SENDERS 512u
#define BODY_LENGTH 200u

/* Type OIDs of pg_type.dat; they never change. */
enum {
    OID_BOOL = 16,
    OID_BYTEA = 17,
    OID_INT8 = 20,
    OID_INT2 = 21,
    OID_INT4 = 23,
    OID_TEXT = 25,
    OID_VARCHAR = 1043,
    OID_TIMESTAMPTZ = 1184,
    OID_UUID = 2950,
    OID_JSONB = 3802
};

#define POSTGRES_EPOCH G_GINT64_CONSTANT(946684800000000) /* 2000-01-01 in Unix microseconds */

struct column {
    char *name;
    char *type; /* as SQL spells it */
    unsigned oid;
    bool unique; /* part of a unique index: needs a fresh value per row */
    bool fixed_null;
    GBytes *fixed; /* value for every row */
};

struct row_maker {
    char *table;
    int count;
    struct column columns[COLUMNS_MAX];
    uint64_t made; /* rows so far */
    uint64_t seqs[CONVERSATIONS];
    GByteArray *arrays[ROW_SLOTS_MAX][COLUMNS_MAX];
    const char *values[ROW_SLOTS_MAX][COLUMNS_MAX];
    int lengths[ROW_SLOTS_MAX][COLUMNS_MAX];
    int formats[COLUMNS_MAX];
};

static void put_number(GByteArray *to, uint64_t number, unsigned bytes)
{
    guint8 data[8];
    for (unsigned i = 0; i < bytes; i++)
        data[i] = (guint8)(number >> (8 * (bytes - 1 - i)));
    g_byte_array_append(to, data, bytes);
}

/* One array element: its length, then its bytes. */
static void put_element(GByteArray *to, const void *data, size_t length)
{
    put_number(to, length, 4);
    g_byte_array_append(to, data, (guint)length);
}

static void put_integer(GByteArray *to, uint64_t number, unsigned bytes)
{
    put_number(to, bytes, 4);
    put_number(to, number, bytes);
}

/* A UUID that is the same for the same NUMBER and KIND. */
static void put_stable_uuid(GByteArray *to, uint64_t number, uint64_t kind)
{
    put_number(to, 16, 4);
    put_number(to, ((number + 1) * 0x9e3779b97f4a7c15u & ~0xf000u) | 0x7000u, 8);
    put_number(to, ((kind << 48) ^ number) | 0x8000000000000000u, 8);
}

/* UUIDv7 when ORDERED, like the ids of messages; random otherwise, like a digest. */
static void put_fresh_uuid(GByteArray *to, bool ordered)
{
    uint64_t low = (uint64_t)g_random_int() << 32 | g_random_int();
    uint64_t high = (uint64_t)g_random_int() << 32 | g_random_int();
    if (ordered)
        high = (uint64_t)(g_get_real_time() / 1000) << 16 | 0x7000u | (high & 0xfffu);
    put_number(to, 16, 4);
    put_number(to, high, 8);
    put_number(to, (low & 0x3fffffffffffffffu) | 0x8000000000000000u, 8);
}

static void put_text(GByteArray *to, const char *name, uint64_t number)
{
    static const char words[] = "the quick brown fox jumps over the lazy dog and runs on ";
    char text[BODY_LENGTH];
    bool body = strcmp(name, "body") == 0 || strcmp(name, "content") == 0;
    if (strcmp(name, "kind") == 0) {
        put_element(to, "text", 4);
        return;
    }
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = words[i % (sizeof words - 1)];
    if (!body)
        g_snprintf(text, sizeof text, "b%08x-%010u", 0x4c32u, (unsigned)number);
    put_element(to, text, body ? sizeof text : strlen(text));
}

/* The value of COLUMN in a row of CONVERSATION. */
static void put_value(struct row_maker *maker, const struct column *column, GByteArray *to,
                      uint32_t conversation)
{
    const char *name = column->name;
    if (column->fixed != NULL) {
        put_element(to, g_bytes_get_data(column->fixed, NULL), g_bytes_get_size(column->fixed));
    } else if (column->oid == OID_UUID) {
        if (strcmp(name, "conversation_id") == 0)
            put_stable_uuid(to, conversation, 1);
        else if (strcmp(name, "sender_id") == 0)
            put_stable_uuid(to, conversation % SENDERS, 2);
        else
            put_fresh_uuid(to, strcmp(name, "id") == 0);
    } else if (column->oid == OID_INT8 || column->oid == OID_INT4) {
        uint64_t number = strcmp(name, "seq") == 0 ? maker->seqs[conversation] : maker->made;
        put_integer(to, number, column->oid == OID_INT8 ? 8 : 4);
    } else if (column->oid == OID_INT2) {
        put_integer(to, 0, 2);
    } else if (column->oid == OID_BOOL) {
        put_integer(to, 0, 1);
    } else if (column->oid == OID_TIMESTAMPTZ) {
        put_integer(to, (uint64_t)(g_get_real_time() - POSTGRES_EPOCH), 8);
    } else if (column->oid == OID_JSONB) {
        put_element(to, "\001{}", 3);
    } else {
        put_text(to, name, maker->made);
    }
}

static void begin_array(GByteArray *to, unsigned oid, unsigned rows)
{
    g_byte_array_set_size(to, 0);
    put_number(to, 1, 4); /* dimensions */
    put_number(to, 0, 4); /* no NULLs: columns that would be NULL are left out */
    put_number(to, oid, 4);
    put_number(to, rows, 4);
    put_number(to, 1, 4); /* lower bound */
}

struct row_batch row_maker_batch(struct row_maker *maker, unsigned slot, unsigned rows)
{
    for (int c = 0; c < maker->count; c++)
        begin_array(maker->arrays[slot][c], maker->columns[c].oid, rows);
    for (unsigned row = 0; row < rows; row++) {
        uint32_t conversation = g_random_int() % CONVERSATIONS;
        maker->made++;
        maker->seqs[conversation]++;
        for (int c = 0; c < maker->count; c++)
            put_value(maker, &maker->columns[c], maker->arrays[slot][c], conversation);
    }
    for (int c = 0; c < maker->count; c++) {
        maker->values[slot][c] = (const char *)maker->arrays[slot][c]->data;
        maker->lengths[slot][c] = (int)maker->arrays[slot][c]->len;
    }
    return (struct row_batch){.columns = maker->count,
                              .values = maker->values[slot],
                              .lengths = maker->lengths[slot],
                              .formats = maker->formats};
}

/* What a real row holds in COLUMN; sets fixed or fixed_null. Nothing for columns that differ from
 * row to row anyway. */
static void take_sample(struct column *column, PGresult *sample)
{
    int field = sample != NULL ? PQfnumber(sample, column->name) : -1;
    bool varies = column->unique || column->oid == OID_UUID || column->oid == OID_INT8 ||
                  column->oid == OID_TIMESTAMPTZ || strcmp(column->name, "client_id") == 0;
    if (field < 0 || PQntuples(sample) == 0)
        return;
    column->fixed_null = PQgetisnull(sample, 0, field) != 0;
    if (!varies && !column->fixed_null)
        column->fixed =
            g_bytes_new(PQgetvalue(sample, 0, field), (gsize)PQgetlength(sample, 0, field));
}

static bool known_type(unsigned oid)
{
    static const unsigned known[] = {OID_BOOL,    OID_INT8,  OID_INT2,        OID_INT4, OID_TEXT,
                                     OID_VARCHAR, OID_BYTEA, OID_TIMESTAMPTZ, OID_UUID, OID_JSONB};
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        if (known[i] == oid)
            return true;
    return false;
}

/* Without a sample: what an ordinary text message between app users fills. */
static bool ordinary(const struct column *column, bool required)
{
    static const char *const names[] = {"body", "content", "kind", "client_id", "dedupe", NULL};
    return required || column->unique || g_strv_contains(names, column->name);
}

/* Row ROW of the catalog's answer: name, type, oid, required, unique. */
static void add_column(struct row_maker *maker, PGresult *catalog, int row, PGresult *sample)
{
    struct column column = {
        .name = PQgetvalue(catalog, row, 0),
        .type = PQgetvalue(catalog, row, 1),
        .oid = (unsigned)g_ascii_strtoull(PQgetvalue(catalog, row, 2), NULL, 10),
        .unique = *PQgetvalue(catalog, row, 4) == 't',
    };
    bool sampled = sample != NULL && PQntuples(sample) > 0;
    take_sample(&column, sample);
    bool wanted =
        sampled ? !column.fixed_null : ordinary(&column, *PQgetvalue(catalog, row, 3) == 't');
    if (!wanted || (column.fixed == NULL && !known_type(column.oid))) {
        if (wanted)
            fprintf(stderr, "column %s of type %s is left out\n", column.name, column.type);
        return;
    }
    column.name = g_strdup(column.name);
    column.type = g_strdup(column.type);
    for (int slot = 0; slot < ROW_SLOTS_MAX; slot++)
        maker->arrays[slot][maker->count] = g_byte_array_new();
    maker->formats[maker->count] = 1;
    maker->columns[maker->count++] = column;
}

struct row_maker *row_maker_new(PGconn *connection, const char *table, const char *sample)
{
    static const char sql[] =
        "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid,"
        " a.attnotnull AND NOT a.atthasdef, EXISTS (SELECT FROM pg_index i WHERE i.indrelid ="
        " a.attrelid AND i.indisunique AND a.attnum = ANY (i.indkey)) FROM pg_attribute a"
        " WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped"
        " AND a.attidentity = '' AND a.attgenerated = '' ORDER BY a.attnum";
    PGresult *catalog = PQexecParams(connection, sql, 1, NULL, &table, NULL, NULL, 0);
    PGresult *row = NULL;
    struct row_maker *maker = NULL;
    if (sample != NULL) {
        g_autofree char *query = g_strdup_printf("SELECT * FROM %s LIMIT 1", sample);
        row = PQexecParams(connection, query, 0, NULL, NULL, NULL, NULL, 1);
    }
    if (PQresultStatus(catalog) != PGRES_TUPLES_OK || PQntuples(catalog) > COLUMNS_MAX) {
        fprintf(stderr, "columns of %s: %s", table, PQerrorMessage(connection));
    } else {
        maker = g_new0(struct row_maker, 1);
        maker->table = g_strdup(table);
        for (int i = 0; i < PQntuples(catalog); i++)
            add_column(maker, catalog, i, row);
    }
    PQclear(catalog);
    PQclear(row);
    return maker;
}

void row_maker_free(struct row_maker *maker)
{
    for (int c = 0; c < maker->count; c++) {
        g_free(maker->columns[c].name);
        g_free(maker->columns[c].type);
        g_bytes_unref(maker->columns[c].fixed);
        for (int slot = 0; slot < ROW_SLOTS_MAX; slot++)
            g_byte_array_unref(maker->arrays[slot][c]);
    }
    g_free(maker->table);
    g_free(maker);
}

char *row_maker_columns(const struct row_maker *maker)
{
    GString *names = g_string_new(NULL);
    for (int c = 0; c < maker->count; c++)
        g_string_append_printf(names, "%s%s", c > 0 ? ", " : "", maker->columns[c].name);
    return g_string_free(names, FALSE);
}

char *row_maker_statement(const struct row_maker *maker)
{
    g_autofree char *names = row_maker_columns(maker);
    GString *sql = g_string_new(NULL);
    g_string_printf(sql, "INSERT INTO %s (%s) SELECT * FROM unnest(", maker->table, names);
    for (int c = 0; c < maker->count; c++)
        g_string_append_printf(sql, "%s$%d::%s[]", c > 0 ? ", " : "", c + 1,
                               maker->columns[c].type);
    g_string_append_c(sql, ')');
    return g_string_free(sql, FALSE);
}
