/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of codecs, ordered by XEP number. */
#include "config.h"

#include "xep/registry.h"

#define DOMAIN XEP_ENTITY_DOMAIN
#define USER XEP_ENTITY_USER
#define CLIENT XEP_ENTITY_CLIENT
#define ALL (DOMAIN | USER | CLIENT)
#define ROOMS XEP_ENTITY_ROOMS
#define ROOM XEP_ENTITY_ROOM

const struct xep_codec xep_registry[] = {
    {"0004", "2.13.2", "Data Forms", NS_DATA, "x", 0, "fields of discovery answers"},
    {"0012", "2.0", "Last Activity", NS_LAST, "query", ALL, ""},
    {"0027", "1.4", "Current Jabber OpenPGP Usage", NS_PGP, "x", 0, "said to be unreadable"},
    {"0030", "2.5.0", "Service Discovery", NS_DISCO_INFO, "query", ALL | ROOMS | ROOM, ""},
    {"0030", "2.5.0", "Service Discovery", NS_DISCO_ITEMS, "query", DOMAIN | USER | ROOMS | ROOM,
     ""},
    {"0045", "1.35.1", "Multi-User Chat", NS_MUC, "x", ROOMS | ROOM, "hosted groups as rooms"},
    {"0045", "1.35.1", "Multi-User Chat", NS_MUC "#stable_id", NULL, ROOM, ""},
    {"0045", "1.35.1", "Multi-User Chat", NS_MUC_USER, "x", 0, "invitations, in words"},
    {"0054", "1.3.0", "vcard-temp", NS_VCARD, "vCard", USER, "names, note, photo; read only"},
    {"0059", "1.0", "Result Set Management", NS_RSM, "set", ROOM, "pages of archives"},
    {"0060", "1.30.0", "Publish-Subscribe", NS_PUBSUB, "pubsub", 0, "items and events, read only"},
    {"0060", "1.30.0", "Publish-Subscribe", NS_PUBSUB "#access-open", NULL, USER, ""},
    {"0060", "1.30.0", "Publish-Subscribe", NS_PUBSUB "#access-presence", NULL, USER, ""},
    {"0060", "1.30.0", "Publish-Subscribe", NS_PUBSUB "#filtered-notifications", NULL, USER, ""},
    {"0060", "1.30.0", "Publish-Subscribe", NS_PUBSUB "#last-published", NULL, USER, ""},
    {"0060", "1.30.0", "Publish-Subscribe", NS_PUBSUB "#persistent-items", NULL, USER, ""},
    {"0060", "1.30.0", "Publish-Subscribe", NS_PUBSUB "#retrieve-items", NULL, USER, ""},
    {"0066", "1.5", "Out of Band Data", NS_OOB, "x", 0, "links of messages, in words"},
    {"0068", "1.3.0", "Field Standardization for Data Forms", NULL, NULL, 0, ""},
    {"0071", "1.5.4", "XHTML-IM", NS_XHTML_IM, "html", 0, "as plain text, without a body"},
    {"0080", "1.9.1", "User Location", NS_GEOLOC, "geoloc", CLIENT, "of messages, both ways"},
    {"0082", "1.1.1", "XMPP Date and Time Profiles", NULL, NULL, 0, "date-times"},
    {"0084", "1.1.4", "User Avatar", NS_AVATAR_METADATA "+notify", "metadata", CLIENT,
     "PNG, both ways"},
    {"0085", "2.1", "Chat State Notifications", NS_CHAT_STATES, NULL, CLIENT,
     "to peers who were heard of; not stored"},
    {"0092", "1.1", "Software Version", NS_VERSION, "query", DOMAIN | CLIENT, "without os"},
    {"0114", "1.6", "Jabber Component Protocol", NS_COMPONENT, NULL, 0, ""},
    {"0115", "1.6.0", "Entity Capabilities", NS_CAPS, "c", CLIENT, "sha-1"},
    {"0128", "1.0.1", "Service Discovery Extensions", NULL, NULL, 0, ""},
    {"0144", "1.1.1", "Roster Item Exchange", NS_ROSTER_EXCHANGE, "x", 0, "in words"},
    {"0153", "1.1.1", "vCard-Based Avatars", NS_VCARD_UPDATE, "x", 0, "both ways"},
    {"0163", "1.2.2", "Personal Eventing Protocol", NULL, NULL, 0, "avatar, nickname and vCard4"},
    {"0166", "1.1.2", "Jingle", NS_JINGLE, "jingle", CLIENT, "calls of two"},
    {"0167", "1.2.3", "Jingle RTP Sessions", NS_JINGLE_RTP, "description", CLIENT, ""},
    {"0167", "1.2.3", "Jingle RTP Sessions", NS_JINGLE_RTP ":audio", NULL, CLIENT, ""},
    {"0167", "1.2.3", "Jingle RTP Sessions", NS_JINGLE_RTP ":video", NULL, CLIENT, ""},
    {"0172", "1.1", "User Nickname", NS_NICK "+notify", "nick", CLIENT,
     "events and subscription requests, both ways"},
    {"0176", "1.1.1", "Jingle ICE-UDP Transport Method", NS_JINGLE_ICE_UDP, "transport", CLIENT,
     ""},
    {"0184", "1.4.0", "Message Delivery Receipts", NS_RECEIPTS, NULL, CLIENT, ""},
    {"0199", "2.0.1", "XMPP Ping", NS_PING, "ping", ALL | ROOMS | ROOM, ""},
    {"0201", "1.0.1", "Best Practices for Message Threads", NULL, "thread", 0, "both ways"},
    {"0202", "2.0", "Entity Time", NS_TIME, "time", DOMAIN,
     "users' time zones are their own affair"},
    {"0203", "2.0", "Delayed Delivery", NS_DELAY, "delay", 0, ""},
    {"0215", "1.0", "External Service Discovery", NS_EXTDISCO, "services", 0,
     "asked of the XMPP server, for calls"},
    {"0224", "1.0", "Attention", NS_ATTENTION, "attention", 0, "in words"},
    {"0232", "0.3", "Software Information", NULL, NULL, 0, "of the client; without os"},
    {"0249", "1.2", "Direct MUC Invitations", NS_INVITATION, "x", 0, "in words"},
    {"0280", "1.0.1", "Message Carbons", NS_CARBONS, NULL, 0,
     "recognised, to refuse forged copies"},
    {"0292", "0.12.0", "vCard4 Over XMPP", NS_VCARD4, "vcard", USER, "names and note; read only"},
    {"0293", "1.0.2", "Jingle RTP Feedback Negotiation", NS_JINGLE_RTCP_FB, "rtcp-fb", CLIENT, ""},
    {"0294", "1.1.2", "Jingle RTP Header Extensions Negotiation", NS_JINGLE_HDREXT, "rtp-hdrext",
     CLIENT, ""},
    {"0297", "1.0", "Stanza Forwarding", NS_FORWARD, "forwarded", 0, ""},
    {"0308", "1.2.1", "Last Message Correction", NULL, NULL, 0,
     "sent when a poll or a place is over"},
    {"0313", "1.1.1", "Message Archive Management", NS_MAM, "query", ROOM, "archives of rooms"},
    {"0313", "1.1.1", "Message Archive Management", NS_MAM "#extended", NULL, ROOM, ""},
    {"0319", "1.0.2", "Last User Interaction in Presence", NS_IDLE, "idle", CLIENT, ""},
    {"0320", "1.0", "Use of DTLS-SRTP in Jingle Sessions", NS_JINGLE_DTLS, "fingerprint", CLIENT,
     ""},
    {"0333", "1.0.0", "Displayed Markers", NS_MARKERS, NULL, CLIENT, ""},
    {"0334", "1.0.0", "Message Processing Hints", NS_HINTS, NULL, CLIENT, ""},
    {"0335", "0.1.1", "JSON Containers", NS_JSON, "json", 0, "in elements of our own"},
    {"0338", "1.0", "Jingle Grouping Framework", "urn:ietf:rfc:5888", NULL, CLIENT, ""},
    {"0339", "1.0.1", "Source-Specific Media Attributes in Jingle", "urn:ietf:rfc:5576", NULL,
     CLIENT, ""},
    {"0353", "0.8", "Jingle Message Initiation", NS_JINGLE_MESSAGE, NULL, CLIENT, ""},
    {"0359", "0.7.0", "Unique and Stable Stanza IDs", NS_SID, NULL, CLIENT | ROOM, ""},
    {"0372", "0.5.0", "References", NS_REFERENCE, "reference", CLIENT, "mentions, both ways"},
    {"0373", "0.7.1", "OpenPGP for XMPP", NS_OX, "openpgp", 0, "said to be unreadable"},
    {"0380", "0.4.0", "Explicit Message Encryption", NS_EME, "encryption", 0,
     "names what is unreadable"},
    {"0384", "0.8.3", "OMEMO Encryption", NS_OMEMO, "encrypted", 0, "said to be unreadable"},
    {"0385", "0.3.1", "Stateless Inline Media Sharing", NS_SIMS, "media-sharing", 0,
     "links, in words"},
    {"0410", "1.1.0", "MUC Self-Ping (Schrödinger's Chat)", NS_MUC "#self-ping-optimization", NULL,
     ROOM, "answered for those who are in a room"},
    {"0421", "1.0.1", "Occupant identifiers for semi-anonymous MUCs", NS_OCCUPANT, "occupant-id",
     ROOM, ""},
    {"0428", "0.2.1", "Fallback Indication", NS_FALLBACK, "fallback", CLIENT, ""},
    {"0431", "0.2.0", "Full Text Search in MAM", "urn:xmpp:fulltext:0", NULL, ROOM,
     "all words, by their beginnings"},
    {"0441", "0.2.0", "Message Archive Management Preferences", NS_MAM, "prefs", 0,
     "read only: rooms keep everything"},
    {"0444", "0.2.1", "Message Reactions", NS_REACTIONS, NULL, CLIENT, ""},
    {"0447", "0.3.0", "Stateless file sharing", NS_SFS, "file-sharing", 0, "links, in words"},
    {"0461", "0.2.0", "Message Replies", NS_REPLY, "reply", CLIENT,
     "with a quote for who knows none"},
    {"0466", "0.1.0", "Ephemeral Messages", NS_EPHEMERAL, "ephemeral", CLIENT, "both ways"},
    {"0513", "0.1.0", "Explicit Mentions", NS_MENTIONS, "mention", CLIENT, "both ways"},
};

const size_t xep_registry_length = G_N_ELEMENTS(xep_registry);

void xep_registry_put_features(struct disco_info *info, unsigned entity)
{
    for (size_t i = 0; i < xep_registry_length; i++)
        if (xep_registry[i].entities & entity)
            disco_info_put_feature(info, xep_registry[i].ns);
}
