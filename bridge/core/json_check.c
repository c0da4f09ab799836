/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects inside of what apps send. */
#include "config.h"

#include <string.h>

#include "bridge/base/text.h"
#include "bridge/core/json_check.h"
#include "xep/visible.h"

json_t *json_refuse(struct field_problem *problem, const char *name, const char *detail)
{
    if (problem->detail)
        return NULL;
    problem->detail = detail;
    if (name) {
        g_strlcat(problem->pointer, "/", sizeof problem->pointer);
        g_strlcat(problem->pointer, name, sizeof problem->pointer);
    }
    return NULL;
}

bool json_has_only(const json_t *value, const char *const *names, struct field_problem *problem)
{
    const char *key;
    json_t *member;
    if (!json_is_object(value)) {
        json_refuse(problem, NULL, "must be an object");
        return false;
    }
    json_object_foreach((json_t *)(guintptr)value, key, member)
    {
        if (!g_strv_contains(names, key)) {
            json_refuse(problem, NULL, "has a member that is not known here");
            return false;
        }
    }
    return true;
}

const char *json_get_text(const json_t *object, const char *name, size_t most,
                          struct field_problem *problem)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    size_t length = json_string_length(value);
    if (!value || json_is_null(value))
        return NULL;
    if (!text || length == 0)
        json_refuse(problem, name, "must be a text that is not empty");
    else if (length > most)
        json_refuse(problem, name, "is too long");
    else if (!text_is_xml_safe(text, length))
        json_refuse(problem, name, "holds characters that cannot be carried");
    else if (!text_is_visible(text, length))
        json_refuse(problem, name, "shows nothing");
    else
        return text;
    return NULL;
}

bool json_is_xml_safe(const json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    if (json_is_string(value))
        return text_is_xml_safe(json_string_value(value), json_string_length(value));
    json_array_foreach(value, i, member)
    {
        if (!json_is_xml_safe(member))
            return false;
    }
    json_object_foreach((json_t *)(guintptr)value, key, member)
    {
        if (!text_is_xml_safe(key, strlen(key)) || !json_is_xml_safe(member))
            return false;
    }
    return true;
}
