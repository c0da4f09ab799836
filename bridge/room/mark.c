/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What app users have read is shown to the XMPP users in a private room (XEP-0333), as theirs is
 * shown to app users. A marker is worth something now only: marks are gathered, and the last of
 * each reader goes out once. */
#include "config.h"

#include <glib.h>

#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/room/groupchat.h"
#include "xep/0333_markers.h"
#include "xep/0334_hints.h"

#define PACE_SECONDS 1
#define WAITING_MAX 4096 /* readers; what is beyond is not shown */

/* Who has read, and up to where. */
struct reading {
    struct uuid conversation, user; /* the key */
    struct uuid message;
};

struct marks {
    struct core *core;
    GHashTable *waiting; /* struct reading → itself */
    guint timer;         /* 0 while nobody waits */
};

static const struct part part;

static guint reading_hash(gconstpointer data)
{
    const struct reading *reading = data;
    return uuid_hash(&reading->conversation) * 31 + uuid_hash(&reading->user);
}

static gboolean reading_equal(gconstpointer a, gconstpointer b)
{
    const struct reading *one = a, *other = b;
    return uuid_equal(&one->conversation, &other->conversation) &&
           uuid_equal(&one->user, &other->user);
}

/* The rows are those who are in the room. */
static void readers_found(const struct rows *rows, enum error_code error, void *data)
{
    struct core *core = data;
    g_autoptr(xmpp_stanza_t) message = NULL;
    for (int row = 0; error == ERROR_NONE && row < rows_count(rows); row++) {
        struct groupchat envelope = {.room = rows_text(rows, row, ROOM_MARK_ROOM),
                                     .nick = rows_text(rows, row, ROOM_MARK_NICK),
                                     .to = rows_text(rows, row, ROOM_MARK_ADDRESS),
                                     .id = rows_text(rows, row, ROOM_MARK_ID),
                                     .occupant_id = rows_text(rows, row, ROOM_MARK_OCCUPANT)};
        if (!message) {
            message = groupchat_new(&envelope);
            marker_add(message, MARKER_DISPLAYED, rows_text(rows, row, ROOM_MARK_MESSAGE));
            hints_add(message, HINT_NO_STORE);
        }
        xmpp_stanza_set_to(message, envelope.to);
        stanza_out(core, message);
    }
}

static gboolean on_pace(gpointer data)
{
    struct marks *marks = data;
    GHashTableIter iter;
    gpointer key;
    marks->timer = 0;
    g_hash_table_iter_init(&iter, marks->waiting);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const struct reading *reading = key;
        char conversation[UUID_TEXT_SIZE], user[UUID_TEXT_SIZE], message[UUID_TEXT_SIZE];
        uuid_format(&reading->conversation, conversation);
        uuid_format(&reading->user, user);
        uuid_format(&reading->message, message);
        const char *values[] = {conversation, user, message};
        archive_query(marks->core->archive, QUERY_ROOM_MARK, values, readers_found, marks->core);
    }
    g_hash_table_remove_all(marks->waiting);
    return G_SOURCE_REMOVE;
}

static void on_read(struct core *core, const struct uuid *conversation, const struct uuid *user,
                    const struct uuid *message)
{
    struct marks *marks = part_state(core, &part);
    const struct reading key = {.conversation = *conversation, .user = *user, .message = *message};
    struct reading *known = g_hash_table_lookup(marks->waiting, &key);
    if (known)
        known->message = *message;
    else if (g_hash_table_size(marks->waiting) < WAITING_MAX)
        g_hash_table_add(marks->waiting, g_memdup2(&key, sizeof key));
    if (marks->timer == 0)
        marks->timer = g_timeout_add_seconds(PACE_SECONDS, on_pace, marks);
}

static const struct part part = {.name = "room_mark", .member_read = on_read};

static void marks_start(struct core *core)
{
    if (!service_domain(core->options, SERVICE_ROOMS))
        return;
    struct marks *marks = g_new0(struct marks, 1);
    marks->core = core;
    marks->waiting = g_hash_table_new_full(reading_hash, reading_equal, g_free, NULL);
    part_add(core, &part, marks);
}

static void marks_stop(struct core *core)
{
    struct marks *marks = part_remove(core, &part);
    if (!marks)
        return;
    if (marks->timer > 0)
        g_source_remove(marks->timer);
    g_hash_table_unref(marks->waiting);
    g_free(marks);
}

const struct feature feature_room_mark = {
    .name = "room_mark", .part = &part, .start = marks_start, .stop = marks_stop};
