/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the server's <stream:error/> means for the next attempt, and what the operator can do. */
#pragma once

#include <strophe.h>

enum retry_pace {
    RETRY_BACKOFF, /* 0.2 s, doubling to 30 s */
    RETRY_SLOW,    /* 30 s: trying again soon cannot help, or would do harm */
};

struct stream_error {
    const char *condition;     /* of RFC 6120 section 4.9.3 */
    enum retry_pace before_up; /* pace when it comes instead of the handshake's answer */
    enum retry_pace when_up;   /* pace when it ends an established link */
    const char *advice;        /* for the log, NULL when there is nothing to mend */
};

/* The row for ELEMENT, a <stream:error/>; static storage, never NULL. Its condition is
 * "undefined-condition" when ELEMENT names none that is known. */
const struct stream_error *stream_error_parse(xmpp_stanza_t *element);
