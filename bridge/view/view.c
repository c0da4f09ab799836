/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one writer of objects: walks the rows of schema.def, prepared as steps. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/words.h"
#include "bridge/view/conversation.h"
#include "bridge/view/file.h"
#include "bridge/view/message.h"
#include "bridge/view/preview.h"
#include "bridge/view/view.h"

#define WRITTEN_MAX (1024 * 1024) /* far more than a user has */

/* ---- Types ----------------------------------------------------------------------------------- */

#define TRESTLE_VIEW(view) static const struct view_fact facts_of_##view[] = {
#define TRESTLE_FACT(view, name, kind) {#name, VIEW_##kind, offsetof(struct view, name), NULL},
#define TRESTLE_PART(view, name, other)                                                            \
    {#name, VIEW_PART, offsetof(struct view, name), &view_of_##other},
#define TRESTLE_PARTS(view, name, other)                                                           \
    {#name, VIEW_PARTS, offsetof(struct view, name), &view_of_##other},
#define TRESTLE_VIEW_END(view)                                                                     \
    }                                                                                              \
    ;                                                                                              \
    const struct view_type view_of_##view = {#view, sizeof(struct view), facts_of_##view,          \
                                             G_N_ELEMENTS(facts_of_##view)};
#include "bridge/view/types.def"
#undef TRESTLE_VIEW
#undef TRESTLE_FACT
#undef TRESTLE_PART
#undef TRESTLE_PARTS
#undef TRESTLE_VIEW_END

/* ---- The table ------------------------------------------------------------------------------- */

/* Writes a value. */
typedef void (*view_put)(struct json_writer *json, const void *view);

static const struct row {
    enum { ROW_NONE, ROW_PAGE, ROW_OBJECT, ROW_SHOWN, ROW_MADE, ROW_FIXED } kind;
    const char *name, *type;
    const struct view_type *view; /* of objects */
    gsize offset;
    view_put put;
    const char *json;
    bool inner; /* a fact of the part at PART of the object */
    gsize part;
} rows[] = {
#define TRESTLE_SCHEMA(name, summary) {.kind = ROW_NONE},
#define TRESTLE_MEMBER(name, type) {.kind = ROW_NONE},
#define TRESTLE_PAGE(page, item) {.kind = ROW_PAGE, .name = page, .type = item},
#define TRESTLE_FRAME(name, type, id, cursor, summary) {.kind = ROW_NONE},
#define TRESTLE_OBJECT(object, of, summary)                                                        \
    {.kind = ROW_OBJECT, .name = object, .view = &view_of_##of},
#define TRESTLE_SHOWN(member, described, of, fact)                                                 \
    {.kind = ROW_SHOWN,                                                                            \
     .name = member,                                                                               \
     .type = described,                                                                            \
     .view = &view_of_##of,                                                                        \
     .offset = offsetof(struct of, fact)},
#define TRESTLE_INNER(member, described, of, at, inside, fact, missing)                            \
    {.kind = ROW_SHOWN,                                                                            \
     .name = member,                                                                               \
     .type = described,                                                                            \
     .view = &view_of_##inside,                                                                    \
     .offset = offsetof(struct inside, fact),                                                      \
     .json = missing,                                                                              \
     .inner = true,                                                                                \
     .part = offsetof(struct of, at)},
#define TRESTLE_MADE(member, described, function)                                                  \
    {.kind = ROW_MADE, .name = member, .type = described, .put = function},
#define TRESTLE_FIXED(member, described, value)                                                    \
    {.kind = ROW_FIXED, .name = member, .type = described, .json = value},
#include "bridge/view/schema.def"
};

/* One value that differs, and the text before it: the name, and what is always the same. */
struct step {
    char *text;
    gsize length;
    enum view_kind kind;
    gsize offset;
    view_put put;                    /* instead of a fact; or NULL */
    const struct view_schema *other; /* of parts */
    bool optional;                   /* absent, text and all, when the fact is */
    bool list;                       /* JSON of a list */
    const char *missing;             /* what is shown when there is no part that has the fact */
    bool inner;                      /* the fact is in the part at PART */
    gsize part;
    /* Of the first of several in the same part: what all of them are shown as when that is missing.
     */
    char *absent;
    gsize absent_length;
    guint absent_count;
};

struct view_schema {
    const char *name;
    const struct view_type *type;
    struct step *steps;
    guint count;
    char *end; /* what follows the last value */
    gsize end_length;
};

static GPtrArray *schemas; /* struct view_schema *, for the life of the program */
static GHashTable *by_name;

/* Which of the types of schema.def show a fact of that kind. A number that may be missing is JSON,
 * for 0 is one. */
static bool kind_fits(enum view_kind kind, const char *type)
{
    static const char *const names[] = {
        [VIEW_UUID] = "uuid", [VIEW_TEXT] = "text",       [VIEW_INTEGER] = "integer",
        [VIEW_TIME] = "time", [VIEW_BOOLEAN] = "boolean", [VIEW_JSON] = "object"};
    if (kind == VIEW_PARTS)
        return type[0] == '[' && g_ascii_isupper(type[1]);
    if (kind == VIEW_PART)
        return g_ascii_isupper(type[0]);
    if ((kind == VIEW_TEXT && type[0] == '=') ||
        (kind == VIEW_JSON &&
         (type[0] == '[' || g_ascii_isupper(type[0]) || strcmp(type, "integer") == 0)))
        return true;
    return g_str_has_prefix(type, names[kind]);
}

/* The schema of "Name", "Name?" or "[Name]". */
static const struct view_schema *schema_of_part(const char *type)
{
    g_autofree char *name = g_strdup(type[0] == '[' ? type + 1 : type);
    g_strdelimit(name, "?]", '\0');
    for (guint i = 0; i < schemas->len; i++) {
        const struct view_schema *schema = schemas->pdata[i];
        if (strcmp(schema->name, name) == 0)
            return schema;
    }
    return NULL;
}

static struct step step_of_fact(const struct row *row)
{
    for (unsigned i = 0; i < row->view->count; i++) {
        const struct view_fact *fact = &row->view->facts[i];
        if (fact->offset != row->offset)
            continue;
        struct step step = {.kind = fact->kind, .offset = row->offset, .list = row->type[0] == '['};
        if (fact->other)
            step.other = schema_of_part(row->type);
        if (!kind_fits(fact->kind, row->type) ||
            (fact->other && (!step.other || step.other->type != fact->other)))
            g_error("schema.def: %s is no %s", row->name, row->type);
        return step;
    }
    g_error("schema.def: %s shows no fact of %s", row->name, row->view->name);
}

static bool is_absent_with(const struct step *step, const struct step *first)
{
    return step->inner && !step->optional && step->part == first->part;
}

static void absent_prepare(struct view_schema *schema)
{
    for (guint i = 0; i < schema->count; i++) {
        struct step *first = &schema->steps[i];
        g_autoptr(GString) text = g_string_new(NULL);
        guint next = i;
        for (; next < schema->count && is_absent_with(&schema->steps[next], first); next++)
            g_string_append_printf(text, "%s%s", schema->steps[next].text,
                                   schema->steps[next].missing);
        if (next == i)
            continue;
        first->absent_count = next - i;
        first->absent_length = text->len;
        first->absent = g_strdup(text->str);
        i = next - 1;
    }
}

/* MEMBERS: the rows after that of the object. */
static void schema_prepare(struct view_schema *schema, const struct row *members)
{
    g_autoptr(GArray) steps = g_array_new(FALSE, FALSE, sizeof(struct step));
    g_autoptr(GString) text = g_string_new("{");
    for (const struct row *row = members; row->kind > ROW_OBJECT; row++) {
        gsize length = strlen(row->name);
        bool optional = row->name[length - 1] == '?';
        g_string_append_printf(text, "%s\"%.*s\":", row > members ? "," : "",
                               (int)(length - optional), row->name);
        if (row->kind == ROW_FIXED) {
            g_string_append(text, row->json);
            continue;
        }
        struct step step =
            row->kind == ROW_SHOWN ? step_of_fact(row) : (struct step){.put = row->put};
        step.optional = optional;
        step.missing = row->json;
        step.inner = row->inner;
        step.part = row->part;
        step.length = text->len;
        step.text = g_strdup(text->str);
        g_string_truncate(text, 0);
        g_array_append_val(steps, step);
    }
    g_string_append_c(text, '}');
    schema->end = g_strdup(text->str);
    schema->end_length = text->len;
    schema->count = steps->len;
    schema->steps = (struct step *)(void *)g_array_steal(steps, NULL);
    absent_prepare(schema);
}

/* Any may be a part of any other: all are there before the first is prepared. */
static void schemas_prepare(void)
{
    schemas = g_ptr_array_new();
    by_name = g_hash_table_new(g_str_hash, g_str_equal);
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].kind != ROW_OBJECT)
            continue;
        struct view_schema *schema = g_new0(struct view_schema, 1);
        *schema = (struct view_schema){.name = rows[i].name, .type = rows[i].view};
        g_ptr_array_add(schemas, schema);
        g_hash_table_insert(by_name, g_strdup(schema->name), schema);
    }
    guint next = 0;
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].kind == ROW_OBJECT)
            schema_prepare(schemas->pdata[next++], &rows[i + 1]);
    }
}

