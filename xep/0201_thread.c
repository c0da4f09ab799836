/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Message threads. */
#include "config.h"

#include "xep/0201_thread.h"

bool thread_parse(xmpp_stanza_t *message, struct thread *ret)
{
    xmpp_stanza_t *element = stanza_child(message, "thread", NS_CLIENT);
    const char *id = element ? stanza_text(element) : "";
    if (!*id)
        return false;
    const char *parent = stanza_attr(element, "parent");
    *ret = (struct thread){.id = id, .parent = parent && *parent ? parent : NULL};
    return true;
}

void thread_add(xmpp_stanza_t *message, const struct thread *thread)
{
    xmpp_stanza_t *element = stanza_add_text(message, "thread", NULL, thread->id);
    stanza_set(element, "parent", thread->parent);
}
