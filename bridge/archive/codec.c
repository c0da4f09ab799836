/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PostgreSQL's binary forms: arrays going out, columns coming in. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive_part.h"
#include "bridge/archive/codec.h"

#define HEADER_SIZE 20
#define PG_EPOCH (G_GINT64_CONSTANT(946684800) * G_USEC_PER_SEC) /* 2000-01-01 */

static const guint32 type_oids[] = {[ARRAY_UUID] = 2950,
                                    [ARRAY_TEXT] = 25,
                                    [ARRAY_BOOLEAN] = 16,
                                    [ARRAY_INTEGER] = 20,
                                    [ARRAY_RARE] = 25};

static void put_int32(GByteArray *bytes, gint32 value)
{
    guint32 wire = GUINT32_TO_BE((guint32)value);
    g_byte_array_append(bytes, (const guint8 *)&wire, sizeof wire);
}

void array_begin(struct array *array, enum array_type type)
{
    static const guint8 header[HEADER_SIZE];
    if (!array->bytes)
        array->bytes = g_byte_array_sized_new(1024);
    g_byte_array_set_size(array->bytes, 0);
    g_byte_array_append(array->bytes, header, sizeof header);
    array->type = type_oids[type];
    array->count = 0;
    array->optional = type == ARRAY_RARE;
    array->empty = true;
}

static void array_add(struct array *array, const void *bytes, size_t length)
{
    array->count++;
    array->empty = array->empty && !bytes;
    put_int32(array->bytes, bytes ? (gint32)length : -1);
    if (bytes)
        g_byte_array_append(array->bytes, bytes, (guint)length);
}

void array_add_text(struct array *array, const char *text)
{
    array_add(array, text, text ? strlen(text) : 0);
}

void array_add_uuid(struct array *array, const struct uuid *id)
{
    array_add(array, uuid_is_nil(id) ? NULL : id->bytes, sizeof id->bytes);
}

void array_add_boolean(struct array *array, bool value)
{
    guint8 byte = value;
    array_add(array, &byte, 1);
}

void array_add_integer(struct array *array, gint64 value)
{
    gint64 wire = GINT64_TO_BE(value);
    array_add(array, &wire, sizeof wire);
}

const GByteArray *array_end(struct array *array)
{
    if (array->optional && array->empty)
        return NULL;
    /* dimensions, has-nulls flag, element type, length, lower bound */
    guint32 header[5] = {GUINT32_TO_BE(1), GUINT32_TO_BE(1), GUINT32_TO_BE(array->type),
                         GUINT32_TO_BE((guint32)array->count), GUINT32_TO_BE(1)};
    memcpy(array->bytes->data, header, sizeof header);
    return array->bytes;
}

void array_clear(struct array *array)
{
    g_clear_pointer(&array->bytes, g_byte_array_unref);
}

gint64 binary_integer(const PGresult *result, int row, int column)
{
    const char *value = PQgetvalue(result, row, column);
    int length = PQgetlength(result, row, column);
    guint64 number = 0;
    for (int i = 0; i < length && i < 8; i++)
        number = number << 8 | (guint8)value[i];
    if (length == 4)
        return (gint32)(guint32)number;
    return (gint64)number;
}

gint64 binary_time(const PGresult *result, int row, int column)
{
    return binary_integer(result, row, column) + PG_EPOCH;
}

bool binary_boolean(const PGresult *result, int row, int column)
{
    return PQgetlength(result, row, column) == 1 && *PQgetvalue(result, row, column);
}

void binary_uuid(const PGresult *result, int row, int column, struct uuid *ret_id)
{
    memset(ret_id, 0, sizeof *ret_id);
    if (PQgetlength(result, row, column) == (int)sizeof ret_id->bytes)
        memcpy(ret_id->bytes, PQgetvalue(result, row, column), sizeof ret_id->bytes);
}

GBytes *binary_bytes(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return NULL;
    return g_bytes_new(PQgetvalue(result, row, column), (gsize)PQgetlength(result, row, column));
}

char *binary_text(const PGresult *result, int row, int column)
{
    if (PQgetisnull(result, row, column))
        return NULL;
    return g_strndup(PQgetvalue(result, row, column), (gsize)PQgetlength(result, row, column));
}

/* ---- Arrays in results ----------------------------------------------------------------------- */

#define ARRAY_HEADER 20 /* dimensions, flags, element type, length, lower bound */

/* The bytes of a one-dimensional array that are still to be read. */
struct elements {
    const char *next;
    const char *end;
};

static bool elements_begin(const PGresult *result, int row, int column, struct elements *ret)
{
    int length = PQgetlength(result, row, column);
    if (PQgetisnull(result, row, column) || length < ARRAY_HEADER)
        return false;
    const char *bytes = PQgetvalue(result, row, column);
    *ret = (struct elements){bytes + ARRAY_HEADER, bytes + length};
    return true;
}

/* The next element of SIZE bytes; NULL: there is none. */
static const char *elements_next(struct elements *elements, size_t size)
{
    guint32 length;
    if (elements->end - elements->next < (ptrdiff_t)(sizeof length + size))
        return NULL;
    memcpy(&length, elements->next, sizeof length);
    if (GUINT32_FROM_BE(length) != size)
        return NULL;
    const char *bytes = elements->next + sizeof length;
    elements->next = bytes + size;
    return bytes;
}

GArray *binary_uuids(const PGresult *result, int row, int column)
{
    struct elements elements;
    struct uuid id;
    const char *bytes;
    if (!elements_begin(result, row, column, &elements))
        return NULL;
    GArray *ids = g_array_new(FALSE, FALSE, sizeof id);
    while ((bytes = elements_next(&elements, sizeof id.bytes))) {
        memcpy(id.bytes, bytes, sizeof id.bytes);
        g_array_append_val(ids, id);
    }
    return ids;
}

GArray *binary_members(const PGresult *result, int row, int ids, int numbers)
{
    struct elements of_ids, of_numbers;
    struct member member;
    const char *id, *number;
    if (!elements_begin(result, row, ids, &of_ids) ||
        !elements_begin(result, row, numbers, &of_numbers))
        return NULL;
    GArray *members = g_array_new(FALSE, FALSE, sizeof member);
    while ((id = elements_next(&of_ids, sizeof member.id.bytes)) &&
           (number = elements_next(&of_numbers, sizeof member.number))) {
        memcpy(member.id.bytes, id, sizeof member.id.bytes);
        memcpy(&member.number, number, sizeof member.number);
        member.number = GINT64_FROM_BE(member.number);
        g_array_append_val(members, member);
    }
    return members;
}
