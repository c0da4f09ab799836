/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0425 moderated message retraction. */
#include "config.h"

#include <string.h>

#include "xep/0421_occupant_id.h"
#include "xep/0422_fastening.h"
#include "xep/0425_moderation.h"

static struct moderator read_moderator(xmpp_stanza_t *moderated)
{
    return (struct moderator){.by = stanza_attr(moderated, "by"),
                              .occupant_id = occupant_id_parse(moderated)};
}

bool moderator_parse(xmpp_stanza_t *parent, struct moderator *ret)
{
    xmpp_stanza_t *moderated = stanza_child(parent, "moderated", NS_MODERATE);
    if (moderated)
        *ret = read_moderator(moderated);
    return moderated != NULL;
}

static void fill_moderated(xmpp_stanza_t *moderated, const struct moderator *moderator)
{
    stanza_set(moderated, "by", moderator->by);
    if (moderator->occupant_id)
        occupant_id_add(moderated, moderator->occupant_id);
}

void moderator_add(xmpp_stanza_t *parent, const struct moderator *moderator)
{
    fill_moderated(stanza_add(parent, "moderated", NS_MODERATE), moderator);
}

static void add_reason(xmpp_stanza_t *parent, const struct moderation *moderation)
{
    if (moderation->reason)
        stanza_add_text(parent, "reason", stanza_ns(parent), moderation->reason);
}

/* The fastened {NS_MODERATE_OLD}NAME, which says that a message is to be retracted. */
static bool read_old(xmpp_stanza_t *stanza, const char *name, struct moderation *ret)
{
    struct fastening fastening;
    if (!fastening_parse(stanza, name, NS_MODERATE_OLD, &fastening) ||
        !stanza_child(fastening.payload, "retract", NS_RETRACT_OLD))
        return false;
    *ret = (struct moderation){
        .id = fastening.id,
        .moderator = read_moderator(fastening.payload),
        .reason = stanza_child_text(fastening.payload, "reason", NS_MODERATE_OLD),
        .old = true,
    };
    return true;
}

static void add_old(xmpp_stanza_t *stanza, const char *name, const struct moderation *moderation)
{
    xmpp_stanza_t *fastened = fastening_add(stanza, moderation->id);
    xmpp_stanza_t *payload = stanza_add(fastened, name, NS_MODERATE_OLD);
    fill_moderated(payload, &moderation->moderator);
    stanza_add(payload, "retract", NS_RETRACT_OLD);
    add_reason(payload, moderation);
}

bool moderation_request_parse(xmpp_stanza_t *iq, struct moderation *ret)
{
    if (!stanza_is(iq, "iq", NS_CLIENT) || g_strcmp0(stanza_attr(iq, "type"), "set") != 0)
        return false;
    xmpp_stanza_t *element = stanza_child_having(iq, "moderate", NS_MODERATE, "id");
    if (!element)
        return read_old(iq, "moderate", ret);
    if (!stanza_child(element, "retract", NS_RETRACT))
        return false;
    *ret = (struct moderation){.id = stanza_attr(element, "id"),
                               .reason = stanza_child_text(element, "reason", NS_MODERATE)};
    return true;
}

void moderation_add_request(xmpp_stanza_t *iq, const struct moderation *moderation)
{
    if (moderation->old) {
        add_old(iq, "moderate", moderation);
        return;
    }
    xmpp_stanza_t *element = stanza_add(iq, "moderate", NS_MODERATE);
    stanza_set(element, "id", moderation->id);
    stanza_add(element, "retract", NS_RETRACT);
    add_reason(element, moderation);
}

bool moderation_parse(xmpp_stanza_t *message, struct moderation *ret)
{
    xmpp_stanza_t *element = stanza_child_having(message, "retract", NS_RETRACT, "id");
    struct moderator moderator;
    if (!element || !moderator_parse(element, &moderator))
        return read_old(message, "moderated", ret);
    *ret = (struct moderation){.id = stanza_attr(element, "id"),
                               .moderator = moderator,
                               .reason = stanza_child_text(element, "reason", NS_RETRACT)};
    return true;
}

void moderation_add(xmpp_stanza_t *message, const struct moderation *moderation)
{
    xmpp_stanza_t *element = stanza_add(message, "retract", NS_RETRACT);
    stanza_set(element, "id", moderation->id);
    moderator_add(element, &moderation->moderator);
    add_reason(element, moderation);
    add_old(message, "moderated", moderation);
}
