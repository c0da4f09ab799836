/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stream header and handshake (XEP-0114), and the refusal of what is too large. */
#include "config.h"

#include <glib.h>
#include <string.h>

#include "bridge/xmpp/link_text.h"
#include "xep/stanza.h"

char *link_text_header(const char *domain)
{
    g_autofree char *to = g_markup_escape_text(domain, -1);
    return g_strdup_printf("<?xml version='1.0'?><stream:stream xmlns='" NS_COMPONENT
                           "' xmlns:stream='" NS_STREAM "' to='%s'>",
                           to);
}

char *link_text_handshake(const char *stream_id, const char *secret)
{
    g_autoptr(GChecksum) sha1 = g_checksum_new(G_CHECKSUM_SHA1);
    g_checksum_update(sha1, (const guchar *)stream_id, (gssize)strlen(stream_id));
    g_checksum_update(sha1, (const guchar *)secret, (gssize)strlen(secret));
    return g_strdup_printf("<handshake>%s</handshake>", g_checksum_get_string(sha1));
}

xmpp_stanza_t *link_text_refusal(const struct stream_header *header)
{
    bool iq = g_strcmp0(header->name, "iq") == 0;
    bool asks = g_strcmp0(header->type, "get") == 0 || g_strcmp0(header->type, "set") == 0;
    bool plain =
        g_strcmp0(header->name, "message") == 0 || g_strcmp0(header->name, "presence") == 0;
    bool answerable = iq ? asks : plain && g_strcmp0(header->type, "error") != 0;
    if (!answerable || g_strcmp0(header->ns, NS_CLIENT) != 0)
        return NULL;
    g_autoptr(xmpp_stanza_t) stanza = stanza_new(header->name, NULL);
    stanza_set(stanza, "from", header->from);
    stanza_set(stanza, "to", header->to);
    stanza_set(stanza, "id", header->id);
    stanza_set(stanza, "type", header->type);
    return stanza_reply_error(stanza, "modify", "policy-violation", "The stanza is too large");
}
