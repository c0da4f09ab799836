/* SPDX-License-Identifier: GPL-3.0-or-later */
/* See the header. */
#include "config.h"

#include <string.h>

#include "bridge/base/webhook.h"

#define SECRET_PREFIX "whsec_"

char *webhook_signature(const char *secret, const char *id, gint64 seconds, const char *body)
{
    gsize length = strlen(secret);
    g_autofree guchar *key = g_str_has_prefix(secret, SECRET_PREFIX)
                                 ? g_base64_decode(secret + strlen(SECRET_PREFIX), &length)
                                 : (guchar *)g_strdup(secret);
    g_autoptr(GHmac) hmac = g_hmac_new(G_CHECKSUM_SHA256, key, length);
    g_autofree char *head = g_strdup_printf("%s.%" G_GINT64_FORMAT ".", id, seconds);
    guint8 digest[32];
    gsize size = sizeof digest;
    g_hmac_update(hmac, (const guchar *)head, -1);
    g_hmac_update(hmac, (const guchar *)body, -1);
    g_hmac_get_digest(hmac, digest, &size);
    g_autofree char *text = g_base64_encode(digest, size);
    return g_strconcat("v1,", text, NULL);
}
