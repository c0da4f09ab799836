/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What our reader of JSON has made, as a tree of jansson's: to be compared with what that makes. */
#pragma once

#include <jansson.h>

#include "bridge/core/body.h"

/* A new reference; NULL for NULL. Of VALUE_REAL only that it is one is known. */
static inline json_t *value_to_json(const struct value *value)
{
    json_t *json;
    switch (value ? value->type : VALUE_NULL) {
    case VALUE_FALSE:
    case VALUE_TRUE:
        return json_boolean(value->type == VALUE_TRUE);
    case VALUE_INTEGER:
        return json_integer(value->integer);
    case VALUE_REAL:
        return json_real(0.5);
    case VALUE_STRING:
        return json_stringn(value->text, value->length);
    case VALUE_ARRAY:
        json = json_array();
        for (const struct value *v = value->first; v; v = v->next)
            json_array_append_new(json, value_to_json(v));
        return json;
    case VALUE_OBJECT:
        json = json_object();
        for (const struct value *v = value->first; v; v = v->next)
            json_object_set_new(json, v->name, value_to_json(v));
        return json;
    case VALUE_NULL:
    default:
        return value ? json_null() : NULL;
    }
}
