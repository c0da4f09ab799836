/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From the table schema.def and from field lists to JSON Schema. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/base/error.h"
#include "bridge/base/words.h"
#include "bridge/core/event.h"
#include "bridge/describe/schema.h"

enum row_kind { ROW_OBJECT, ROW_MEMBER, ROW_PAGE };

static const struct row {
    enum row_kind kind;
    const char *name;
    const char *text; /* an object's summary, else a type */
} rows[] = {
#define TRESTLE_SCHEMA(name, summary) {ROW_OBJECT, name, summary},
#define TRESTLE_MEMBER(name, type) {ROW_MEMBER, name, type},
#define TRESTLE_PAGE(name, type) {ROW_PAGE, name, type},
#include "bridge/view/schema.def"
};

#define EVENT_CURSOR(flags)                                                                        \
    ((flags)&EVENT_PASSING ? SCHEMA_MAYBE : ((flags)&EVENT_LOGGED ? SCHEMA_ALWAYS : SCHEMA_NEVER))
static const struct schema_frame frames[] = {
#define TRESTLE_EVENT(symbol, name, payload, flags, summary)                                       \
    {name, payload, SCHEMA_NEVER, EVENT_CURSOR(flags), true, summary},
#include "bridge/core/event.def"
#define TRESTLE_FRAME(name, type, id, cursor, summary)                                             \
    {name, type, SCHEMA_##id, SCHEMA_##cursor, false, summary},
#include "bridge/view/schema.def"
    {.name = NULL},
};

/* Made from the tables: the codes of problems, and the frames of all events. */
#define ERROR_CODE "ErrorCode"
#define EVENT "Event"

const struct schema_frame *schema_frames(void)
{
    return frames;
}

/* ---- Types ----------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *type;   /* of JSON Schema; NULL: any */
    const char *format; /* or NULL */
} plain_types[] = {
    {"text", "string", NULL},     {"uuid", "string", "uuid"}, {"time", "string", "date-time"},
    {"integer", "integer", NULL}, {"number", "number", NULL}, {"boolean", "boolean", NULL},
    {"null", "null", NULL},       {"object", "object", NULL}, {"any", NULL, NULL},
};

static json_t *read_plain(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(plain_types); i++) {
        if (strcmp(plain_types[i].name, name) != 0)
            continue;
        json_t *schema = json_object();
        if (plain_types[i].type)
            json_object_set_new(schema, "type", json_string(plain_types[i].type));
        if (plain_types[i].format)
            json_object_set_new(schema, "format", json_string(plain_types[i].format));
        return schema;
    }
    return NULL;
}

static json_t *read_choice(const char *words)
{
    g_auto(GStrv) choices = g_strsplit(words, "|", -1);
    json_t *list = json_array();
    for (size_t i = 0; choices[i]; i++)
        json_array_append_new(list, json_string(choices[i]));
    return json_pack("{s:s, s:o}", "type", "string", "enum", list);
}

static bool schema_exists(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].kind != ROW_MEMBER && strcmp(rows[i].name, name) == 0)
            return true;
    }
    return strcmp(name, ERROR_CODE) == 0 || strcmp(name, EVENT) == 0;
}

static json_t *read_reference(const char *name)
{
    g_autofree char *target = g_strconcat("#/components/schemas/", name, NULL);
    return schema_exists(name) ? json_pack("{s:s}", "$ref", target) : NULL;
}

static json_t *read_alternatives(const char *names)
{
    g_auto(GStrv) list = g_strsplit(names, "|", -1);
    json_t *any = json_array();
    for (size_t i = 0; list[i]; i++) {
        json_t *one = read_reference(list[i]);
        if (!one) {
            json_decref(any);
            return NULL;
        }
        json_array_append_new(any, one);
    }
    return json_pack("{s:o}", "anyOf", any);
}

