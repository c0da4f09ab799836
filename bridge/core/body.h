/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON as it comes from outside (RFC 8259), read with the same strictness on every transport. A body
 * is one block of memory: a copy of the text, in which strings are decoded where they stand, and
 * the values that point into it. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#include "bridge/base/error.h"

#define BODY_DEPTH_MAX 32    /* nesting of arrays and objects */
#define BODY_VALUES_MAX 4096 /* members, elements and containers together */

enum value_type {
    VALUE_NULL,
    VALUE_FALSE,
    VALUE_TRUE,
    VALUE_INTEGER,
    VALUE_REAL,
    VALUE_STRING,
    VALUE_ARRAY,
    VALUE_OBJECT
};

struct value {
    enum value_type type;
    const char *name;   /* of an object's member; NULL: it is none */
    const char *text;   /* VALUE_STRING: decoded and NUL-terminated; may hold NULs, too. Else NULL */
    size_t length;      /* of text, in bytes */
    gint64 integer;     /* VALUE_INTEGER */
    struct value *next; /* member or element of the same container */
    struct value *first; /* member or element of this one */
};

struct body; /* reference counted; what is in it lives as long */
typedef struct body trestle_body;

/* Parses the LENGTH bytes at TEXT: UTF-8, one JSON value, no member twice. True and *ret_body (caller
 * owns). Otherwise false with *ret_code, ERROR_BAD_REQUEST for what is not JSON and
 * ERROR_UNPROCESSABLE for strings no text can be (lone surrogates, NUL in a member's name), and
 * *ret_detail, static text. Strings may hold NUL; fields_check refuses those. */
bool body_parse(const char *text, size_t length, struct body **ret_body, enum error_code *ret_code,
                const char **ret_detail);
struct body *body_ref(struct body *body);
void body_unref(struct body *body); /* NULL is fine */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(trestle_body, body_unref)

/* The whole of it; NULL for NULL. */
struct value *body_value(struct body *body);

/* The member of OBJECT called NAME; NULL if there is none, or OBJECT is NULL or no object. */
struct value *value_member(const struct value *object, const char *name);

/* Takes MEMBER out of OBJECT; NULL is fine. */
void value_remove(struct value *object, const struct value *member);
