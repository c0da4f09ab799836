/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0084 user avatars. */
#include "config.h"

#include <string.h>

#include "xep/0084_avatar.h"

static void set_number(xmpp_stanza_t *element, const char *attribute, guint64 number)
{
    char text[24];
    g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, number);
    if (number > 0)
        stanza_set(element, attribute, text);
}

static guint64 get_number(xmpp_stanza_t *element, const char *attribute)
{
    const char *text = stanza_attr(element, attribute);
    guint64 number = 0;
    if (text && !g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32, &number, NULL))
        number = 0;
    return number;
}

void avatar_metadata_add(xmpp_stanza_t *item, const struct avatar_info *info)
{
    xmpp_stanza_t *metadata = stanza_add(item, "metadata", NS_AVATAR_METADATA);
    if (!info->id)
        return;
    xmpp_stanza_t *element = stanza_add(metadata, "info", NS_AVATAR_METADATA);
    stanza_set(element, "id", info->id);
    stanza_set(element, "type", info->type);
    set_number(element, "bytes", info->bytes);
    set_number(element, "width", info->width);
    set_number(element, "height", info->height);
}

/* How good a picture INFO names; 0: none that can be had. One whose id cannot be the SHA-1 that
 * section 4.2 asks for will not fit its data. */
static int rank_info(xmpp_stanza_t *info)
{
    const char *id = stanza_attr(info, "id");
    const char *type = stanza_attr(info, "type");
    if (!id || stanza_attr(info, "url"))
        return 0;
    bool is_digest = strlen(id) == 40 && strspn(id, "0123456789abcdefABCDEF") == 40;
    bool is_png = type && strcmp(type, "image/png") == 0;
    return 1 + 2 * is_digest + is_png;
}

bool avatar_metadata_parse(xmpp_stanza_t *metadata, struct avatar_info *ret)
{
    if (!stanza_is(metadata, "metadata", NS_AVATAR_METADATA))
        return false;
    xmpp_stanza_t *best = NULL;
    int best_rank = 0;
    bool any = false;
    for (xmpp_stanza_t *info = stanza_first(metadata); info; info = stanza_next(info)) {
        if (!stanza_is(info, "info", NS_AVATAR_METADATA))
            continue;
        any = true;
        int rank = rank_info(info);
        best = rank > best_rank ? info : best;
        best_rank = MAX(rank, best_rank);
    }
    if (any && !best)
        return false;
    *ret = (struct avatar_info){0};
    if (best)
        *ret = (struct avatar_info){.id = stanza_attr(best, "id"),
                                    .type = stanza_attr(best, "type"),
                                    .bytes = get_number(best, "bytes"),
                                    .width = get_number(best, "width"),
                                    .height = get_number(best, "height")};
    return true;
}

void avatar_data_add(xmpp_stanza_t *item, const char *base64)
{
    stanza_add_text(item, "data", NS_AVATAR_DATA, base64);
}

const char *avatar_data_parse(xmpp_stanza_t *data)
{
    return stanza_is(data, "data", NS_AVATAR_DATA) ? stanza_text(data) : NULL;
}
