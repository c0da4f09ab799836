/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of values of composite types, in rows; replies of them. */
#include "config.h"

#include <string.h>

#include "bridge/archive/record.h"
#include "bridge/view/rows.h"

static void record_read(const struct view_type *type, struct record *record,
                        struct view_memory *memory, void *view);

static void list_read(const struct view_type *type, const struct record_part *part,
                      struct view_memory *memory, struct view_list *ret_list)
{
    struct record array, record;
    struct record_part element;
    record_begin_array(part, &array);
    if (array.count <= 0 || (gsize)array.count > part->length)
        return;
    char *items = memory_structs(memory, type, (unsigned)array.count);
    while (record_next(&array, &element)) {
        if (record_begin(&element, &record))
            record_read(type, &record, memory, items + ret_list->count * type->size);
        ret_list->count++;
    }
    ret_list->items = items;
}

/* What is NULL stays zero. FACT points into the struct. */
static void part_read(const struct view_fact *about, const struct record_part *part,
                      struct view_memory *memory, void *fact)
{
    struct record record;
    void *inner;
    switch (about->kind) {
    case VIEW_UUID:
        memcpy(fact, part->bytes, MIN(part->length, sizeof(struct uuid)));
        break;
    case VIEW_TEXT:
        *(const char **)fact = memory_text(memory, part->bytes, part->length);
        break;
    case VIEW_JSON: /* jsonb: a byte says which form follows, always 1 */
        if (part->length > 0)
            *(const char **)fact = memory_text(memory, part->bytes + 1, part->length - 1);
        break;
    case VIEW_INTEGER:
        *(gint64 *)fact = record_integer(part);
        break;
    case VIEW_TIME:
        *(gint64 *)fact = record_time(part);
        break;
    case VIEW_BOOLEAN:
        *(bool *)fact = record_integer(part) != 0;
        break;
    case VIEW_PART:
        if (!record_begin(part, &record))
            break;
        inner = memory_structs(memory, about->other, 1);
        record_read(about->other, &record, memory, inner);
        *(const void **)fact = inner;
        break;
    case VIEW_PARTS:
        list_read(about->other, part, memory, fact);
        break;
    }
}

static void record_read(const struct view_type *type, struct record *record,
                        struct view_memory *memory, void *view)
{
    struct record_part part;
    for (unsigned i = 0; i < type->count && record_next(record, &part); i++) {
        if (part.bytes)
            part_read(&type->facts[i], &part, memory, (char *)view + type->facts[i].offset);
    }
}

const void *view_from_row(const struct view_type *type, const struct rows *rows, int row,
                          int column, struct view_memory *memory)
{
    struct record_part value;
    struct record record;
    if (!rows_part(rows, row, column, &value) || !record_begin(&value, &record))
        return NULL;
    void *view = memory_structs(memory, type, 1);
    record_read(type, &record, memory, view);
    return view;
}

void *view_from_columns(const struct view_type *type, const struct rows *rows, int row, int first,
                        struct view_memory *memory)
{
    char *view = memory_structs(memory, type, 1);
    struct record_part part;
    for (unsigned i = 0; i < type->count; i++) {
        const struct view_fact *fact = &type->facts[i];
        if (!rows_part(rows, row, first + (int)i, &part))
            continue;
        if (fact->kind == VIEW_TEXT) /* a column ends with a zero, and lasts as long as the rows */
            *(const char **)(void *)(view + fact->offset) = part.bytes;
        else
            part_read(fact, &part, memory, view + fact->offset);
    }
    return view;
}

const void *view_from_bytes(const struct view_type *type, GBytes *bytes, struct view_memory *memory)
{
    struct record record;
    struct record_part value = {0};
    if (bytes)
        value.bytes = g_bytes_get_data(bytes, &value.length);
    if (!record_begin(&value, &record))
        return NULL;
    void *view = memory_structs(memory, type, 1);
    record_read(type, &record, memory, view);
    return view;
}

static void page_write(struct json_writer *json, const struct view_schema *schema,
                       const struct rows *rows, struct view_memory *memory)
{
    const struct view_type *type = view_schema_type(schema);
    json_begin_object(json);
    json_key(json, "items");
    json_begin_array(json);
    for (int row = 1; row < rows_count(rows); row++)
        view_write(json, schema, view_from_row(type, rows, row, VIEW_PAGE_ITEM, memory));
    json_end_array(json);
    json_member_boolean(json, "has_more", rows_boolean(rows, 0, VIEW_PAGE_MORE));
    json_member_string(json, "next", rows_text(rows, 0, VIEW_PAGE_NEXT));
    json_end_object(json);
}

bool view_reply(struct buffer *buf, const char *reply, const struct rows *rows)
{
    g_auto(view_memory) memory = {0};
    struct json_writer json;
    const struct view_schema *schema = view_schema_find(reply);
    json_writer_init(&json, buf);
    if (rows_count(rows) == 0)
        return false;
    if (!schema) {
        page_write(&json, view_page_item(reply), rows, &memory);
        return true;
    }
    const void *view = view_from_row(view_schema_type(schema), rows, 0, 0, &memory);
    if (view)
        view_write(&json, schema, view);
    return view != NULL;
}
