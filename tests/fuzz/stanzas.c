/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "tests/fuzz/stanzas.h"

#define ROOT                                                                                       \
    "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' "                              \
    "xmlns='jabber:component:accept'>"

static void ignore_opened(const char *id, const char *from, void *userdata)
{
    (void)id;
    (void)from;
    (void)userdata;
}

static void ignore_over_limit(const struct stream_header *header, enum stream_limit limit,
                              void *userdata)
{
    (void)header;
    (void)limit;
    (void)userdata;
}

static void ignore_closed(void *userdata)
{
    (void)userdata;
}

static void ignore_failed(enum stream_failure failure, const char *text, void *userdata)
{
    (void)failure;
    (void)text;
    (void)userdata;
}

void stanzas_feed(const char *data, size_t size, void (*run)(xmpp_stanza_t *stanza, void *userdata),
                  void *userdata)
{
    static const struct stream_limits limits = {
        .stanza_bytes = 1 << 20, .elements = 4096, .depth = 64, .children = 1000, .attributes = 64};
    const struct stream_callbacks callbacks = {ignore_opened, run, ignore_over_limit, ignore_closed,
                                               ignore_failed};
    struct stream_reader *reader = stream_reader_new(&limits, &callbacks, userdata);
    stream_reader_feed(reader, ROOT, strlen(ROOT));
    stream_reader_feed(reader, data, size);
    stream_reader_free(reader);
}
