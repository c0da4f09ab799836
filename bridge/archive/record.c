/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Composite values and arrays as PostgreSQL sends them in binary form. */
#include "config.h"

#include <string.h>

#include "bridge/archive/record.h"

#define TYPE_SIZE 4
#define ARRAY_HEADER 20 /* dimensions, flags, type of elements, count, lower bound */
#define PG_EPOCH (G_GINT64_CONSTANT(946684800) * G_USEC_PER_SEC) /* 2000-01-01 */

static gint32 int32_at(const char *bytes)
{
    guint32 wire;
    memcpy(&wire, bytes, sizeof wire);
    return (gint32)GUINT32_FROM_BE(wire);
}

bool record_begin(const struct record_part *part, struct record *ret_record)
{
    *ret_record = (struct record){0};
    if (!part->bytes || part->length < sizeof(gint32))
        return false;
    *ret_record = (struct record){.next = part->bytes + sizeof(gint32),
                                  .end = part->bytes + part->length,
                                  .count = int32_at(part->bytes),
                                  .typed = true};
    return true;
}

/* An empty array has no dimension, and nothing behind it. */
bool record_begin_array(const struct record_part *part, struct record *ret_record)
{
    *ret_record = (struct record){0};
    if (!part->bytes || part->length < ARRAY_HEADER || int32_at(part->bytes) != 1)
        return part->bytes != NULL;
    *ret_record = (struct record){.next = part->bytes + ARRAY_HEADER,
                                  .end = part->bytes + part->length,
                                  .count = int32_at(part->bytes + 3 * sizeof(gint32))};
    return true;
}

bool record_next(struct record *record, struct record_part *ret_part)
{
    ptrdiff_t header = (record->typed ? TYPE_SIZE : 0) + (ptrdiff_t)sizeof(gint32);
    *ret_part = (struct record_part){0};
    if (record->count <= 0 || record->end - record->next < header)
        return false;
    record->next += header;
    gint32 length = int32_at(record->next - sizeof(gint32));
    if (length > record->end - record->next)
        return false;
    if (length >= 0) {
        *ret_part = (struct record_part){record->next, (size_t)length};
        record->next += length;
    }
    record->count--;
    return true;
}

gint64 record_integer(const struct record_part *part)
{
    guint64 number = 0;
    for (size_t i = 0; i < part->length && i < 8; i++)
        number = number << 8 | (guint8)part->bytes[i];
    return part->length == 4 ? (gint32)(guint32)number : (gint64)number;
}

gint64 record_time(const struct record_part *part)
{
    return record_integer(part) + PG_EPOCH;
}
