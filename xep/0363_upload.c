/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0363 HTTP File Upload. */
#include "config.h"

#include <string.h>

#include "xep/0363_upload.h"

bool upload_request_parse(xmpp_stanza_t *iq, struct upload_request *ret)
{
    xmpp_stanza_t *request = stanza_child(iq, "request", NS_HTTP_UPLOAD);
    const char *name = request ? stanza_attr(request, "filename") : NULL;
    const char *size = request ? stanza_attr(request, "size") : NULL;
    guint64 number = 0;
    if (!name || !*name || !size ||
        !g_ascii_string_to_unsigned(size, 10, 1, G_MAXINT64, &number, NULL))
        return false;
    *ret = (struct upload_request){name, number, stanza_attr(request, "content-type")};
    return true;
}

xmpp_stanza_t *upload_slot_build(xmpp_stanza_t *iq, const char *put, const char *get)
{
    xmpp_stanza_t *reply = stanza_reply_result(iq);
    if (!reply)
        return NULL;
    xmpp_stanza_t *slot = stanza_add(reply, "slot", NS_HTTP_UPLOAD);
    stanza_set(stanza_add(slot, "put", NS_HTTP_UPLOAD), "url", put);
    stanza_set(stanza_add(slot, "get", NS_HTTP_UPLOAD), "url", get);
    return reply;
}

xmpp_stanza_t *upload_too_large_build(xmpp_stanza_t *iq, uint64_t most)
{
    xmpp_stanza_t *reply = stanza_reply_error(iq, "modify", "not-acceptable", NULL);
    xmpp_stanza_t *error = reply ? stanza_child(reply, "error", stanza_ns(reply)) : NULL;
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, most);
    if (!error)
        return reply;
    xmpp_stanza_t *large = stanza_add(error, "file-too-large", NS_HTTP_UPLOAD);
    xmpp_stanza_t *size = stanza_add(large, "max-file-size", NS_HTTP_UPLOAD);
    stanza_put_text(size, text, strlen(text));
    return reply;
}
