/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads: what is said about one message (RFC 6121 section 5.2.5, XEP-0201). On XMPP a message of
 * a thread is an answer, too, for clients that know no threads. */
#include "config.h"

#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/core/content.h"
#include "bridge/core/feature.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0201_thread.h"

#define THREAD_ID_MAX 255

/* ---- Apps ------------------------------------------------------------------------------------ */

static const struct field list_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    FIELD_PAGE_LIMIT(100),
    {.name = "before",
     .type = FIELD_INTEGER,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = G_MAXINT64},
    {0},
};

static const struct field page_fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    FIELD_PAGE_LIMIT(100),
    {.name = "after", .type = FIELD_UUID, .flags = FIELD_IN_QUERY},
    {0},
};

static const struct field update_fields[] = {
    FIELD_ID_IN_PATH("thread_id"),
    {.name = "topic",
     .type = FIELD_TEXT,
     .flags = FIELD_NULLABLE | FIELD_LINE,
     .minimum = 1,
     .maximum = 200},
    {.name = "is_resolved", .type = FIELD_BOOLEAN},
    {0},
};

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/conversations/:conversation_id/threads",
     .limit = LIMIT_PAGES,
     .fields = list_fields,
     .read = QUERY_THREAD_LIST,
     .reply = "ThreadPage",
     .flags = OPERATION_LISTS,
     .summary = "Threads of a conversation, what was written last first"},
    {.method = "GET",
     .path = "/api/messages/:message_id/thread",
     .limit = LIMIT_PAGES,
     .fields = page_fields,
     .read = QUERY_THREAD_PAGE,
     .reply = "MessagePage",
     .flags = OPERATION_LISTS,
     .summary = "What was said in the thread of a message, oldest first"},
    {.method = "PATCH",
     .path = "/api/threads/:thread_id",
     .command = "thread.update",
     .limit = LIMIT_MESSAGES,
     .fields = update_fields,
     .change = "thread_update",
     .reply = "Thread",
     .errors = OPERATION_ERROR(FORBIDDEN),
     .summary = "Gives a thread a topic, or says whether it is resolved"},
    {0},
};

/* ---- XMPP ------------------------------------------------------------------------------------ */

static void thread_put(xmpp_stanza_t *stanza, const struct content_scene *scene,
                       const json_t *value)
{
    (void)scene;
    struct thread thread = {.id = json_string_value(json_object_get(value, "id"))};
    thread_add(stanza, &thread);
}

static void thread_read(const struct stanza_context *context, const struct content_text *said,
                        json_t *details)
{
    (void)said;
    struct thread thread;
    if (!thread_parse(context->stanza, &thread) || strlen(thread.id) > THREAD_ID_MAX)
        return;
    json_object_set_new(details, "thread", json_pack("{s:s}", "id", thread.id));
}

static const struct content contents[] = {
    {.key = "thread", .add = thread_put, .read = thread_read},
    {0},
};

const struct feature feature_thread = {
    .name = "thread", .operations = operations, .contents = contents};
