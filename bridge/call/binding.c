/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "bridge/call/binding.h"
#include "xep/jingle/media.h"

json_t *binding_of(const struct media_description *description)
{
    json_t *bound = json_object();
    for (guint i = 0; i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        const struct media_transport *transport = &content->transport;
        if (!content->rejected && transport->ufrag && transport->fingerprint)
            json_object_set_new(bound, transport->ufrag, json_string(transport->fingerprint));
    }
    return bound;
}

bool binding_allows(const json_t *bound, const json_t *next)
{
    const char *fragment;
    json_t *fingerprint;
    json_object_foreach((json_t *)(guintptr)next, fragment, fingerprint) /* for jansson not const */
    {
        const json_t *known = json_object_get(bound, fragment);
        if (known && !json_equal(known, fingerprint))
            return false;
    }
    return true;
}

/* The fragment in a line that has one as an extension (RFC 8839 section 5.1 leaves room for them,
 * browsers write it); NULL: none. The caller frees. */
static char *fragment_in(const char *line)
{
    static const char name[] = " ufrag ";
    const char *found = line ? strstr(line, name) : NULL;
    const char *value = found ? found + sizeof name - 1 : NULL;
    return value ? g_strndup(value, strcspn(value, " ")) : NULL;
}

bool binding_has(const json_t *bound, const json_t *data)
{
    const char *said = json_string_value(json_object_get(data, "usernameFragment"));
    g_autofree char *in_line = fragment_in(json_string_value(json_object_get(data, "candidate")));
    if (json_object_size(bound) == 0)
        return true;
    return (!said || json_object_get(bound, said)) && (!in_line || json_object_get(bound, in_line));
}
