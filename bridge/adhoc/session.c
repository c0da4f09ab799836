/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sessions of commands. */
#include "config.h"

#include <string.h>

#include "bridge/adhoc/session.h"
#include "bridge/base/clock.h"
#include "bridge/core/operation.h"
#include "bridge/core/request.h"

#define SESSIONS_MAX 256
#define OWNER_MAX 8
#define LIFETIME (10 * 60 * G_USEC_PER_SEC) /* since the last step */

static GHashTable *sessions; /* id → struct adhoc_session *, owned */

static void session_free(gpointer data)
{
    struct adhoc_session *session = data;
    g_free(session->owner);
    json_decref(session->values);
    g_free(session);
}

static bool session_is_over(const struct adhoc_session *session)
{
    return !session->is_running && clock_monotonic() - session->touched > LIFETIME;
}

/* Only when there are many: one that comes late is still told that it has expired. */
static void sessions_prune(void)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, sessions);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (session_is_over(value))
            g_hash_table_iter_remove(&iter);
    }
}

/* Whether two addresses are of one account: a resource more is no more room. */
static bool is_same_account(const char *one, const char *other)
{
    size_t length = strcspn(one, "/");
    return length == strcspn(other, "/") && strncmp(one, other, length) == 0;
}

static void owner_make_room(const char *owner)
{
    GHashTableIter iter;
    gpointer value;
    struct adhoc_session *oldest = NULL;
    unsigned count = 0;
    g_hash_table_iter_init(&iter, sessions);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct adhoc_session *session = value;
        if (!is_same_account(session->owner, owner) || session->is_running)
            continue;
        count++;
        if (!oldest || session->touched < oldest->touched)
            oldest = session;
    }
    if (count >= OWNER_MAX)
        adhoc_session_end(oldest);
}

struct adhoc_session *adhoc_session_new(const char *owner, const struct operation *operation)
{
    if (!sessions)
        sessions = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, session_free);
    owner_make_room(owner);
    if (g_hash_table_size(sessions) >= SESSIONS_MAX)
        sessions_prune();
    if (g_hash_table_size(sessions) >= SESSIONS_MAX)
        return NULL;
    struct adhoc_session *session = g_new0(struct adhoc_session, 1);
    uuid_generate_text(session->id);
    session->owner = g_strdup(owner);
    session->operation = operation;
    session->form = 1;
    session->values = json_object();
    for (size_t i = 0; operation->adhoc->given && operation->adhoc->given[i][0]; i++)
        json_object_set_new(session->values, operation->adhoc->given[i][0],
                            json_string(operation->adhoc->given[i][1]));
    session->touched = clock_monotonic();
    g_hash_table_insert(sessions, session->id, session);
    return session;
}

enum session_state adhoc_session_find(const char *id, const char *owner,
                                      const struct operation *operation,
                                      struct adhoc_session **ret_session)
{
    struct adhoc_session *session = sessions ? g_hash_table_lookup(sessions, id) : NULL;
    if (!session || session->operation != operation || strcmp(session->owner, owner) != 0 ||
        session->is_running)
        return SESSION_UNKNOWN;
    if (session_is_over(session)) {
        adhoc_session_end(session);
        return SESSION_EXPIRED;
    }
    session->touched = clock_monotonic();
    *ret_session = session;
    return SESSION_FOUND;
}

void adhoc_session_end(struct adhoc_session *session)
{
    g_hash_table_remove(sessions, session->id);
}

void adhoc_sessions_clear(void)
{
    g_clear_pointer(&sessions, g_hash_table_unref);
}