/* Takes SCHEMA. */
static json_t *or_null(json_t *schema)
{
    json_t *type = json_object_get(schema, "type");
    json_t *choices = json_object_get(schema, "enum");
    if (!type)
        return json_pack("{s:[o, {s:s}]}", "anyOf", schema, "type", "null");
    if (json_is_array(type))
        json_array_append_new(type, json_string("null"));
    else
        json_object_set_new(schema, "type", json_pack("[O, s]", type, "null"));
    if (choices)
        json_array_append_new(choices, json_null());
    return schema;
}

/* NULL if TYPE is malformed. */
static json_t *read_type(const char *type)
{
    size_t length = strlen(type);
    if (length > 1 && type[length - 1] == '?') {
        g_autofree char *inner = g_strndup(type, length - 1);
        json_t *schema = read_type(inner);
        return schema ? or_null(schema) : NULL;
    }
    if (length > 2 && type[0] == '[' && type[length - 1] == ']') {
        g_autofree char *inner = g_strndup(type + 1, length - 2);
        json_t *schema = read_type(inner);
        return schema ? json_pack("{s:s, s:o}", "type", "array", "items", schema) : NULL;
    }
    if (length > 1 && type[0] == '=')
        return read_choice(type + 1);
    if (g_ascii_isupper(type[0]))
        return strchr(type, '|') ? read_alternatives(type) : read_reference(type);
    return read_plain(type);
}

json_t *schema_of_type(const char *type)
{
    json_t *schema = read_type(type);
    if (!schema)
        g_error("schema.def: %s is no type", type);
    return schema;
}

bool schema_type_is_good(const char *type)
{
    json_t *schema = read_type(type);
    json_decref(schema);
    return schema != NULL;
}

/* ---- Named schemas --------------------------------------------------------------------------- */

static json_t *object_new(const char *summary)
{
    return json_pack("{s:s*, s:s, s:{}, s:[]}", "description", summary, "type", "object",
                     "properties", "required");
}

static void add_member(json_t *object, const char *name, const char *type)
{
    size_t length = strlen(name);
    bool optional = name[length - 1] == '?';
    g_autofree char *key = g_strndup(name, length - optional);
    json_object_set_new(json_object_get(object, "properties"), key, schema_of_type(type));
    if (!optional)
        json_array_append_new(json_object_get(object, "required"), json_string(key));
}

static json_t *page_new(const char *type)
{
    g_autofree char *items = g_strdup_printf("[%s]", type);
    json_t *page = object_new("One page of a list; next is the cursor to go on with");
    add_member(page, "items", items);
    add_member(page, "has_more", "boolean");
    add_member(page, "next", "text?");
    return page;
}

static json_t *error_codes(void)
{
    json_t *codes = json_array();
    for (enum error_code code = ERROR_NONE + 1; code < ERROR_MAX; code++)
        json_array_append_new(codes, json_string(error_info(code)->code));
    return json_pack("{s:s, s:s, s:o}", "description", "What kind of failure; decide by this",
                     "type", "string", "enum", codes);
}

/* ---- Frames ---------------------------------------------------------------------------------- */

static json_t *id_schema(void)
{
    return json_pack("{s:s, s:[s, s], s:i}", "description", "The client's own id of the command",
                     "type", "string", "integer", "maxLength", 128);
}

static void add_property(json_t *object, const char *name, json_t *schema, bool required)
{
    json_object_set_new(json_object_get(object, "properties"), name, schema);
    if (required)
        json_array_append_new(json_object_get(object, "required"), json_string(name));
}

static json_t *envelope_new(const char *type)
{
    json_t *object = object_new(NULL);
    add_property(object, "type", json_pack("{s:s}", "const", type), true);
    return object;
}

json_t *schema_of_frame(const struct schema_frame *frame, json_t *payload)
{
    json_t *object = envelope_new(frame->name);
    if (frame->id != SCHEMA_NEVER)
        add_property(object, "id", id_schema(), frame->id == SCHEMA_ALWAYS);
    if (frame->cursor != SCHEMA_NEVER)
        add_property(object, "cursor", read_plain("text"), frame->cursor == SCHEMA_ALWAYS);
    add_property(object, "ts", read_plain("time"), true);
    add_property(object, "payload", payload, true);
    return object;
}

