/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What owns facts that were read. */
#pragma once

#include <glib.h>

struct view_type;

/* Owns what is read, until it is cleared. Begins zeroed. */
struct view_memory {
    struct view_block *blocks;
    char *next;
    gsize left;
};
typedef struct view_memory view_memory;
void view_memory_clear(struct view_memory *memory);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(view_memory, view_memory_clear)

/* A copy of LENGTH bytes, as text; COUNT structs of TYPE, zeroed. */
char *memory_text(struct view_memory *memory, const char *bytes, gsize length);
void *memory_structs(struct view_memory *memory, const struct view_type *type, unsigned count);
