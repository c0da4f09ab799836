/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one place where request fields are checked. A maximum of 0 means that there is no upper
 * bound besides those of the transport; JSON null counts as absent. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/rate.h"
#include "bridge/base/text.h"
#include "bridge/core/field.h"
#include "xep/0444_reactions.h"
#include "xep/jid.h"
#include "xep/name.h"
#include "xep/time.h"

/* One value as it came: TEXT, or JSON of another type, or neither when it is absent. */
struct raw_value {
    const char *text;
    size_t length;
    json_t *json;
    bool is_parameter; /* from path or query: numbers and booleans are written as text */
};

/* Writes "/name" as a JSON pointer (RFC 6901), cut at a character when it is too long. */
static void pointer_write(char ret_pointer[64], const char *name)
{
    size_t length = 0;
    ret_pointer[length++] = '/';
    for (const char *p = name; *p;) {
        const char *next = p + g_utf8_skip[(guchar)*p];
        size_t size = *p == '~' || *p == '/' ? 2 : (size_t)(next - p);
        if (length + size >= 64)
            break;
        if (*p == '~' || *p == '/')
            memcpy(ret_pointer + length, *p == '~' ? "~0" : "~1", 2);
        else
            memcpy(ret_pointer + length, p, size);
        length += size;
        p = next;
    }
    ret_pointer[length] = '\0';
}

static bool field_refuse(struct field_problem *ret_problem, const char *name, const char *detail)
{
    ret_problem->code = ERROR_UNPROCESSABLE;
    ret_problem->detail = detail;
    pointer_write(ret_problem->pointer, name);
    return false;
}

static bool in_object(const struct field *field, const struct field_source *source)
{
    return source->everything_in_object || !(field->flags & FIELD_IN_HEAD);
}

static struct raw_value find_value(const struct field *field, const struct field_source *source)
{
    struct raw_value raw = {0};
    if (!in_object(field, source)) {
        raw.is_parameter = true;
        if (source->parameter)
            raw.text = source->parameter(source->data, field, &raw.length);
        return raw;
    }
    json_t *json = source->object ? json_object_get(source->object, field->name) : NULL;
    if (json && (!json_is_null(json) || (field->flags & FIELD_NULLABLE)))
        raw.json = json;
    if (json_is_string(raw.json)) {
        raw.text = json_string_value(raw.json);
        raw.length = json_string_length(raw.json);
    }
    if (!raw.json && (field->flags & FIELD_IDEMPOTENCY) && source->idempotency_key) {
        raw.text = source->idempotency_key;
        raw.length = strlen(raw.text);
    }
    return raw;
}

static const char *check_bounds(const struct field *field, gint64 number, const char *small,
                                const char *large)
{
    if (number < field->minimum)
        return small;
    return field->maximum != 0 && number > field->maximum ? large : NULL;
}

static bool is_address(const char *text)
{
    g_autofree char *prepared = jid_prepare(text);
    return prepared && jid_is_valid_bare(prepared);
}

static bool is_emoji(const char *text)
{
    g_autofree char *clean = reaction_clean(text);
    return clean != NULL;
}

static bool is_place(const char *text)
{
    guint64 seq;
    int64_t time;
    struct uuid id;
    if (g_str_has_prefix(text, "seq:"))
        return g_ascii_string_to_unsigned(text + strlen("seq:"), 10, 0, G_MAXINT64 - 1, &seq, NULL);
    if (g_str_has_prefix(text, "time:"))
        return xep_time_parse(text + strlen("time:"), &time);
    return strcmp(text, "unread") == 0 || uuid_parse(text, &id);
}

static bool is_clock(const char *text)
{
    int64_t time;
    bool has_seconds = strlen(text) > strlen("2026-05-04T09:00");
    g_autofree char *whole = g_strconcat(text, has_seconds ? "Z" : ":00Z", NULL);
    return !strchr(text, '.') && xep_time_parse(whole, &time);
}

