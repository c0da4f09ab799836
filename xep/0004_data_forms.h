/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0004 data forms, with the types and ranges of XEP-0122. */
#pragma once

#include "xep/stanza.h"

#define DATA_FORM_FIELDS_MAX 100
#define DATA_FORM_VALUES_MAX 100

/* Strings are borrowed from whoever filled the form; the containers are the form's own. */
struct data_field {
    const char *var;
    const char *type;  /* NULL: text-single */
    GPtrArray *values; /* const char * */
    /* Of a form to fill in, only ever written. */
    const char *label;             /* NULL: none */
    const char *description;       /* NULL: none */
    const char *const *options;    /* what may be chosen, ended by NULL; NULL: anything */
    const char *datatype;          /* of XEP-0122 ("xs:integer"); NULL: none */
    const char *minimum, *maximum; /* what a value of DATATYPE may be; NULL: anything */
    bool is_required;
};

typedef struct data_form data_form;
struct data_form {
    const char *type;         /* form, submit, cancel, result */
    const char *title;        /* only ever written; NULL: none */
    const char *instructions; /* likewise */
    bool has_more;            /* fields or values than the limits above: those are not in it */
    GPtrArray *fields;        /* struct data_field * */
    GPtrArray *owned;         /* strings that no one else owns */
};

struct data_form *data_form_new(const char *type);
void data_form_free(struct data_form *form);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(data_form, data_form_free)

/* Adds VALUE to the field VAR, which is made with TYPE (may be NULL) when it is not there yet. */
void data_form_put(struct data_form *form, const char *var, const char *type, const char *value);
/* The field alone, without a value. */
void data_form_put_field(struct data_form *form, const char *var, const char *type);
/* The same as data_form_put() with a number. */
void data_form_put_number(struct data_form *form, const char *var, const char *type,
                          uint64_t number);
/* TEXT, which the form owns from now on. */
const char *data_form_own(struct data_form *form, char *text);
/* The field VAR, borrowed, or NULL. */
struct data_field *data_form_find(const struct data_form *form, const char *var);
/* Its first value, or NULL. */
const char *data_form_value(const struct data_form *form, const char *var);
/* Reads the value of a boolean. False, and *ret untouched, when it is none. */
bool data_form_flag_parse(const char *value, bool *ret);
/* The FORM_TYPE, or NULL when it is missing or (XEP-0068) not a hidden field. */
const char *data_form_form_type(const struct data_form *form);

/* Reads an <x/>; NULL when it is none. Fields and values beyond the limits above are left out. */
struct data_form *data_form_parse(xmpp_stanza_t *x);
void data_form_add(xmpp_stanza_t *parent, const struct data_form *form);
