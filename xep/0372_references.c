/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0372 references. */
#include "config.h"

#include <string.h>

#include "xep/0372_references.h"

static const char *const types[] = {[REFERENCE_MENTION] = "mention", [REFERENCE_DATA] = "data"};

static bool read_reference(xmpp_stanza_t *element, struct reference *ret)
{
    struct reference reference = {.uri = stanza_attr(element, "uri"),
                                  .anchor = stanza_attr(element, "anchor")};
    reference.has_range = stanza_attr(element, "begin") || stanza_attr(element, "end");
    if (!reference.uri || !*reference.uri ||
        (reference.has_range && !range_parse(element, "begin", &reference.range)))
        return false;
    *ret = reference;
    return true;
}

size_t references_parse(xmpp_stanza_t *message, enum reference_type type,
                        struct reference ret[REFERENCES_MAX])
{
    size_t count = 0;
    for (xmpp_stanza_t *child = stanza_first(message); child && count < REFERENCES_MAX;
         child = stanza_next(child)) {
        const char *said = stanza_attr(child, "type");
        if (!stanza_is(child, "reference", NS_REFERENCE) || !said ||
            strcmp(said, types[type]) != 0 || !read_reference(child, &ret[count]))
            continue;
        ret[count++].type = type;
    }
    return count;
}

void reference_add(xmpp_stanza_t *message, const struct reference *reference)
{
    xmpp_stanza_t *element = stanza_add(message, "reference", NS_REFERENCE);
    stanza_set(element, "type", types[reference->type]);
    stanza_set(element, "uri", reference->uri);
    stanza_set(element, "anchor", reference->anchor);
    if (reference->has_range)
        range_set(element, "begin", &reference->range);
}