/* What is wrong with TEXT, of which the flags of FIELD say more; NULL: nothing. */
static const char *check_shape(const struct field *field, const char *text)
{
    int64_t until;
    if ((field->flags & FIELD_LINE) && !name_is_fine(text, NAME_LINE))
        return "must be one line that can be seen, with nothing hidden in it";
    if ((field->flags & FIELD_PROSE) && !name_is_fine(text, NAME_PROSE))
        return "must be a text that can be seen, with nothing hidden in it";
    if ((field->flags & FIELD_JID) && !is_address(text))
        return "is not a bare JID (name@domain)";
    if ((field->flags & FIELD_EMOJI) && !is_emoji(text))
        return "is not one emoji";
    if ((field->flags & FIELD_TIME) && !xep_time_parse(text, &until))
        return "is not a time (RFC 3339)";
    if ((field->flags & FIELD_PLACE) && !is_place(text))
        return "is not the id of a message, seq:N, time:T (RFC 3339) or unread";
    struct rate rate;
    if ((field->flags & FIELD_RATE) && !rate_parse(text, &rate))
        return "is no rate, such as 300/60, or 0 for none";
    if ((field->flags & FIELD_CLOCK) && !is_clock(text))
        return "is not what a clock shows (2026-05-04T09:00)";
    if ((field->flags & FIELD_UNTIL) && strcmp(text, "forever") != 0 &&
        !xep_time_parse(text, &until))
        return "is not a time (RFC 3339), null or \"forever\"";
    return NULL;
}

static const char *read_text(const struct field *field, const struct raw_value *raw,
                             struct field_value *ret_value)
{
    if (!raw->text)
        return "must be a string";
    if (!text_is_xml_safe(raw->text, raw->length))
        return "holds characters that cannot be carried";
    ret_value->text = raw->text;
    ret_value->length = raw->length;
    const char *wrong = check_bounds(field, (gint64)raw->length, "is too short", "is too long");
    return wrong ? wrong : check_shape(field, raw->text);
}

#define WHOLE_MAX 9007199254740992.0 /* up to which each whole number has a double of its own */

/* A JSON number without fraction is whole, also when it is written 1.0 (JSON Schema 2020-12). */
static bool read_whole(const json_t *json, gint64 *ret_integer)
{
    double real = json_real_value(json);
    bool is_whole = json_is_real(json) && real >= -WHOLE_MAX && real <= WHOLE_MAX &&
                    (double)(gint64)real == real;
    *ret_integer = is_whole ? (gint64)real : json_integer_value(json);
    return is_whole || json_is_integer(json);
}

static const char *read_user(const struct field *field, const struct raw_value *raw,
                             struct field_value *ret_value)
{
    if (raw->text)
        return read_text(field, raw, ret_value);
    if (!read_whole(raw->json, &ret_value->integer))
        return "must be a string or a whole number";
    return ret_value->integer > 0 ? NULL : "is too small";
}

#define USER_ID_MAX 255

static bool is_fine_text(const json_t *json, size_t maximum)
{
    size_t length = json_string_length(json);
    return json_is_string(json) && length > 0 && length <= maximum &&
           text_is_xml_safe(json_string_value(json), length);
}

/* { "user_id": TEXT } or { "jid": ADDRESS }, and nothing else. */
static bool is_user_entry(const json_t *entry)
{
    const json_t *jid = json_object_get(entry, "jid");
    return json_object_size(entry) == 1 &&
           (is_fine_text(json_object_get(entry, "user_id"), USER_ID_MAX) ||
            (is_fine_text(jid, FIELD_USERS_JID_MAX) && is_address(json_string_value(jid))));
}

static const char *read_users(const struct field *field, const struct raw_value *raw,
                              struct field_value *ret_value)
{
    size_t i;
    json_t *entry;
    if (!json_is_array(raw->json))
        return "must be a list";
    json_array_foreach(raw->json, i, entry)
    {
        if (!is_user_entry(entry))
            return "must hold objects with a user_id or a jid";
    }
    ret_value->list = raw->json;
    return check_bounds(field, (gint64)json_array_size(raw->json), "has too few", "has too many");
}

static const char *read_choice(const struct field *field, const struct raw_value *raw,
                               struct field_value *ret_value)
{
    const char *wrong = read_text(&(struct field){.name = field->name}, raw, ret_value);
    if (wrong)
        return wrong;
    if (!g_strv_contains(field->choices, raw->text))
        return "is not one of the permitted values";
    return NULL;
}

static const char *read_choices(const struct field *field, const struct raw_value *raw,
                                struct field_value *ret_value)
{
    size_t i;
    json_t *entry;
    if (!json_is_array(raw->json))
        return "must be a list";
    json_array_foreach(raw->json, i, entry)
    {
        const char *text = json_string_value(entry);
        if (!text || strlen(text) != json_string_length(entry) ||
            !g_strv_contains(field->choices, text))
            return "holds what is not one of the permitted values";
    }
    ret_value->list = raw->json;
    return check_bounds(field, (gint64)json_array_size(raw->json), "has too few", "has too many");
}

