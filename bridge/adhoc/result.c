/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies as forms. Members of an object are fields; items of a list are rows, with a column for
 * each member of the first one; members of members stand behind a dot. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/adhoc/form.h"
#include "bridge/adhoc/result.h"
#include "bridge/core/request.h"

#define ITEMS_MAX 100
#define DEPTH_MAX 3

/* What XEP-0133 calls the member NAME. */
static const char *var_of(const struct operation *operation, const char *name)
{
    const char *const(*vars)[2] = operation->adhoc->vars;
    for (size_t i = 0; vars && vars[i][0]; i++) {
        if (strcmp(vars[i][0], name) == 0)
            return vars[i][1];
    }
    return name;
}

/* VALUE in words; NULL: nothing. FORM owns what is new. */
static const char *scalar_text(struct data_form *form, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_string_value(value);
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_INTEGER:
        return data_form_own(form,
                             g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value)));
    case JSON_REAL:
        return data_form_own(form, g_strdup_printf("%g", json_real_value(value)));
    case JSON_OBJECT:
    case JSON_ARRAY: {
        char *dump = json_dumps(value, JSON_COMPACT);
        const char *text = data_form_own(form, g_strdup(dump));
        free(dump);
        return text;
    }
    case JSON_NULL:
    default:
        return NULL;
    }
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static bool is_list(const json_t *value)
{
    return json_is_array(value) && json_is_object(json_array_get(value, 0));
}

/* By what people know an item: the first of these members that it has; of a conversation, whom it
 * is with. NULL: by nothing. */
static const char *item_name(const json_t *item)
{
    static const char *const names[] = {"jid",    "name", "room",         "participant", "kind",
                                        "action", "type", "offender_jid", NULL};
    for (size_t i = 0; names[i]; i++) {
        const json_t *value = json_object_get(item, names[i]);
        const char *text = json_is_object(value) ? item_name(value) : json_string_value(value);
        if (text)
            return text;
    }
    return NULL;
}

static const char *item_label(struct data_form *form, const json_t *item, size_t number)
{
    const char *name = item_name(item);
    return data_form_own(form, name ? g_strdup_printf("%zu. %s", number, name)
                                    : g_strdup_printf("%zu.", number));
}

/* "suspended: false", a line for each member that says something. */
static void item_put(struct data_form *form, const char *list, size_t number, const json_t *item)
{
    const char *name;
    json_t *value;
    const char *var = data_form_own(form, g_strdup_printf("%s-%zu", list, number));
    data_form_put_field(form, var, "text-multi");
    data_form_find(form, var)->label = item_label(form, item, number);
    json_object_foreach((json_t *)(uintptr_t)item, name, value)
    {
        const json_t *jid = json_object_get(value, "jid"); /* of a user */
        const char *text = json_is_string(jid) ? json_string_value(jid) : scalar_text(form, value);
        if (!text || !*text || strcmp(text, "[]") == 0)
            continue;
        g_autofree char *line = g_strdup_printf("%s: %s", name, text);
        g_strdelimit(line, "\r\n", ' ');
        data_form_put(form, var, NULL, data_form_own(form, g_strdup(line)));
    }
}

static void items_put(struct data_form *form, const char *list, const json_t *items)
{
    for (size_t i = 0; i < MIN(json_array_size(items), ITEMS_MAX); i++)
        item_put(form, list, i + 1, json_array_get(items, i));
}

/* ---- Objects --------------------------------------------------------------------------------- */

static void field_put(struct data_form *form, const char *var, const char *type)
{
    data_form_put_field(form, var, type);
    data_form_find(form, var)->label = data_form_own(form, form_label(var));
}

static void texts_put(struct data_form *form, const char *var, const json_t *texts)
{
    size_t i;
    json_t *value;
    field_put(form, var, "text-multi");
    json_array_foreach((json_t *)(uintptr_t)texts, i, value)
    {
        const char *text = scalar_text(form, value);
        data_form_put(form, var, NULL, text ? text : "");
    }
}

static void text_put(struct data_form *form, const char *var, const char *text)
{
    bool many = text && strchr(text, '\n');
    field_put(form, var, many ? "text-multi" : "text-single");
    if (!many) {
        data_form_put(form, var, NULL, text ? text : "");
        return;
    }
    g_auto(GStrv) lines = g_strsplit(text, "\n", DATA_FORM_VALUES_MAX);
    for (guint i = 0; lines[i]; i++)
        data_form_put(form, var, NULL, data_form_own(form, g_strdup(lines[i])));
}

static void object_put(struct data_form *form, const struct operation *operation,
                       const json_t *object, const char *prefix, unsigned depth)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value)
    {
        const char *var = *prefix ? data_form_own(form, g_strconcat(prefix, ".", name, NULL))
                                  : var_of(operation, name);
        if (form->fields->len >= 2 * DATA_FORM_FIELDS_MAX)
            return;
        if (is_list(value))
            items_put(form, var, value);
        else if (json_is_array(value))
            texts_put(form, var, value);
        else if (json_is_object(value) && depth < DEPTH_MAX)
            object_put(form, operation, value, var, depth + 1);
        else
            text_put(form, var, scalar_text(form, value));
    }
}

struct data_form *result_build(const struct operation *operation, const json_t *reply)
{
    if (!json_is_object(reply))
        return NULL;
    struct data_form *form = data_form_new("result");
    bool standard = g_str_has_prefix(operation->adhoc->node, NS_ADMIN "#");
    form->title = operation->adhoc->name;
    data_form_put(form, "FORM_TYPE", "hidden", standard ? NS_ADMIN : "urn:trestle:admin");
    object_put(form, operation, reply, "", 0);
    return form;
}

char *result_note(const json_t *reply)
{
    const char *next = json_string_value(json_object_get(reply, "next"));
    if (next && json_is_true(json_object_get(reply, "has_more")))
        return g_strdup_printf("There is more: give the command again, after: %s", next);
    return NULL;
}
