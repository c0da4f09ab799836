/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The stream reader: the result must not depend on how the bytes are cut. The first byte is the
 * size of the pieces; the limits are small so that they are met often. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "xep/stanza_text.h"
#include "xep/stream_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_opened(const char *id, const char *from, void *userdata)
{
    g_string_append_printf(userdata, "opened %s %s\n", id ? id : "-", from ? from : "-");
}

static void on_stanza(xmpp_stanza_t *stanza, void *userdata)
{
    g_autofree char *text = stanza_to_link_text(stanza, NULL);
    g_string_append_printf(userdata, "%s\n", text);
}

static void on_over_limit(const struct stream_header *header, enum stream_limit limit,
                          void *userdata)
{
    g_string_append_printf(userdata, "over %d %s\n", (int)limit, header->name ? header->name : "-");
}

static void on_closed(void *userdata)
{
    g_string_append(userdata, "closed\n");
}

static void on_failed(enum stream_failure failure, const char *text, void *userdata)
{
    (void)text;
    g_string_append_printf(userdata, "failed %d\n", (int)failure);
}

static GString *read_all(const uint8_t *data, size_t size, size_t step)
{
    static const struct stream_limits limits = {
        .stanza_bytes = 400, .elements = 12, .depth = 5, .children = 6, .attributes = 4};
    static const struct stream_callbacks callbacks = {on_opened, on_stanza, on_over_limit,
                                                      on_closed, on_failed};
    GString *log = g_string_new(NULL);
    struct stream_reader *reader = stream_reader_new(&limits, &callbacks, log);
    for (size_t i = 0; i < size; i += step)
        if (!stream_reader_feed(reader, (const char *)data + i, MIN(step, size - i)))
            break;
    stream_reader_free(reader);
    return log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    GString *whole = read_all(data + 1, size - 1, size);
    GString *pieces = read_all(data + 1, size - 1, (size_t)data[0] % 64 + 1);
    if (strcmp(whole->str, pieces->str) != 0)
        abort();
    g_string_free(whole, TRUE);
    g_string_free(pieces, TRUE);
    return 0;
}
