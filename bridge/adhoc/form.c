/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fields as forms. What a field accepts is decided by core/field.c alone: forms only turn texts
 * into the JSON that it checks. */
#include "config.h"

#include <string.h>

#include "bridge/adhoc/form.h"
#include "bridge/core/request.h"

#define FORM_TYPE_OWN "urn:trestle:admin"

/* ---- Which form asks for what ---------------------------------------------------------------- */

/* 0: none. */
static unsigned step_of(const struct operation *operation, const struct field *field)
{
    const char *const *asked = operation->adhoc->asked;
    return asked && !g_strv_contains(asked, field->name) ? 0 : MAX(field->step, 1);
}

static unsigned steps_of(const struct operation *operation)
{
    unsigned steps = 0;
    for (const struct field *field = operation->fields; field && field->name; field++)
        steps = MAX(steps, step_of(operation, field));
    return steps;
}

unsigned form_count(const struct operation *operation)
{
    return steps_of(operation) + (operation->adhoc->confirm != NULL);
}

static const char *var_of(const struct field *field)
{
    return field->var ? field->var : field->name;
}

static bool is_many(const struct field *field)
{
    return field->type == FIELD_TEXTS || field->type == FIELD_CHOICES ||
           (field->type == FIELD_TEXT && (field->flags & FIELD_PROSE));
}

char *form_label(const char *name)
{
    char *label = g_strdelimit(g_strdup(name), "_.", ' ');
    label[0] = g_ascii_toupper(label[0]);
    return label;
}

/* ---- To fill in ------------------------------------------------------------------------------ */

static const char *form_type_of(const struct field *field)
{
    bool is_address = g_str_has_prefix(var_of(field), "accountjid");
    switch (field->type) {
    case FIELD_BOOLEAN:
        return "boolean";
    case FIELD_CHOICE:
        return "list-single";
    case FIELD_CHOICES:
        return "list-multi";
    case FIELD_TEXTS:
        return is_address ? "jid-multi" : "text-multi";
    case FIELD_TEXT:
        return field->flags & FIELD_PROSE                 ? "text-multi"
               : is_address || (field->flags & FIELD_JID) ? "jid-single"
                                                          : "text-single";
    case FIELD_UUID:
    case FIELD_INTEGER:
    case FIELD_USERS:
    case FIELD_JSON:
    case FIELD_USER:
    default:
        return "text-single";
    }
}

static void bounds_set(struct data_form *form, struct data_field *shown, const struct field *field)
{
    if (field->flags & (FIELD_TIME | FIELD_CLOCK))
        shown->datatype = "xs:dateTime";
    if (field->type != FIELD_INTEGER)
        return;
    shown->datatype = "xs:integer";
    shown->minimum = data_form_own(form, g_strdup_printf("%" G_GINT64_FORMAT, field->minimum));
    if (field->maximum != 0)
        shown->maximum = data_form_own(form, g_strdup_printf("%" G_GINT64_FORMAT, field->maximum));
}

static void lines_put(struct data_form *form, const char *var, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", DATA_FORM_VALUES_MAX);
    for (guint i = 0; lines[i]; i++)
        data_form_put(form, var, NULL, data_form_own(form, g_strdup(lines[i])));
}

static void value_put(struct data_form *form, const struct field *field, const json_t *value)
{
    const char *var = var_of(field);
    size_t i;
    json_t *entry;
    if (json_is_array(value)) {
        json_array_foreach(value, i, entry)
            data_form_put(form, var, NULL, json_string_value(entry));
    } else if (json_is_integer(value)) {
        data_form_put_number(form, var, NULL, (uint64_t)json_integer_value(value));
    } else if (json_is_boolean(value)) {
        data_form_put(form, var, NULL, json_is_true(value) ? "1" : "0");
    } else if (json_is_string(value) && is_many(field)) {
        lines_put(form, var, json_string_value(value));
    } else if (json_is_string(value)) {
        data_form_put(form, var, NULL, json_string_value(value));
    } else if (field->fallback) {
        data_form_put(form, var, NULL, field->fallback);
    }
}

static void field_put(struct data_form *form, const struct field *field, const json_t *values)
{
    data_form_put_field(form, var_of(field), form_type_of(field));
    struct data_field *shown = data_form_find(form, var_of(field));
    shown->label = field->label ? field->label : data_form_own(form, form_label(field->name));
    shown->is_required = field->flags & FIELD_REQUIRED;
    shown->options = field->choices;
    bounds_set(form, shown, field);
    value_put(form, field, json_object_get(values, field->name));
}

