/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Objects of view/schema.def as another dialect has them: what its clients call members and values,
 * as rows. Which object stands where is read from schema.def. */
#pragma once

#include <jansson.h>

enum shape_deed {
    SHAPE_CAMEL,  /* every member is called in camelCase; later rules of the type name it so */
    SHAPE_NAME,   /* MEMBER is called WORD */
    SHAPE_VALUE,  /* MEMBER, where it is VALUE, is WORD; "a/b" is member b of a */
    SHAPE_NULL,   /* MEMBER is null */
    SHAPE_FIRST,  /* besides there is WORD, which is the first of "a|b|c" that is not null */
    SHAPE_INSTEAD /* MEMBER stands in place of the object, where that is the whole */
};

#define SHAPE_EVERY "*"

struct shape_rule {
    /* Of schema.def, or SHAPE_EVERY; NULL ends the rules, which are followed in order. */
    const char *type;
    enum shape_deed deed;
    const char *member, *word, *value;
    const char *when,
        *is; /* only of objects whose member WHEN (as MEMBER) is the text IS; NULL: of all */
};

/* How what was shaped is written. */
#define SHAPE_DUMP (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15))

/* VALUE (taken), which is a TYPE as in schema.def, by RULES; the caller owns the result. */
json_t *shape_apply(const struct shape_rule *rules, const char *type, json_t *value);

/* The same of a text: the caller frees the result. NULL: it is no JSON. */
char *shape_text(const struct shape_rule *rules, const char *type, const char *text, size_t length);

/* NAME, which is in camelCase, as it is here; the caller frees it. */
char *shape_snake(const char *name);
