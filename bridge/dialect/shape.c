/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The one function that follows the rows, through whatever schema.def says is inside. */
#include "config.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/base/words.h"
#include "bridge/dialect/shape.h"

enum row_kind { ROW_OBJECT, ROW_MEMBER, ROW_PAGE };

static const struct row {
    enum row_kind kind;
    const char *name;
    const char *type; /* of a member, or of a page's items */
} rows[] = {
#define TRESTLE_SCHEMA(name, summary) {ROW_OBJECT, name, NULL},
#define TRESTLE_MEMBER(name, type) {ROW_MEMBER, name, type},
#define TRESTLE_PAGE(name, type) {ROW_PAGE, name, type},
#include "bridge/view/schema.def"
};

/* ---- Names ----------------------------------------------------------------------------------- */

static char *name_camel(const char *name)
{
    GString *camel = g_string_new(NULL);
    for (const char *p = name; *p; p++) {
        bool joins = *p == '_' && p > name && g_ascii_islower(p[1]);
        g_string_append_c(camel, joins ? g_ascii_toupper(*++p) : *p);
    }
    return g_string_free(camel, FALSE);
}

char *shape_snake(const char *name)
{
    GString *snake = g_string_new(NULL);
    for (const char *p = name; *p; p++) {
        if (g_ascii_isupper(*p))
            g_string_append_c(snake, '_');
        g_string_append_c(snake, g_ascii_tolower(*p));
    }
    return g_string_free(snake, FALSE);
}

/* ---- Rules ----------------------------------------------------------------------------------- */

static void members_camel(json_t *object)
{
    json_t *renamed = json_object();
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        g_autofree char *camel = name_camel(name);
        json_object_set(renamed, camel, value);
    }
    json_object_clear(object);
    json_object_update(object, renamed);
    json_decref(renamed);
}

static void member_rename(json_t *object, const char *from, const char *to)
{
    json_t *value = json_object_get(object, from);
    if (!value)
        return;
    json_object_set(object, to, value);
    json_object_del(object, from);
}

static void value_replace(json_t *object, const char *member, const char *value, const char *word)
{
    const char *rest = strchr(member, '/');
    g_autofree char *first = g_strndup(member, rest ? (gsize)(rest - member) : strlen(member));
    json_t *found = json_object_get(object, first);
    if (rest)
        value_replace(found, rest + 1, value, word);
    else if (g_strcmp0(json_string_value(found), value) == 0)
        json_object_set_new(object, first, json_string(word));
}

static void first_add(json_t *object, const char *members, const char *name)
{
    g_auto(GStrv) names = g_strsplit(members, "|", -1);
    json_t *found = NULL;
    for (guint i = 0; names[i] && (!found || json_is_null(found)); i++)
        found = json_object_get(object, names[i]);
    if (found)
        json_object_set(object, name, found);
}

/* "a/b" is member b of a. */
static const json_t *member_at(const json_t *object, const char *path)
{
    const char *rest = strchr(path, '/');
    g_autofree char *first = g_strndup(path, rest ? (gsize)(rest - path) : strlen(path));
    const json_t *found = json_object_get(object, first);
    return rest ? member_at(found, rest + 1) : found;
}

static void rule_follow(const struct shape_rule *rule, json_t *object)
{
    const json_t *when = rule->when ? member_at(object, rule->when) : NULL;
    if (rule->when && g_strcmp0(json_string_value(when), rule->is) != 0)
        return;
    switch (rule->deed) {
    case SHAPE_CAMEL:
        members_camel(object);
        break;
    case SHAPE_NAME:
        member_rename(object, rule->member, rule->word);
        break;
    case SHAPE_VALUE:
        value_replace(object, rule->member, rule->value, rule->word);
        break;
    case SHAPE_NULL:
        if (json_object_get(object, rule->member))
            json_object_set_new(object, rule->member, json_null());
        break;
    case SHAPE_FIRST:
        first_add(object, rule->member, rule->word);
        break;
    case SHAPE_INSTEAD:
    default:
        break;
    }
}

/* ---- Types ----------------------------------------------------------------------------------- */

static void value_shape(const struct shape_rule *rules, const char *type, json_t *value);

static void object_shape(const struct shape_rule *rules, const char *name, json_t *object)
{
    size_t i = 0;
    while (i < G_N_ELEMENTS(rows) &&
           (rows[i].kind == ROW_MEMBER || strcmp(rows[i].name, name) != 0))
        i++;
    if (i < G_N_ELEMENTS(rows) && rows[i].kind == ROW_PAGE) {
        json_t *items = json_object_get(object, "items");
        for (size_t n = 0; n < json_array_size(items); n++)
            value_shape(rules, rows[i].type, json_array_get(items, n));
    }
    for (i++; i < G_N_ELEMENTS(rows) && rows[i].kind == ROW_MEMBER; i++) {
        g_autofree char *member = g_strndup(rows[i].name, strcspn(rows[i].name, "?"));
        value_shape(rules, rows[i].type, json_object_get(object, member));
    }
    for (const struct shape_rule *rule = rules; rule->type; rule++) {
        if (strcmp(rule->type, name) == 0 || strcmp(rule->type, SHAPE_EVERY) == 0)
            rule_follow(rule, object);
    }
}

static void alternatives_shape(const struct shape_rule *rules, const char *names, json_t *object)
{
    g_auto(GStrv) list = g_strsplit(names, "|", -1);
    for (guint i = 0; list[i]; i++)
        object_shape(rules, list[i], object);
}

/* What is no object of schema.def, or not there, stays as it is. */
static void value_shape(const struct shape_rule *rules, const char *type, json_t *value)
{
    size_t length = strlen(type);
    if (length > 1 && type[length - 1] == '?')
        length--;
    g_autofree char *inner =
        type[0] == '[' && length > 2 ? g_strndup(type + 1, length - 2) : g_strndup(type, length);
    if (type[0] == '[') {
        for (size_t i = 0; i < json_array_size(value); i++)
            value_shape(rules, inner, json_array_get(value, i));
    } else if (g_ascii_isupper(inner[0]) && json_is_object(value)) {
        alternatives_shape(rules, inner, value);
    }
}

json_t *shape_apply(const struct shape_rule *rules, const char *type, json_t *value)
{
    value_shape(rules, type, value);
    for (const struct shape_rule *rule = rules; rule->type; rule++) {
        if (rule->deed != SHAPE_INSTEAD || strcmp(rule->type, type) != 0)
            continue;
        json_t *inside = json_incref(json_object_get(value, rule->member));
        if (inside) {
            json_decref(value);
            return inside;
        }
    }
    return value;
}

char *shape_text(const struct shape_rule *rules, const char *type, const char *text, size_t length)
{
    json_t *value = json_loadb(text, length, JSON_ALLOW_NUL, NULL);
    if (!value)
        return NULL;
    value = shape_apply(rules, type, value);
    char *dumped = json_dumps(value, SHAPE_DUMP);
    json_decref(value);
    char *shaped = g_strdup(dumped);
    free(dumped);
    return shaped;
}