/* VALUE as people read it; the caller frees it. */
static char *value_text(const json_t *value)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (json_is_string(value))
        return g_strdup(json_string_value(value));
    if (json_is_boolean(value))
        return g_strdup(json_is_true(value) ? "yes" : "no");
    if (json_is_integer(value))
        return g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *one = json_string_value(json_array_get(value, i));
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", one ? one : "?");
    }
    return g_strdup(text->str);
}

/* What is going to be done, once more. */
static void confirm_put(struct data_form *form, const struct operation *operation,
                        const json_t *values)
{
    const char *name;
    json_t *value;
    unsigned count = 0;
    form->instructions = operation->adhoc->confirm;
    json_object_foreach((json_t *)(uintptr_t)values, name, value)
    {
        g_autofree char *label = form_label(name);
        g_autofree char *text = value_text(value);
        char *line = g_strdup_printf("%s: %s", label, text);
        char *var = g_strdup_printf("confirm-%u", ++count);
        data_form_put(form, data_form_own(form, var), "fixed", data_form_own(form, line));
    }
}

static void form_type_put(struct data_form *form, const struct operation *operation)
{
    bool standard = g_str_has_prefix(operation->adhoc->node, NS_ADMIN "#");
    data_form_put(form, "FORM_TYPE", "hidden", standard ? NS_ADMIN : FORM_TYPE_OWN);
}

struct data_form *form_build(const struct operation *operation, unsigned number,
                             const json_t *values)
{
    struct data_form *form = data_form_new("form");
    form->title = operation->adhoc->name;
    form_type_put(form, operation);
    if (number > steps_of(operation)) {
        confirm_put(form, operation, values);
        return form;
    }
    form->instructions =
        operation->adhoc->instructions ? operation->adhoc->instructions : operation->summary;
    for (const struct field *field = operation->fields; field->name; field++) {
        if (step_of(operation, field) == number)
            field_put(form, field, values);
    }
    return form;
}

/* ---- Filled in ------------------------------------------------------------------------------- */

static json_t *lines_join(const struct data_field *filled)
{
    g_autoptr(GString) text = g_string_new(NULL);
    for (guint i = 0; i < filled->values->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? "\n" : "",
                               (const char *)filled->values->pdata[i]);
    return text->len > 0 ? json_string(text->str) : NULL;
}

static json_t *texts_of(const struct data_field *filled)
{
    json_t *texts = json_array();
    for (guint i = 0; i < filled->values->len; i++) {
        const char *text = filled->values->pdata[i];
        if (*text)
            json_array_append_new(texts, json_string(text));
    }
    return texts;
}

/* TEXT as JSON of the field's type; what cannot be read as that stays text, which is refused. */
static json_t *scalar_of(const struct field *field, const char *text)
{
    gint64 number;
    bool flag;
    if (field->type == FIELD_INTEGER &&
        g_ascii_string_to_signed(text, 10, G_MININT64, G_MAXINT64, &number, NULL))
        return json_integer(number);
    if (field->type == FIELD_BOOLEAN && data_form_flag_parse(text, &flag))
        return json_boolean(flag);
    json_t *json =
        field->type == FIELD_JSON ? json_loads(text, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json)
        return json;
    return json_string(text);
}

static bool problem_set(struct field_problem *ret_problem, const char *var, const char *detail)
{
    ret_problem->code = ERROR_UNPROCESSABLE;
    ret_problem->detail = detail;
    g_snprintf(ret_problem->pointer, sizeof ret_problem->pointer, "/%.60s", var);
    const char *end;
    if (!g_utf8_validate(ret_problem->pointer, -1, &end))
        ret_problem->pointer[end - ret_problem->pointer] = '\0';
    return false;
}