json_t *schema_of_command(const char *type, json_t *payload, bool payload_required)
{
    json_t *object = envelope_new(type);
    add_property(object, "id", id_schema(), false);
    add_property(object, "payload", payload, payload_required);
    json_object_set_new(object, "additionalProperties", json_false());
    return object;
}

static json_t *event_frames(void)
{
    json_t *choices = json_array();
    for (const struct schema_frame *frame = frames; frame->name; frame++) {
        if (frame->is_event)
            json_array_append_new(choices, schema_of_frame(frame, schema_of_type(frame->payload)));
    }
    return json_pack("{s:s, s:o}", "description", "An event, as the WebSocket has it", "anyOf",
                     choices);
}

json_t *schema_all(void)
{
    json_t *all = json_object();
    json_t *object = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].kind == ROW_MEMBER) {
            add_member(object, rows[i].name, rows[i].text);
            continue;
        }
        if (json_object_get(all, rows[i].name))
            g_error("schema.def: %s is there twice", rows[i].name);
        object = rows[i].kind == ROW_PAGE ? page_new(rows[i].text) : object_new(rows[i].text);
        json_object_set_new(all, rows[i].name, object);
    }
    json_object_set_new(all, ERROR_CODE, error_codes());
    json_object_set_new(all, EVENT, event_frames());
    return all;
}

/* ---- Fields ---------------------------------------------------------------------------------- */

static void set_bound(json_t *schema, const char *key, gint64 value)
{
    json_object_set_new(schema, key, json_integer(value));
}

/* Fields are measured in bytes, JSON Schema counts characters: the schema may let more through. */
static void set_bounds(json_t *schema, const struct field *field, const char *low, const char *high)
{
    if (field->minimum != 0 || field->maximum != 0)
        set_bound(schema, low, field->minimum);
    if (field->maximum != 0)
        set_bound(schema, high, field->maximum);
}

/* What XML 1.0 can carry; surrogates that stand alone are no text in the first place. */
#define TEXT_PATTERN "^[^\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\uFFFE\\uFFFF]*$"
#define DAY_PATTERN                                                                                \
    "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]"
#define TIME_PATTERN DAY_PATTERN ":([0-5][0-9]|60)(\\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"

#define ID_PATTERN "[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"

static const char *pattern_of(const struct field *field)
{
    if (field->flags & FIELD_UNTIL)
        return "^(forever|" TIME_PATTERN ")$";
    if (field->flags & FIELD_TIME)
        return "^" TIME_PATTERN "$";
    if (field->flags & FIELD_PLACE)
        return "^(unread|seq:[0-9]+|time:" TIME_PATTERN "|" ID_PATTERN ")$";
    return field->flags & FIELD_CLOCK ? "^" DAY_PATTERN "(:([0-5][0-9]|60))?$" : TEXT_PATTERN;
}

static void set_text(json_t *schema, const struct field *field)
{
    set_bounds(schema, field, "minLength", "maxLength");
    json_object_set_new(schema, "pattern", json_string(pattern_of(field)));
    if (field->flags & FIELD_JID)
        json_object_set_new(schema, "format", json_string("jid"));
    if (field->flags & FIELD_EMOJI)
        json_object_set_new(schema, "format", json_string("emoji"));
    if (field->flags & FIELD_TIME)
        json_object_set_new(schema, "format", json_string("date-time"));
    if (field->flags & FIELD_CLOCK)
        json_object_set_new(schema, "format", json_string("local-time"));
}

/* Whole numbers have 64 bits. */
static void set_whole(json_t *schema, const struct field *field)
{
    set_bounds(schema, field, "minimum", "maximum");
    if (field->maximum == 0 || field->maximum > G_MAXINT32)
        json_object_set_new(schema, "format", json_string("int64"));
    if (field->maximum == 0)
        set_bound(schema, "maximum", G_MAXINT64);
}

