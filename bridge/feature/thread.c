/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads: what is said about one message (RFC 6121 section 5.2.5, XEP-0201). On XMPP a message of
 * a thread is an answer, too, for clients that know no threads. */
#include "config.h"

#include <string.h>

#include "bridge/core/content.h"
#include "bridge/core/feature.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0201_thread.h"

#define THREAD_ID_MAX 255

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

const struct feature feature_thread = {.name = "thread", .contents = contents};
