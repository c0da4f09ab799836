/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For the tests of xep/: one stanza from text, the way the link would read it. */
#pragma once

#include <check.h>
#include <string.h>

#include "xep/stanza_text.h"
#include "xep/stream_reader.h"

static inline void read_opened(const char *id, const char *from, void *userdata)
{
    (void)id;
    (void)from;
    (void)userdata;
}

static inline void read_stanza(xmpp_stanza_t *stanza, void *userdata)
{
    xmpp_stanza_t **ret = userdata;
    if (!*ret)
        *ret = xmpp_stanza_clone(stanza);
}

static inline void read_over_limit(const struct stream_header *header, enum stream_limit limit,
                                   void *userdata)
{
    (void)header;
    (void)userdata;
    ck_abort_msg("over limit %d", (int)limit);
}

static inline void read_closed(void *userdata)
{
    (void)userdata;
}

static inline void read_failed(enum stream_failure failure, const char *text, void *userdata)
{
    (void)failure;
    (void)userdata;
    ck_abort_msg("%s", text);
}

/* The first stanza of TEXT; the caller owns it. */
static inline xmpp_stanza_t *stanza_from(const char *text)
{
    static const struct stream_callbacks callbacks = {read_opened, read_stanza, read_over_limit,
                                                      read_closed, read_failed};
    static const char root[] = "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' "
                               "xmlns='jabber:component:accept'>";
    xmpp_stanza_t *stanza = NULL;
    struct stream_reader *reader = stream_reader_new(&STREAM_LIMITS_DEFAULT, &callbacks, &stanza);
    stream_reader_feed(reader, root, strlen(root));
    stream_reader_feed(reader, text, strlen(text));
    stream_reader_free(reader);
    ck_assert_ptr_nonnull(stanza);
    return stanza;
}

/* Checks what would be written to the link, and releases STANZA. */
static inline void expect_link_text(xmpp_stanza_t *stanza, const char *expected)
{
    ck_assert_ptr_nonnull(stanza);
    g_autofree char *text = stanza_to_link_text(stanza, NULL);
    ck_assert_str_eq(text, expected);
    xmpp_stanza_release(stanza);
}