/* Clients send what nobody has touched as an empty text. */
static bool value_take(const struct field *field, const struct data_field *filled, json_t *values,
                       struct field_problem *ret_problem)
{
    const char *first = filled->values->len > 0 ? filled->values->pdata[0] : NULL;
    json_t *value = NULL;
    json_object_del(values, field->name);
    if (field->type == FIELD_TEXTS || field->type == FIELD_CHOICES)
        value = texts_of(filled);
    else if (is_many(field))
        value = lines_join(filled);
    else if (filled->values->len > 1)
        return problem_set(ret_problem, field->name, "has more than one value");
    else if (first && *first)
        value = scalar_of(field, first);
    if (json_is_array(value) && json_array_size(value) == 0 && !(field->flags & FIELD_REQUIRED))
        g_clear_pointer(&value, json_decref);
    if (value)
        json_object_set_new(values, field->name, value);
    return true;
}

static const struct field *field_of_var(const struct operation *operation, unsigned number,
                                        const char *var)
{
    for (const struct field *field = operation->fields; field && field->name; field++) {
        if (step_of(operation, field) == number && strcmp(var_of(field), var) == 0)
            return field;
    }
    return NULL;
}

static bool is_decoration(const struct data_field *filled)
{
    return strcmp(filled->var, "FORM_TYPE") == 0 || g_str_has_prefix(filled->var, "confirm-");
}

static bool values_take(const struct operation *operation, unsigned number,
                        const struct data_form *form, json_t *values,
                        struct field_problem *ret_problem)
{
    if (form->has_more)
        return problem_set(ret_problem, "", "there are too many fields or values");
    for (guint i = 0; i < form->fields->len; i++) {
        const struct data_field *filled = form->fields->pdata[i];
        const struct field *field = field_of_var(operation, number, filled->var);
        if (!field && !is_decoration(filled))
            return problem_set(ret_problem, filled->var, "is not known here");
        if (field && !value_take(field, filled, values, ret_problem))
            return false;
    }
    return true;
}

bool form_read(const struct operation *operation, unsigned number, const struct data_form *form,
               json_t *values, struct field_problem *ret_problem)
{
    struct field asked[REQUEST_VALUES_MAX + 1] = {0};
    struct field_value checked[REQUEST_VALUES_MAX] = {0};
    size_t count = 0;
    if (form && !values_take(operation, number, form, values, ret_problem))
        return false;
    json_t *answers = json_object();
    for (const struct field *field = operation->fields; field && field->name; field++) {
        if (step_of(operation, field) != number)
            continue;
        asked[count++] = *field;
        json_t *value = json_object_get(values, field->name);
        if (value)
            json_object_set(answers, field->name, value);
    }
    struct field_source source = {.object = answers, .everything_in_object = true};
    bool fine = count == 0 || fields_check(asked, &source, checked, ret_problem);
    json_decref(answers);
    return fine;
}

/* ---- By the shell ---------------------------------------------------------------------------- */

static void texts_add(struct data_form *form, const struct field *field, const json_t *texts)
{
    bool is_list = field->type == FIELD_TEXTS || field->type == FIELD_CHOICES;
    size_t count = json_is_array(texts) ? json_array_size(texts) : 1;
    for (size_t i = 0; i < count; i++) {
        const char *text =
            json_string_value(json_is_array(texts) ? json_array_get(texts, i) : texts);
        g_auto(GStrv) parts = text ? g_strsplit(text, is_list ? "," : "\n", -1) : NULL;
        if (!is_list && !is_many(field)) {
            data_form_put(form, var_of(field), NULL, text ? text : "");
            continue;
        }
        for (guint k = 0; parts && parts[k]; k++)
            data_form_put(form, var_of(field), NULL, data_form_own(form, g_strdup(parts[k])));
    }
}

static const struct field *field_of_name(const struct operation *operation, const char *name)
{
    for (const struct field *field = operation->fields; field && field->name; field++) {
        if (strcmp(field->name, name) == 0 || strcmp(var_of(field), name) == 0)
            return field;
    }
    return NULL;
}

bool form_read_texts(const struct operation *operation, const json_t *fields, json_t *values,
                     struct field_problem *ret_problem)
{
    const char *name;
    json_t *texts;
    json_object_foreach((json_t *)(uintptr_t)fields, name, texts)
    {
        const struct field *field = field_of_name(operation, name);
        g_autoptr(data_form) form = data_form_new("submit");
        if (!field)
            return problem_set(ret_problem, name, "is not known here");
        texts_add(form, field, texts);
        if (form->has_more)
            return problem_set(ret_problem, name, "has too many values");
        if (form->fields->len > 0 &&
            !value_take(field, form->fields->pdata[0], values, ret_problem))
            return false;
    }
    return true;
}
