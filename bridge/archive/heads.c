/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The newest messages of conversations, the one used last at the end of the queue. */
#include "config.h"

#include "bridge/archive/heads.h"

#define HEADS_MAX 32768   /* conversations, about 150 bytes each */
#define STRANGER_DEPTH 10 /* as spam_depth() has it */
#define MISSES_MAX 3 /* after so many, a conversation is not tried again while it is in memory */

struct head {
    struct uuid conversation;
    struct member members[2]; /* as in conversations.member_ids */
    gint64 seq;               /* 0: not known */
    unsigned misses;          /* how often message_put() would not store */
    gint64 of_first;          /* how many messages the first member has written */
    GList link;
};

struct heads {
    GHashTable *known; /* struct head *, a set */
    GQueue order;
};

/* The id is the first member of a head. */
static guint head_hash(gconstpointer key)
{
    return uuid_hash(key);
}

struct heads *heads_new(void)
{
    struct heads *heads = g_new0(struct heads, 1);
    heads->known = g_hash_table_new_full(head_hash, uuid_equal, g_free, NULL);
    return heads;
}

void heads_free(struct heads *heads)
{
    g_hash_table_unref(heads->known);
    g_free(heads);
}

void heads_clear(struct heads *heads)
{
    g_queue_init(&heads->order);
    g_hash_table_remove_all(heads->known);
}

static struct head *head_find(const struct heads *heads, const struct uuid *conversation)
{
    return g_hash_table_lookup(heads->known, conversation);
}

static void head_remove(struct heads *heads, struct head *head)
{
    g_queue_unlink(&heads->order, &head->link);
    g_hash_table_remove(heads->known, head);
}

void heads_forget(struct heads *heads, const struct uuid *conversation)
{
    struct head *head = head_find(heads, conversation);
    if (head)
        head->seq = 0;
}

void heads_miss(struct heads *heads, const struct uuid *conversation)
{
    struct head *head = head_find(heads, conversation);
    if (head)
        head->misses++;
    heads_forget(heads, conversation);
}

/* The columns of a conversation for which message_put() stores nothing are seen by what they cause.
 */
static bool message_is_plain(const struct message_write *m)
{
    if (m->unanswered && m->seq <= STRANGER_DEPTH) /* it is looked at, see spam_judges() */
        return false;
    bool timed = m->seen_facts && !m->details; /* it disappears */
    return m->direct && m->members && m->members->len == 2 && m->sender_seq > 0 && !m->remote_jid &&
           !m->awaited && !m->unaccepted && !m->closed_to && !timed;
}

static struct head *head_add(struct heads *heads, const struct uuid *conversation)
{
    if (heads->order.length >= HEADS_MAX)
        head_remove(heads, heads->order.head->data);
    struct head *head = g_new0(struct head, 1);
    head->conversation = *conversation;
    head->link.data = head;
    g_hash_table_add(heads->known, head);
    g_queue_push_tail_link(&heads->order, &head->link);
    return head;
}

static bool head_first_wrote(const struct head *head, const struct message_write *m)
{
    return uuid_equal(&head->members[0].id, &m->sender);
}

void heads_learn(struct heads *heads, const struct message_write *message)
{
    if (message->write.outcome != OUTCOME_DONE)
        return;
    struct head *head = head_find(heads, &message->conversation);
    if (!message_is_plain(message)) {
        if (head)
            head_remove(heads, head);
        return;
    }
    if (!head)
        head = head_add(heads, &message->conversation);
    if (head->misses >= MISSES_MAX)
        return;
    for (guint i = 0; i < 2; i++)
        head->members[i] = g_array_index(message->members, struct member, i);
    head->seq = message->seq;
    head->of_first =
        head_first_wrote(head, message) ? message->sender_seq : message->seq - message->sender_seq;
}

bool heads_know(const struct heads *heads, const struct message_write *message)
{
    const struct head *head = head_find(heads, &message->conversation);
    return head && head->seq > 0 &&
           (head_first_wrote(head, message) || uuid_equal(&head->members[1].id, &message->sender));
}

void heads_take(struct heads *heads, struct message_write *message)
{
    struct head *head = head_find(heads, &message->conversation);
    bool first = head_first_wrote(head, message);
    head->of_first += first;
    message->seq = ++head->seq;
    message->sender_seq = first ? head->of_first : head->seq - head->of_first;
    message->members = g_array_sized_new(FALSE, FALSE, sizeof(struct member), 2);
    g_array_append_vals(message->members, head->members, 2);
    g_queue_unlink(&heads->order, &head->link);
    g_queue_push_tail_link(&heads->order, &head->link);
}