static const char *read_texts(const struct field *field, const struct raw_value *raw,
                              struct field_value *ret_value)
{
    size_t i;
    json_t *entry;
    bool lines = (field->flags & FIELD_LINE) != 0;
    if (!json_is_array(raw->json))
        return "must be a list";
    json_array_foreach(raw->json, i, entry)
    {
        if (!is_fine_text(entry, lines ? FIELD_LINES_EACH : FIELD_TEXTS_EACH))
            return "must hold texts that are not empty and not too long";
        if (lines && !name_is_fine(json_string_value(entry), NAME_LINE))
            return "must hold lines that can be seen, with nothing hidden in them";
    }
    ret_value->list = raw->json;
    return check_bounds(field, (gint64)json_array_size(raw->json), "has too few", "has too many");
}

const char **field_texts(const json_t *list)
{
    size_t i, count = 0;
    json_t *entry;
    const char **texts = g_new0(const char *, json_array_size(list) + 1);
    json_array_foreach(list, i, entry)
    {
        if (json_is_string(entry))
            texts[count++] = json_string_value(entry);
    }
    return texts;
}

static const char *read_uuid(const struct raw_value *raw, struct field_value *ret_value)
{
    if (!raw->text)
        return "must be a string";
    if (raw->length != UUID_TEXT_SIZE - 1 || !uuid_parse(raw->text, &ret_value->uuid))
        return "is not an id";
    ret_value->text = raw->text;
    ret_value->length = raw->length;
    return NULL;
}

static bool parse_integer(const struct raw_value *raw, gint64 *ret_integer)
{
    if (!raw->is_parameter)
        return read_whole(raw->json, ret_integer);
    const char *digits = raw->text + (raw->text[0] == '-');
    if (raw->length == 0 || raw->length > 20 || strlen(raw->text) != raw->length ||
        !g_ascii_isdigit(digits[0]))
        return false;
    char *end = NULL;
    errno = 0;
    *ret_integer = g_ascii_strtoll(raw->text, &end, 10);
    return errno == 0 && *end == '\0';
}

static const char *read_integer(const struct field *field, const struct raw_value *raw,
                                struct field_value *ret_value)
{
    if (!parse_integer(raw, &ret_value->integer))
        return "must be a whole number";
    return check_bounds(field, ret_value->integer, "is too small", "is too large");
}

static const char *read_boolean(const struct raw_value *raw, struct field_value *ret_value)
{
    bool is_true = raw->is_parameter ? strcmp(raw->text, "true") == 0 : json_is_true(raw->json);
    bool is_false = raw->is_parameter ? strcmp(raw->text, "false") == 0 : json_is_false(raw->json);
    ret_value->integer = is_true;
    return is_true || is_false ? NULL : "must be true or false";
}

static const char *read_value(const struct field *field, const struct raw_value *raw,
                              struct field_value *ret_value)
{
    if (json_is_null(raw->json))
        return NULL;
    switch (field->type) {
    case FIELD_TEXT:
        return read_text(field, raw, ret_value);
    case FIELD_UUID:
        return read_uuid(raw, ret_value);
    case FIELD_INTEGER:
        return read_integer(field, raw, ret_value);
    case FIELD_BOOLEAN:
        return read_boolean(raw, ret_value);
    case FIELD_CHOICE:
        return read_choice(field, raw, ret_value);
    case FIELD_CHOICES:
        return read_choices(field, raw, ret_value);
    case FIELD_USER:
        return read_user(field, raw, ret_value);
    case FIELD_USERS:
        return read_users(field, raw, ret_value);
    case FIELD_TEXTS:
        return read_texts(field, raw, ret_value);
    case FIELD_JSON:
        ret_value->list = raw->json;
        return raw->json ? NULL : "must be JSON";
    default:
        g_return_val_if_reached("has an unknown type");
    }
}

/* The same thing by two names, which must agree. */
static bool is_contradicted(const struct field *field, const struct raw_value *raw,
                            const struct field_source *source)
{
    return (field->flags & FIELD_IDEMPOTENCY) && source->idempotency_key && raw->json &&
           raw->text &&
           (strlen(source->idempotency_key) != raw->length ||
            memcmp(source->idempotency_key, raw->text, raw->length) != 0);
}

