/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0060 publish-subscribe, as much of it as personal eventing (XEP-0163) needs: asking for
 * items, answering, and notifications. */
#pragma once

#include "xep/stanza.h"

/* Borrowed. */
struct pubsub_request {
    const char *node;    /* never empty */
    const char *item;    /* id of the wanted item; NULL: all */
    unsigned item_count; /* how many ids were asked for; only the first is in `item` */
};

/* Reads an IQ get for items. */
bool pubsub_request_parse(xmpp_stanza_t *iq, struct pubsub_request *ret);
/* Asks for ITEM (NULL: the last one) of NODE. IQ comes from stanza_new_iq("get", …). */
void pubsub_request_add(xmpp_stanza_t *iq, const char *node, const char *item);

/* Asks for all items of NODE. */
void pubsub_request_all_add(xmpp_stanza_t *iq, const char *node);
/* Makes NODE, which is for the account alone and keeps its items; MANY: as many as the service can,
 * for those that keep one and know that word. IQ comes from stanza_new_iq("set", …). */
void pubsub_create_add(xmpp_stanza_t *iq, const char *node, bool many);
/* Publishes an item with ID in NODE; yields the item, borrowed, which takes the payload. */
xmpp_stanza_t *pubsub_publish_add(xmpp_stanza_t *iq, const char *node, const char *id);

/* Answers IQ; *ret_items (borrowed) takes the items. NULL when IQ must not be answered. */
xmpp_stanza_t *pubsub_build_result(xmpp_stanza_t *iq, const char *node, xmpp_stanza_t **ret_items);
/* A headline with an event; *ret_items (borrowed) takes the items. */
xmpp_stanza_t *pubsub_build_event(const char *from, const char *to, const char *node,
                                  xmpp_stanza_t **ret_items);
/* An item in ITEMS, borrowed; it takes the payload. */
xmpp_stanza_t *pubsub_add_item(xmpp_stanza_t *items, const char *id);
/* An error with pubsub's own CONDITION; NULL when IQ must not be answered. */
xmpp_stanza_t *pubsub_build_error(xmpp_stanza_t *iq, const char *type, const char *condition,
                                  const char *pubsub_condition);

/* Borrowed. */
struct pubsub_item {
    const char *node;
    const char *id;         /* may be NULL */
    xmpp_stanza_t *payload; /* the first element of the item; NULL: none, or retracted */
};

/* The first item of an event message, or of the answer to a request. False: there is none. A node
 * that has been emptied or deleted is an item of an event without id and payload. */
bool pubsub_event_parse(xmpp_stanza_t *message, struct pubsub_item *ret);
bool pubsub_result_parse(xmpp_stanza_t *iq, struct pubsub_item *ret);

#define PUBSUB_ITEMS_MAX 500

/* All items of an event message, or of the answer to a request, as an array of struct pubsub_item;
 * one without payload is a retracted one in an event. Those beyond the limit above are left out:
 * *ret_more tells. NULL: it is neither. */
GArray *pubsub_items_parse(xmpp_stanza_t *stanza, bool *ret_more);
