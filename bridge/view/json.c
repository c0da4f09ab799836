/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The reader of facts as JSON: what changes and stored events hand over. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/view/json.h"

static gint64 time_of_text(const char *text)
{
    g_autoptr(GTimeZone) utc = g_time_zone_new_utc();
    g_autoptr(GDateTime) time = text ? g_date_time_new_from_iso8601(text, utc) : NULL;
    return time ? g_date_time_to_unix(time) * G_USEC_PER_SEC + g_date_time_get_microsecond(time)
                : 0;
}

static const char *text_of_json(const json_t *value, struct view_memory *memory)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (!text)
        return NULL;
    const char *kept = memory_text(memory, text, strlen(text));
    free(text);
    return kept;
}

static void object_read(const struct view_type *type, const json_t *object,
                        struct view_memory *memory, void *view);

static void array_read(const struct view_type *type, const json_t *array,
                       struct view_memory *memory, struct view_list *ret_list)
{
    size_t count = json_array_size(array);
    if (count == 0)
        return;
    char *items = memory_structs(memory, type, (unsigned)count);
    for (size_t i = 0; i < count; i++)
        object_read(type, json_array_get(array, i), memory, items + i * type->size);
    *ret_list = (struct view_list){(unsigned)count, items};
}

static void value_read(const struct view_fact *about, const json_t *value,
                       struct view_memory *memory, void *fact)
{
    const char *text = json_string_value(value);
    switch (about->kind) {
    case VIEW_UUID:
        if (!text || !uuid_parse(text, fact))
            memset(fact, 0, sizeof(struct uuid));
        break;
    case VIEW_TEXT:
        *(const char **)fact = text;
        break;
    case VIEW_JSON:
        *(const char **)fact = text_of_json(value, memory);
        break;
    case VIEW_INTEGER:
        *(gint64 *)fact = json_integer_value(value);
        break;
    case VIEW_TIME:
        *(gint64 *)fact = time_of_text(text);
        break;
    case VIEW_BOOLEAN:
        *(bool *)fact = json_is_true(value);
        break;
    case VIEW_PART:
        *(const void **)fact = view_from_json(about->other, value, memory);
        break;
    case VIEW_PARTS:
        array_read(about->other, value, memory, fact);
        break;
    }
}

static void object_read(const struct view_type *type, const json_t *object,
                        struct view_memory *memory, void *view)
{
    for (unsigned i = 0; i < type->count; i++) {
        const json_t *value = json_object_get(object, type->facts[i].name);
        if (value && !json_is_null(value))
            value_read(&type->facts[i], value, memory, (char *)view + type->facts[i].offset);
    }
}

const void *view_from_json(const struct view_type *type, const json_t *object,
                           struct view_memory *memory)
{
    if (!json_is_object(object))
        return NULL;
    void *view = memory_structs(memory, type, 1);
    object_read(type, object, memory, view);
    return view;
}

void view_json(struct buffer *buf, const char *schema, const json_t *facts)
{
    g_auto(view_memory) memory = {0};
    const struct view_schema *known = schema ? view_schema_find(schema) : NULL;
    const void *view = known ? view_from_json(view_schema_type(known), facts, &memory) : NULL;
    if (view) {
        view_object(buf, schema, view);
        return;
    }
    char *text = facts ? json_dumps(facts, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    buffer_append_string(buf, text ? text : "{}");
    free(text);
}