const struct view_schema *view_schema_find(const char *name)
{
    if (!schemas)
        schemas_prepare();
    return g_hash_table_lookup(by_name, name);
}

const struct view_schema *view_page_item(const char *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].kind == ROW_PAGE && strcmp(rows[i].name, name) == 0)
            return view_schema_find(rows[i].type);
    }
    return NULL;
}

bool view_is(const char *reply)
{
    return reply && (view_schema_find(reply) || view_page_item(reply));
}

const struct view_type *view_schema_type(const struct view_schema *schema)
{
    return schema->type;
}

/* ---- Writing --------------------------------------------------------------------------------- */

static void put_uuid(struct json_writer *json, const struct uuid *id)
{
    char text[UUID_TEXT_SIZE + 2];
    if (uuid_is_nil(id)) {
        json_put_null(json);
        return;
    }
    text[0] = '"';
    uuid_format(id, text + 1);
    text[UUID_TEXT_SIZE] = '"';
    json_put_raw(json, text, UUID_TEXT_SIZE + 1);
}

static void put_json(struct json_writer *json, const char *text)
{
    if (text)
        json_put_raw(json, text, strlen(text));
    else
        json_put_null(json);
}

/* A list that is missing is empty. */
static void put_json_fact(struct json_writer *json, const struct step *step, const char *text)
{
    put_json(json, text || !step->list ? text : "[]");
}

