/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "plugin/profanity/recent.h"

/* What is shown borrows from what is owned. */
struct kept {
    struct said said;
    char *id, *who, *text, *thread;
};

struct chat {
    char *address;
    GQueue said; /* newest first */
};

static GQueue chats; /* the one that spoke last first */

static void kept_free(void *data)
{
    struct kept *kept = data;
    g_free(kept->id);
    g_free(kept->who);
    g_free(kept->text);
    g_free(kept->thread);
    g_free(kept);
}

static void chat_free(void *data)
{
    struct chat *chat = data;
    g_queue_clear_full(&chat->said, kept_free);
    g_free(chat->address);
    g_free(chat);
}

static GList *chat_link(const char *address)
{
    for (GList *link = chats.head; link; link = link->next) {
        const struct chat *chat = link->data;
        if (strcmp(chat->address, address) == 0)
            return link;
    }
    return NULL;
}

/* The chat, moved to the front; made if need be. */
static struct chat *chat_touch(const char *address)
{
    GList *link = chat_link(address);
    if (link) {
        g_queue_unlink(&chats, link);
        g_queue_push_head_link(&chats, link);
        return link->data;
    }
    struct chat *chat = g_new0(struct chat, 1);
    chat->address = g_strdup(address);
    g_queue_push_head(&chats, chat);
    if (g_queue_get_length(&chats) > RECENT_CHATS)
        chat_free(g_queue_pop_tail(&chats));
    return chat;
}

void recent_add(const char *chat, const struct said *said)
{
    struct chat *place = chat_touch(chat);
    struct kept *kept = g_new(struct kept, 1);
    *kept = (struct kept){.id = g_strdup(said->id),
                          .who = g_strdup(said->who),
                          .text = g_strdup(said->text),
                          .thread = g_strdup(said->thread)};
    kept->said = (struct said){kept->id, kept->who, kept->text, kept->thread, said->own};
    g_queue_push_head(&place->said, kept);
    if (g_queue_get_length(&place->said) > RECENT_MAX)
        kept_free(g_queue_pop_tail(&place->said));
}

const struct said *recent_nth(const char *chat, unsigned number)
{
    GList *link = chat_link(chat);
    struct chat *place = link ? link->data : NULL;
    const struct kept *kept =
        place && number > 0 ? g_queue_peek_nth(&place->said, number - 1) : NULL;
    return kept ? &kept->said : NULL;
}

static struct kept *kept_find(const char *chat, const char *id)
{
    GList *link = chat_link(chat);
    struct chat *place = link ? link->data : NULL;
    for (GList *each = place ? place->said.head : NULL; each; each = each->next) {
        struct kept *kept = each->data;
        if (strcmp(kept->id, id) == 0)
            return kept;
    }
    return NULL;
}

const struct said *recent_find(const char *chat, const char *id)
{
    const struct kept *kept = kept_find(chat, id);
    return kept ? &kept->said : NULL;
}

void recent_change(const char *chat, const char *id, const char *text)
{
    struct kept *kept = kept_find(chat, id);
    if (!kept)
        return;
    g_free(kept->text);
    kept->said.text = kept->text = g_strdup(text ? text : "(taken back)");
}

void recent_clear(void)
{
    g_queue_clear_full(&chats, chat_free);
}
