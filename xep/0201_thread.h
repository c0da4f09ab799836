/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 6121 section 5.2.5 and XEP-0201: message threads. */
#pragma once

#include "xep/stanza.h"

/* Borrowed. */
struct thread {
    const char *id;     /* not empty */
    const char *parent; /* the thread of which it is a branch; NULL: none */
};

bool thread_parse(xmpp_stanza_t *message, struct thread *ret);
void thread_add(xmpp_stanza_t *message, const struct thread *thread);
