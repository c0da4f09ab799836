/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every namespace the codecs know, by XEP. */
#pragma once

/* Streams (RFC 6120, XEP-0114). In memory the content namespace is always NS_CLIENT: the stream
 * reader turns NS_COMPONENT into it and stanza_to_link_text() turns it back. */
#define NS_CLIENT "jabber:client"
#define NS_COMPONENT "jabber:component:accept"
#define NS_STREAM "http://etherx.jabber.org/streams"
#define NS_STREAM_ERRORS "urn:ietf:params:xml:ns:xmpp-streams"
#define NS_STANZA_ERRORS "urn:ietf:params:xml:ns:xmpp-stanzas"

#define NS_DATA "jabber:x:data"                                 /* 0004 */
#define NS_LAST "jabber:iq:last"                                /* 0012 */
#define NS_DISCO_INFO "http://jabber.org/protocol/disco#info"   /* 0030 */
#define NS_DISCO_ITEMS "http://jabber.org/protocol/disco#items" /* 0030 */
#define NS_VCARD "vcard-temp"                                   /* 0054 */
#define NS_PUBSUB "http://jabber.org/protocol/pubsub"              /* 0060 */
#define NS_PUBSUB_EVENT NS_PUBSUB "#event"
#define NS_PUBSUB_ERRORS NS_PUBSUB "#errors"
#define NS_AVATAR_DATA "urn:xmpp:avatar:data"                   /* 0084 */
#define NS_AVATAR_METADATA "urn:xmpp:avatar:metadata"
#define NS_CHAT_STATES "http://jabber.org/protocol/chatstates"  /* 0085 */
#define NS_VERSION "jabber:iq:version"                          /* 0092 */
#define NS_CAPS "http://jabber.org/protocol/caps"               /* 0115 */
#define NS_VCARD_UPDATE "vcard-temp:x:update"                   /* 0153 */
#define NS_NICK "http://jabber.org/protocol/nick"               /* 0172 */
#define NS_RECEIPTS "urn:xmpp:receipts"                         /* 0184 */
#define NS_PING "urn:xmpp:ping"                                 /* 0199 */
#define NS_TIME "urn:xmpp:time"                                 /* 0202 */
#define NS_DELAY "urn:xmpp:delay"                               /* 0203 */
#define FORM_SOFTWARE "urn:xmpp:dataforms:softwareinfo"         /* 0232 */
#define NS_CARBONS "urn:xmpp:carbons:2"                         /* 0280 */
#define NS_FORWARD "urn:xmpp:forward:0"                         /* 0297 */
#define NS_VCARD4 "urn:ietf:params:xml:ns:vcard-4.0"            /* 0292 */
#define NODE_VCARD4 "urn:xmpp:vcard4"
#define NS_IDLE "urn:xmpp:idle:1"                               /* 0319 */
#define NS_MARKERS "urn:xmpp:chat-markers:0"                    /* 0333 */
#define NS_HINTS "urn:xmpp:hints"                               /* 0334 */
#define NS_SID "urn:xmpp:sid:0"                                 /* 0359 */

/* The project's own: docs/namespaces.md. */
#define NS_IN_CALL "urn:trestle:presence:0"
