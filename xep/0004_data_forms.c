/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0004 data forms. */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "xep/0004_data_forms.h"

static void field_free(void *pointer)
{
    struct data_field *field = pointer;
    g_ptr_array_unref(field->values);
    g_free(field);
}

struct data_form *data_form_new(const char *type)
{
    struct data_form *form = g_new0(struct data_form, 1);
    form->type = type;
    form->fields = g_ptr_array_new_with_free_func(field_free);
    form->owned = g_ptr_array_new_with_free_func(g_free);
    return form;
}

void data_form_free(struct data_form *form)
{
    if (!form)
        return;
    g_ptr_array_unref(form->fields);
    g_ptr_array_unref(form->owned);
    g_free(form);
}

struct data_field *data_form_find(const struct data_form *form, const char *var)
{
    for (guint i = 0; i < form->fields->len; i++) {
        struct data_field *field = form->fields->pdata[i];
        if (strcmp(field->var, var) == 0)
            return field;
    }
    return NULL;
}

static struct data_field *add_field(struct data_form *form, const char *var, const char *type)
{
    struct data_field *field = g_new0(struct data_field, 1);
    field->var = var;
    field->type = type;
    field->values = g_ptr_array_new();
    g_ptr_array_add(form->fields, field);
    return field;
}

static void add_value(struct data_form *form, struct data_field *field, const char *value)
{
    if (field->values->len < DATA_FORM_VALUES_MAX)
        g_ptr_array_add(field->values, (gpointer)(uintptr_t)value);
    else
        form->has_more = true;
}

void data_form_put_field(struct data_form *form, const char *var, const char *type)
{
    if (!data_form_find(form, var))
        add_field(form, var, type);
}

void data_form_put(struct data_form *form, const char *var, const char *type, const char *value)
{
    struct data_field *field = data_form_find(form, var);
    if (!field)
        field = add_field(form, var, type);
    add_value(form, field, value);
}

void data_form_put_number(struct data_form *form, const char *var, const char *type,
                          uint64_t number)
{
    char *text = g_strdup_printf("%" G_GUINT64_FORMAT, (guint64)number);
    g_ptr_array_add(form->owned, text);
    data_form_put(form, var, type, text);
}

const char *data_form_own(struct data_form *form, char *text)
{
    g_ptr_array_add(form->owned, text);
    return text;
}

bool data_form_flag_parse(const char *value, bool *ret)
{
    bool is_set = strcmp(value, "1") == 0 || strcmp(value, "true") == 0;
    if (!is_set && strcmp(value, "0") != 0 && strcmp(value, "false") != 0)
        return false;
    *ret = is_set;
    return true;
}

const char *data_form_value(const struct data_form *form, const char *var)
{
    struct data_field *field = data_form_find(form, var);
    return field && field->values->len > 0 ? field->values->pdata[0] : NULL;
}

const char *data_form_form_type(const struct data_form *form)
{
    struct data_field *field = data_form_find(form, "FORM_TYPE");
    if (!field || !field->type || strcmp(field->type, "hidden") != 0)
        return NULL;
    return data_form_value(form, "FORM_TYPE");
}

struct data_form *data_form_parse(xmpp_stanza_t *x)
{
    if (!stanza_is(x, "x", NS_DATA))
        return NULL;
    struct data_form *form = data_form_new(stanza_attr(x, "type"));
    for (xmpp_stanza_t *child = stanza_first(x); child; child = stanza_next(child)) {
        const char *var = stanza_attr(child, "var");
        if (!var || !stanza_is(child, "field", NS_DATA) || data_form_find(form, var))
            continue;
        if (form->fields->len == DATA_FORM_FIELDS_MAX) {
            form->has_more = true;
            break;
        }
        struct data_field *field = add_field(form, var, stanza_attr(child, "type"));
        for (xmpp_stanza_t *value = stanza_first(child); value; value = stanza_next(value))
            if (stanza_is(value, "value", NS_DATA))
                add_value(form, field, stanza_text(value));
    }
    return form;
}

static void validate_add(xmpp_stanza_t *element, const struct data_field *field)
{
    xmpp_stanza_t *validate = stanza_add(element, "validate", NS_VALIDATE);
    stanza_set(validate, "datatype", field->datatype);
    if (!field->minimum && !field->maximum) {
        stanza_add(validate, "basic", NS_VALIDATE);
        return;
    }
    xmpp_stanza_t *range = stanza_add(validate, "range", NS_VALIDATE);
    stanza_set(range, "min", field->minimum);
    stanza_set(range, "max", field->maximum);
}

static void option_add(xmpp_stanza_t *element, const char *option)
{
    xmpp_stanza_t *choice = stanza_add(element, "option", NS_DATA);
    stanza_set(choice, "label", option);
    stanza_add_text(choice, "value", NS_DATA, option);
}

static void field_add(xmpp_stanza_t *x, const struct data_field *field)
{
    xmpp_stanza_t *element = stanza_add(x, "field", NS_DATA);
    stanza_set(element, "type", field->type);
    stanza_set(element, "var", field->var);
    stanza_set(element, "label", field->label);
    if (field->description)
        stanza_add_text(element, "desc", NS_DATA, field->description);
    if (field->is_required)
        stanza_add(element, "required", NS_DATA);
    if (field->datatype)
        validate_add(element, field);
    for (const char *const *option = field->options; option && *option; option++)
        option_add(element, *option);
    for (guint i = 0; i < field->values->len; i++)
        stanza_add_text(element, "value", NS_DATA, field->values->pdata[i]);
}

void data_form_add(xmpp_stanza_t *parent, const struct data_form *form)
{
    xmpp_stanza_t *x = stanza_add(parent, "x", NS_DATA);
    stanza_set(x, "type", form->type);
    if (form->title)
        stanza_add_text(x, "title", NS_DATA, form->title);
    if (form->instructions)
        stanza_add_text(x, "instructions", NS_DATA, form->instructions);
    for (guint i = 0; i < form->fields->len; i++)
        field_add(x, form->fields->pdata[i]);
}