static json_t *choices_of(const struct field *field)
{
    g_autofree char *words = g_strjoinv("|", (char **)(guintptr)field->choices);
    return read_choice(words);
}

json_t *schema_of_field(const struct field *field, bool null_is_absent)
{
    json_t *schema = NULL;
    switch (field->type) {
    case FIELD_TEXT:
        schema = read_plain("text");
        set_text(schema, field);
        break;
    case FIELD_UUID:
        schema = read_plain("uuid");
        break;
    case FIELD_INTEGER:
        schema = read_plain("integer");
        set_whole(schema, field);
        break;
    case FIELD_BOOLEAN:
        schema = read_plain("boolean");
        break;
    case FIELD_CHOICE:
        schema = choices_of(field);
        break;
    case FIELD_CHOICES:
        schema = json_pack("{s:s, s:o}", "type", "array", "items", choices_of(field));
        set_bounds(schema, field, "minItems", "maxItems");
        break;
    case FIELD_USERS:
        schema = json_pack(
            "{s:s, s:{s:s, s:{s:{s:s, s:i, s:i}, s:{s:s, s:i, s:i, s:s}}, s:i, s:i, s:b}}", "type",
            "array", "items", "type", "object", "properties", "user_id", "type", "string",
            "minLength", 1, "maxLength", 255, "jid", "type", "string", "minLength", 1, "maxLength",
            FIELD_USERS_JID_MAX, "format", "jid", "minProperties", 1, "maxProperties", 1,
            "additionalProperties", 0);
        set_bounds(schema, field, "minItems", "maxItems");
        break;
    case FIELD_TEXTS:
        schema = json_pack("{s:s, s:{s:s, s:i, s:i}}", "type", "array", "items", "type", "string",
                           "minLength", 1, "maxLength",
                           field->flags & FIELD_LINE ? FIELD_LINES_EACH : FIELD_TEXTS_EACH);
        set_bounds(schema, field, "minItems", "maxItems");
        break;
    case FIELD_JSON:
        schema = json_object();
        break;
    case FIELD_USER:
        schema = json_pack("{s:[s,s], s:i, s:I}", "type", "string", "integer", "minimum", 1,
                           "maximum", (json_int_t)G_MAXINT64);
        set_text(schema, field);
        break;
    }
    if (field->fallback)
        json_object_set_new(schema, "default",
                            field->type == FIELD_INTEGER
                                ? json_integer(g_ascii_strtoll(field->fallback, NULL, 10))
                                : json_string(field->fallback));
    bool may_be_null =
        null_is_absent && !(field->flags & FIELD_REQUIRED) && field->type != FIELD_JSON;
    return may_be_null ? or_null(schema) : schema;
}

/* Exactly one of the fields with FIELD_ONE_OF; null is absent. NULL: there are none. */
static json_t *one_of(const struct field *fields, unsigned without)
{
    json_t *ways = json_array();
    for (const struct field *field = fields; field && field->name; field++) {
        if (!(field->flags & FIELD_ONE_OF) || (field->flags & without))
            continue;
        json_array_append_new(ways, json_pack("{s:[s], s:{s:{s:{s:s}}}}", "required", field->name,
                                              "properties", field->name, "not", "type", "null"));
    }
    if (json_array_size(ways) > 0)
        return ways;
    json_decref(ways);
    return NULL;
}

json_t *schema_of_fields(const struct field *fields, unsigned without)
{
    json_t *object = object_new(NULL);
    json_t *ways = one_of(fields, without);
    if (ways)
        json_object_set_new(object, "oneOf", ways);
    for (; fields && fields->name; fields++) {
        if (fields->flags & without)
            continue;
        json_object_set_new(json_object_get(object, "properties"), fields->name,
                            schema_of_field(fields, true));
        if (fields->flags & FIELD_REQUIRED)
            json_array_append_new(json_object_get(object, "required"), json_string(fields->name));
    }
    json_object_set_new(object, "additionalProperties", json_false());
    return object;
}
