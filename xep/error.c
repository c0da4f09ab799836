/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stanza errors, RFC 6120 section 8.3. */
#include "config.h"

#include <string.h>

#include "xep/error.h"

bool stanza_error_parse(xmpp_stanza_t *stanza, struct stanza_error *ret)
{
    const char *type = stanza_attr(stanza, "type");
    if (!type || strcmp(type, "error") != 0)
        return false;

    struct stanza_error error = {.type = "cancel", .condition = "undefined-condition"};
    xmpp_stanza_t *element = stanza_child(stanza, "error", stanza_ns(stanza));
    if (element) {
        if (stanza_attr(element, "type"))
            error.type = stanza_attr(element, "type");
        error.by = stanza_attr(element, "by");
        error.text = stanza_child_text(element, "text", NS_STANZA_ERRORS);
        for (xmpp_stanza_t *child = stanza_first(element); child; child = stanza_next(child)) {
            if (strcmp(stanza_ns(child), NS_STANZA_ERRORS) == 0 &&
                strcmp(stanza_name(child), "text") != 0) {
                error.condition = stanza_name(child);
                break;
            }
        }
    }
    *ret = error;
    return true;
}
