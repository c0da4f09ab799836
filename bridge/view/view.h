/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The objects of the API, in between: SQL says their facts as values of the types of sql/type,
 * which are the structs here; schema.def says how each fact is shown. One reader for all rows, one
 * for JSON (what changes and stored events hand over), one writer. */
#pragma once

#include "bridge/base/buffer.h"
#include "bridge/base/id.h"
#include "bridge/base/json_writer.h"
#include "bridge/view/memory.h"

/* Parts of one kind: structs, one after another. */
struct view_list {
    unsigned count;
    const void *items;
};

/* Facts are borrowed. Texts may be NULL, ids nil, times (wall clock, microseconds) 0: missing. JSON
 * is text. written, if not NULL, is the object as it was written before; nothing else counts then.
 */
#define VIEW_TYPE_UUID struct uuid
#define VIEW_TYPE_TEXT const char *
#define VIEW_TYPE_INTEGER gint64
#define VIEW_TYPE_TIME gint64
#define VIEW_TYPE_BOOLEAN bool
#define VIEW_TYPE_JSON const char *
#define TRESTLE_VIEW(view)                                                                         \
    struct view {                                                                                  \
        const char *written;
#define TRESTLE_FACT(view, name, kind) VIEW_TYPE_##kind name;
#define TRESTLE_PART(view, name, other) const struct other *name;
#define TRESTLE_PARTS(view, name, other) struct view_list name;
#define TRESTLE_VIEW_END(view)                                                                     \
    }                                                                                              \
    ;
#include "bridge/view/types.def"
#undef TRESTLE_VIEW
#undef TRESTLE_FACT
#undef TRESTLE_PART
#undef TRESTLE_PARTS
#undef TRESTLE_VIEW_END

enum view_kind {
    VIEW_UUID,
    VIEW_TEXT,
    VIEW_INTEGER,
    VIEW_TIME,
    VIEW_BOOLEAN,
    VIEW_JSON,
    VIEW_PART,
    VIEW_PARTS
};

struct view_fact {
    const char *name;
    enum view_kind kind;
    gsize offset;
    const struct view_type *other; /* of parts */
};

struct view_type {
    const char *name; /* of the SQL type */
    gsize size;       /* of the struct */
    const struct view_fact *facts;
    unsigned count;
};

/* The type of each struct: view_of_user_view … */
#define TRESTLE_VIEW(view) extern const struct view_type view_of_##view;
#define TRESTLE_FACT(view, name, kind)
#define TRESTLE_PART(view, name, other)
#define TRESTLE_PARTS(view, name, other)
#define TRESTLE_VIEW_END(view)
#include "bridge/view/types.def"
#undef TRESTLE_VIEW
#undef TRESTLE_FACT
#undef TRESTLE_PART
#undef TRESTLE_PARTS
#undef TRESTLE_VIEW_END

/* ---- Writing --------------------------------------------------------------------------------- */

/* An OBJECT of schema.def. */
struct view_schema;

/* NULL: there is none of that name. */
const struct view_schema *view_schema_find(const char *name);
const struct view_type *view_schema_type(const struct view_schema *schema);

/* Writes VIEW (NULL: null), a struct of the schema's type, as a value. */
void view_write(struct json_writer *json, const struct view_schema *schema, const void *view);

/* The same into BUF, by the schema's name. */
void view_object(struct buffer *buf, const char *schema, const void *view);

/* The schema of the items of a PAGE of schema.def; NULL: there is no such page, or of no OBJECT. */
const struct view_schema *view_page_item(const char *name);

#define VIEW_OBJECT_MAX                                                                            \
    (32 * 1024 * 1024) /* bytes of an object or a page; what is stored has bounds */

/* Whether REPLY (may be NULL) names an OBJECT, or a PAGE of one. */
bool view_is(const char *reply);

/* VIEW written, as text: for what is shown several times. */
const char *view_written(const struct view_schema *schema, const void *view,
                         struct view_memory *memory);
