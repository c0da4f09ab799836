/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0513 explicit mentions. */
#include "config.h"

#include <string.h>

#include "xep/0513_mentions.h"

#define EVERYBODY NS_MENTIONS "#channel"

static bool read_mention(xmpp_stanza_t *element, struct mention *ret)
{
    const char *whom = stanza_attr(element, "mentions");
    struct mention mention = {.occupant = stanza_attr(element, "occupantid"),
                              .uri = stanza_attr(element, "uri"),
                              .everybody = whom && strcmp(whom, EVERYBODY) == 0};
    if (mention.everybody + (mention.occupant != NULL) + (mention.uri != NULL) != 1 ||
        !range_parse(element, "begin", &mention.range) || mention.range.end == RANGE_END)
        return false;
    *ret = mention;
    return true;
}

size_t mentions_parse(xmpp_stanza_t *message, struct mention ret[MENTIONS_MAX])
{
    size_t count = 0;
    for (xmpp_stanza_t *child = stanza_first(message); child && count < MENTIONS_MAX;
         child = stanza_next(child)) {
        if (stanza_is(child, "mention", NS_MENTIONS) && read_mention(child, &ret[count]))
            count++;
    }
    return count;
}

void mention_add(xmpp_stanza_t *message, const struct mention *mention)
{
    xmpp_stanza_t *element = stanza_add(message, "mention", NS_MENTIONS);
    range_set(element, "begin", &mention->range);
    stanza_set(element, "occupantid", mention->occupant);
    stanza_set(element, "uri", mention->uri);
    if (mention->everybody)
        stanza_set(element, "mentions", EVERYBODY);
}