static void put_parts(struct json_writer *json, const struct view_schema *schema,
                      const struct view_list *list)
{
    json_begin_array(json);
    for (unsigned i = 0; i < list->count; i++)
        view_write(json, schema, (const char *)list->items + i * schema->type->size);
    json_end_array(json);
}

/* FACT lies in the struct. */
static void put_fact(struct json_writer *json, const struct step *step, const void *fact)
{
    switch (step->kind) {
    case VIEW_UUID:
        put_uuid(json, fact);
        break;
    case VIEW_TEXT:
        json_put_string(json, *(const char *const *)fact);
        break;
    case VIEW_INTEGER:
        json_put_integer(json, *(const gint64 *)fact);
        break;
    case VIEW_TIME:
        json_put_time(json, *(const gint64 *)fact);
        break;
    case VIEW_BOOLEAN:
        json_put_boolean(json, *(const bool *)fact);
        break;
    case VIEW_JSON:
        put_json_fact(json, step, *(const char *const *)fact);
        break;
    case VIEW_PART:
        view_write(json, step->other, *(const void *const *)fact);
        break;
    case VIEW_PARTS:
        put_parts(json, step->other, fact);
        break;
    }
}

/* Of an optional member: a pointer or a time. */
static bool is_missing(const struct step *step, const void *fact)
{
    if (step->kind == VIEW_TIME || step->kind == VIEW_INTEGER)
        return *(const gint64 *)fact == 0;
    return step->kind != VIEW_UUID ? *(const void *const *)fact == NULL : uuid_is_nil(fact);
}

/* NULL: the part that it would be in is missing. */
static const void *find_fact(const struct step *step, const void *view)
{
    const char *object = view;
    if (step->inner)
        object = *(const char *const *)(const void *)(object + step->part);
    return object ? object + step->offset : NULL;
}

void view_write(struct json_writer *json, const struct view_schema *schema, const void *view)
{
    const char *written = view ? *(const char *const *)view : NULL;
    if (!view || written) {
        put_json(json, written);
        return;
    }
    if (json->comma)
        buffer_append(json->buf, ",", 1);
    for (guint i = 0; i < schema->count; i++) {
        const struct step *step = &schema->steps[i];
        const void *fact = find_fact(step, view);
        if (!fact && step->absent) {
            buffer_append(json->buf, step->absent, step->absent_length);
            i += step->absent_count - 1;
            continue;
        }
        if (step->optional && !step->put && (!fact || is_missing(step, fact)))
            continue;
        buffer_append(json->buf, step->text, step->length);
        json->comma = false;
        if (step->put)
            step->put(json, view);
        else if (fact)
            put_fact(json, step, fact);
        else
            put_json(json, step->missing);
    }
    buffer_append(json->buf, schema->end, schema->end_length);
    json->comma = true;
}

void view_object(struct buffer *buf, const char *schema, const void *view)
{
    struct json_writer json;
    json_writer_init(&json, buf);
    view_write(&json, view_schema_find(schema), view);
}

const char *view_written(const struct view_schema *schema, const void *view,
                         struct view_memory *memory)
{
    g_auto(buffer) buf = BUFFER_INIT(WRITTEN_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    view_write(&json, schema, view);
    return memory_text(memory, buf.data, buf.length);
}
