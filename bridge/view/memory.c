/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What owns facts that were read. */
#include "config.h"

#include <string.h>

#include "bridge/view/view.h"

#define BLOCK_SIZE 16384

struct view_block {
    struct view_block *older;
};

/* SIZE bytes for a struct. */
static void *memory_take(struct view_memory *memory, gsize size)
{
    gsize wanted = (size + sizeof(gint64) - 1) & ~(sizeof(gint64) - 1);
    if (wanted > memory->left) {
        gsize length = MAX(wanted, BLOCK_SIZE);
        struct view_block *block = g_malloc(sizeof *block + length);
        block->older = memory->blocks;
        memory->blocks = block;
        memory->next = (char *)(block + 1);
        memory->left = length;
    }
    void *taken = memory->next;
    memory->next += wanted;
    memory->left -= wanted;
    return taken;
}

char *memory_text(struct view_memory *memory, const char *bytes, gsize length)
{
    char *text = memory_take(memory, length + 1);
    memcpy(text, bytes, length);
    text[length] = '\0';
    return text;
}

void view_memory_clear(struct view_memory *memory)
{
    while (memory->blocks) {
        struct view_block *block = memory->blocks;
        memory->blocks = block->older;
        g_free(block);
    }
    *memory = (struct view_memory){0};
}

void *memory_structs(struct view_memory *memory, const struct view_type *type, unsigned count)
{
    void *view = memory_take(memory, type->size * count);
    memset(view, 0, type->size * count);
    return view;
}
