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
    return form;
}

void data_form_free(struct data_form *form)
{
    if (!form)
        return;
    g_ptr_array_unref(form->fields);
    g_free(form);
}

static struct data_field *find_field(const struct data_form *form, const char *var)
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

static void add_value(struct data_field *field, const char *value)
{
    if (field->values->len < DATA_FORM_VALUES_MAX)
        g_ptr_array_add(field->values, (gpointer)(uintptr_t)value);
}

void data_form_put(struct data_form *form, const char *var, const char *type, const char *value)
{
    struct data_field *field = find_field(form, var);
    if (!field)
        field = add_field(form, var, type);
    add_value(field, value);
}

/* The first value of a field, or NULL. */
static const char *data_form_value(const struct data_form *form, const char *var)
{
    struct data_field *field = find_field(form, var);
    return field && field->values->len > 0 ? field->values->pdata[0] : NULL;
}

const char *data_form_form_type(const struct data_form *form)
{
    struct data_field *field = find_field(form, "FORM_TYPE");
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
        if (!var || !stanza_is(child, "field", NS_DATA) || find_field(form, var))
            continue;
        if (form->fields->len == DATA_FORM_FIELDS_MAX)
            break;
        struct data_field *field = add_field(form, var, stanza_attr(child, "type"));
        for (xmpp_stanza_t *value = stanza_first(child); value; value = stanza_next(value))
            if (stanza_is(value, "value", NS_DATA))
                add_value(field, stanza_text(value));
    }
    return form;
}

void data_form_add(xmpp_stanza_t *parent, const struct data_form *form)
{
    xmpp_stanza_t *x = stanza_add(parent, "x", NS_DATA);
    stanza_set(x, "type", form->type);
    for (guint i = 0; i < form->fields->len; i++) {
        const struct data_field *field = form->fields->pdata[i];
        xmpp_stanza_t *element = stanza_add(x, "field", NS_DATA);
        stanza_set(element, "type", field->type);
        stanza_set(element, "var", field->var);
        for (guint j = 0; j < field->values->len; j++)
            stanza_add_text(element, "value", NS_DATA, field->values->pdata[j]);
    }
}
