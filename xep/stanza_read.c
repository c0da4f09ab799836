/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanzas that were kept as text, read again. */
#include "config.h"

#include <string.h>

#include "xep/stanza_read.h"
#include "xep/stream_reader.h"

/* What was read: one stanza, or WRONG. */
struct reading {
    xmpp_stanza_t *stanza;
    bool wrong;
};

static void stream_opened(const char *id, const char *from, void *userdata)
{
    (void)id;
    (void)from;
    (void)userdata;
}

static void stanza_read(xmpp_stanza_t *stanza, void *userdata)
{
    struct reading *reading = userdata;
    if (reading->stanza)
        reading->wrong = true;
    else
        reading->stanza = xmpp_stanza_clone(stanza);
}

static void limit_passed(const struct stream_header *header, enum stream_limit limit,
                         void *userdata)
{
    (void)header;
    (void)limit;
    ((struct reading *)userdata)->wrong = true;
}

static void stream_closed(void *userdata)
{
    ((struct reading *)userdata)->wrong = true;
}

static void stream_failed(enum stream_failure failure, const char *text, void *userdata)
{
    (void)failure;
    (void)text;
    ((struct reading *)userdata)->wrong = true;
}

xmpp_stanza_t *stanza_from_text(const char *text, size_t length)
{
    static const char head[] =
        "<stream:stream xmlns='" NS_CLIENT "' xmlns:stream='http://etherx.jabber.org/streams'>";
    static const struct stream_callbacks callbacks = {stream_opened, stanza_read, limit_passed,
                                                      stream_closed, stream_failed};
    /* What was within the limits when it came may have grown by what was written out. */
    struct stream_limits limits = STREAM_LIMITS_DEFAULT;
    limits.stanza_bytes *= 4;
    struct reading reading = {0};
    struct stream_reader *reader = stream_reader_new(&limits, &callbacks, &reading);
    stream_reader_feed(reader, head, sizeof head - 1);
    stream_reader_feed(reader, text, length);
    stream_reader_free(reader);
    if (!reading.wrong)
        return reading.stanza;
    if (reading.stanza)
        xmpp_stanza_release(reading.stanza);
    return NULL;
}