static struct field_value field_absent(const struct field *field)
{
    struct field_value value = {0};
    if (field->fallback && field->type == FIELD_INTEGER) {
        value.integer = g_ascii_strtoll(field->fallback, NULL, 10);
    } else if (field->fallback) {
        value.text = field->fallback;
        value.length = strlen(field->fallback);
    }
    return value;
}

static bool check_field(const struct field *field, const struct field_source *source,
                        struct field_value *ret_value, struct field_problem *ret_problem)
{
    struct raw_value raw = find_value(field, source);
    *ret_value = (struct field_value){0};
    if (!raw.text && !raw.json) {
        if (field->flags & FIELD_REQUIRED)
            return field_refuse(ret_problem, field->name, "is required");
        *ret_value = field_absent(field);
        return true;
    }
    const char *wrong = read_value(field, &raw, ret_value);
    if (!wrong && is_contradicted(field, &raw, source))
        wrong = "differs from the header Idempotency-Key";
    if (!wrong) {
        ret_value->present = true;
        return true;
    }
    *ret_value = (struct field_value){0};
    field_refuse(ret_problem, field->name, wrong);
    /* What a path names is there or not there; how the name is malformed is nobody's business. An
     * emoji is no name. */
    if ((field->flags & FIELD_IN_PATH) && !(field->flags & FIELD_EMOJI) &&
        !source->everything_in_object) {
        ret_problem->code = ERROR_NOT_FOUND;
        ret_problem->pointer[0] = '\0';
    }
    return false;
}

static bool check_unknown(const struct field *fields, const struct field_source *source,
                          struct field_problem *ret_problem)
{
    const char *key;
    json_t *value;
    json_object_foreach(source->object, key, value)
    {
        const struct field *field = fields;
        while (field->name && strcmp(field->name, key) != 0)
            field++;
        if (!field->name || !in_object(field, source))
            return field_refuse(ret_problem, key, "is not known here");
    }
    return true;
}

const struct field_value *field_value(const struct field *fields, const struct field_value *values,
                                      const char *name)
{
    for (size_t i = 0; fields && fields[i].name; i++) {
        if (strcmp(fields[i].name, name) == 0)
            return &values[i];
    }
    g_error("there is no field %s", name);
}

json_t *field_user_json(const struct field_value *value)
{
    if (!value->present)
        return NULL;
    return value->text ? json_string(value->text) : json_integer(value->integer);
}

static bool check_one_of(const struct field *fields, const struct field_value *values,
                         struct field_problem *ret_problem)
{
    const char *first = NULL;
    unsigned present = 0;
    for (size_t i = 0; fields[i].name; i++) {
        if (!(fields[i].flags & FIELD_ONE_OF))
            continue;
        first = first ? first : fields[i].name;
        present += values[i].present;
    }
    return !first || present == 1 ||
           field_refuse(ret_problem, first,
                        "or the other way to name it is to be given, exactly one of them");
}

static bool check_alternatives(const struct field *fields, const struct field_value *values,
                               struct field_problem *ret_problem)
{
    const char *first = NULL;
    unsigned present = 0;
    for (size_t i = 0; fields[i].name; i++) {
        if (!(fields[i].flags & FIELD_ALTERNATIVE) || !values[i].present)
            continue;
        first = first ? first : fields[i].name;
        present++;
    }
    return present <= 1 ||
           field_refuse(ret_problem, first, "and another are given, of which only one may be");
}

bool fields_check(const struct field *fields, const struct field_source *source,
                  struct field_value *ret_values, struct field_problem *ret_problem)
{
    if (source->object && !json_is_object(source->object)) {
        *ret_problem = (struct field_problem){.code = ERROR_UNPROCESSABLE,
                                              .detail = "the request must be a JSON object"};
        return false;
    }
    static const struct field none[] = {{0}};
    fields = fields ? fields : none;
    for (size_t i = 0; fields[i].name; i++) {
        if (!check_field(&fields[i], source, &ret_values[i], ret_problem))
            return false;
    }
    return check_unknown(fields, source, ret_problem) &&
           check_one_of(fields, ret_values, ret_problem) &&
           check_alternatives(fields, ret_values, ret_problem);
}
