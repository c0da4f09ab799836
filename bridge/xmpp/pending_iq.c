/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of pending IQ requests: a map by id and an order by deadline. */
#include "config.h"

#include <string.h>

#include "bridge/base/id.h"
#include "bridge/xmpp/pending_iq.h"

#define ID_BYTES 16 /* random; a guess is hopeless */

struct request {
    char *id;
    char *to;
    gint64 deadline;
    GSequenceIter *place; /* in by_deadline */
    pending_iq_answer_function answer;
    void *data;
};

struct pending_iq {
    GHashTable *by_id;      /* id → struct request, owned */
    GSequence *by_deadline; /* the same requests, borrowed */
    guint ceiling;
};

static void request_free(struct request *request)
{
    g_free(request->id);
    g_free(request->to);
    g_free(request);
}

static gint compare_deadlines(gconstpointer a, gconstpointer b, gpointer unused)
{
    const struct request *first = a;
    const struct request *second = b;
    (void)unused;
    return (first->deadline > second->deadline) - (first->deadline < second->deadline);
}

struct pending_iq *pending_iq_new(guint ceiling)
{
    struct pending_iq *table = g_new0(struct pending_iq, 1);
    table->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    table->by_deadline = g_sequence_new(NULL);
    table->ceiling = ceiling;
    return table;
}

void pending_iq_free(struct pending_iq *table)
{
    if (!table)
        return;
    pending_iq_fail_all(table);
    g_hash_table_unref(table->by_id);
    g_sequence_free(table->by_deadline);
    g_free(table);
}

const char *pending_iq_add(struct pending_iq *table, const char *to, gint64 deadline,
                           pending_iq_answer_function answer, void *data)
{
    if (g_hash_table_size(table->by_id) >= table->ceiling)
        return NULL;
    struct request *request = g_new0(struct request, 1);
    request->id = random_hex(ID_BYTES);
    request->to = g_strdup(to);
    request->deadline = deadline;
    request->answer = answer;
    request->data = data;
    request->place = g_sequence_insert_sorted(table->by_deadline, request, compare_deadlines, NULL);
    g_hash_table_insert(table->by_id, request->id, request);
    return request->id;
}

/* Out of the table, so that its callback may do what it likes there. */
static void request_detach(struct pending_iq *table, struct request *request)
{
    g_hash_table_remove(table->by_id, request->id);
    g_sequence_remove(request->place);
    request->place = NULL;
}

static void request_finish(struct request *request, xmpp_stanza_t *result)
{
    request->answer(result, request->data);
    request_free(request);
}

void pending_iq_forget(struct pending_iq *table, const char *id)
{
    struct request *request = g_hash_table_lookup(table->by_id, id);
    if (!request)
        return;
    request_detach(table, request);
    request_free(request);
}

/* Servers prepare addresses (case folding) before they answer, so an address that was asked as
 * Bob@Example.org comes back in lower case. Resources are compared byte by byte. */
static bool same_address(const char *a, const char *b)
{
    size_t bare = strcspn(a, "/");
    return strcspn(b, "/") == bare && g_ascii_strncasecmp(a, b, bare) == 0 &&
           strcmp(a + bare, b + bare) == 0;
}

bool pending_iq_answer(struct pending_iq *table, xmpp_stanza_t *result)
{
    const char *id = xmpp_stanza_get_id(result);
    const char *from = xmpp_stanza_get_from(result);
    struct request *request = id && from ? g_hash_table_lookup(table->by_id, id) : NULL;
    if (!request || !same_address(request->to, from))
        return false;
    request_detach(table, request);
    request_finish(request, result);
    return true;
}

/* Ends the requests up to DEADLINE. They are all taken out before the first callback runs: one that
 * asks again at once must not keep this going. */
static void fail_until(struct pending_iq *table, gint64 deadline)
{
    g_autoptr(GPtrArray) ended = g_ptr_array_new();
    while (!g_sequence_is_empty(table->by_deadline)) {
        struct request *request = g_sequence_get(g_sequence_get_begin_iter(table->by_deadline));
        if (request->deadline > deadline)
            break;
        request_detach(table, request);
        g_ptr_array_add(ended, request);
    }
    for (guint i = 0; i < ended->len; i++)
        request_finish(g_ptr_array_index(ended, i), NULL);
}

void pending_iq_expire(struct pending_iq *table, gint64 now)
{
    fail_until(table, now);
}

void pending_iq_fail_all(struct pending_iq *table)
{
    fail_until(table, G_MAXINT64);
}

guint pending_iq_count(const struct pending_iq *table)
{
    return g_hash_table_size(table->by_id);
}

gint64 pending_iq_next_deadline(const struct pending_iq *table)
{
    if (g_sequence_is_empty(table->by_deadline))
        return G_MAXINT64;
    const struct request *first = g_sequence_get(g_sequence_get_begin_iter(table->by_deadline));
    return first->deadline;
}
