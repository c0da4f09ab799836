/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "xep/jingle/change.h"
#include "xep/jingle/negotiate.h"

unsigned media_changes(const struct media_content *before, const struct media_content *now)
{
    const struct media_transport *old = &before->transport, *new = &now->transport;
    unsigned changes = 0;
    if (before->direction != now->direction)
        changes |= CHANGE_DIRECTION;
    if (g_strcmp0(old->ufrag, new->ufrag) != 0 || g_strcmp0(old->password, new->password) != 0)
        changes |= CHANGE_CREDENTIALS;
    if (g_strcmp0(old->fingerprint, new->fingerprint) != 0)
        changes |= CHANGE_KEY;
    return changes;
}

enum media_direction media_reverse(enum media_direction direction)
{
    static const enum media_direction reverse[] = {[MEDIA_INACTIVE] = MEDIA_INACTIVE,
                                                   [MEDIA_SENDS] = MEDIA_RECEIVES,
                                                   [MEDIA_RECEIVES] = MEDIA_SENDS,
                                                   [MEDIA_BOTH] = MEDIA_BOTH};
    return reverse[direction];
}

bool media_key_is_bound(const struct media_description *description,
                        const struct media_transport *transport)
{
    for (guint i = 0; transport->fingerprint && i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        const struct media_transport *known = &content->transport;
        if (!content->rejected && known->fingerprint &&
            g_strcmp0(known->ufrag, transport->ufrag) == 0 &&
            strcmp(known->fingerprint, transport->fingerprint) != 0)
            return false;
    }
    return true;
}

/* ---- Order ----------------------------------------------------------------------------------- */

/* The content with the mid of ONE, taken out of DESCRIPTION, or a rejected one. NULL: too many. */
static struct media_content *content_take(struct media_description *description,
                                          const struct media_content *one)
{
    for (guint i = 0; i < description->contents->len; i++) {
        const struct media_content *content = description->contents->pdata[i];
        if (g_strcmp0(content->mid, one->mid) == 0)
            return g_ptr_array_steal_index(description->contents, i);
    }
    struct media_content *content = media_content_add(description);
    if (!content)
        return NULL;
    content->mid = media_keep_text(description, one->mid);
    content->name = media_keep_text(description, one->name);
    content->kind = media_keep_text(description, one->kind);
    content->described = content->rejected = true;
    return g_ptr_array_steal_index(description->contents, description->contents->len - 1);
}

bool media_arrange(struct media_description *description, const struct media_description *order)
{
    for (guint i = 0; i < order->contents->len; i++) {
        struct media_content *content = content_take(description, order->contents->pdata[i]);
        if (!content)
            return false;
        g_ptr_array_insert(description->contents, (int)i, content);
    }
    return true;
}

/* ---- Answers and offers ---------------------------------------------------------------------- */

enum media_fault media_answer_again(struct media_description *remote,
                                    const struct media_description *offer)
{
    if (!media_arrange(remote, offer))
        return MEDIA_TOO_MUCH;
    g_ptr_array_set_size(remote->contents, (int)offer->contents->len);
    for (guint i = 0; i < remote->contents->len; i++) {
        struct media_content *content = remote->contents->pdata[i];
        const struct media_content *offered = offer->contents->pdata[i];
        content->direction &= media_reverse(offered->direction);
    }
    return media_fit_answer(remote, offer, false);
}

bool media_offer_again(struct media_description *remote, const struct media_description *local)
{
    if (!media_arrange(remote, local))
        return false;
    for (guint i = remote->contents->len; i-- > local->contents->len;) {
        const struct media_content *content = remote->contents->pdata[i];
        if (content->rejected) /* which nobody has a place for */
            g_ptr_array_remove_index(remote->contents, i);
    }
    for (guint i = 0; i < remote->contents->len; i++) {
        struct media_content *content = remote->contents->pdata[i];
        content->transport.setup = SETUP_ACTPASS;
    }
    return true;
}

void media_settle(struct media_description *remote, const struct media_description *answer)
{
    for (guint i = 0; i < remote->contents->len; i++) {
        struct media_content *content = remote->contents->pdata[i];
        const struct media_content *own = media_content_by_mid(answer, content->mid);
        if (!own)
            continue;
        content->rejected = content->rejected || own->rejected;
        if (content->transport.setup == SETUP_ACTPASS)
            content->transport.setup =
                own->transport.setup == SETUP_ACTIVE ? SETUP_PASSIVE : SETUP_ACTIVE;
    }
}
