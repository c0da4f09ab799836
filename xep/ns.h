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
#define NS_MUC "http://jabber.org/protocol/muc"                 /* 0045 */
#define NS_MUC_USER NS_MUC "#user"
#define NS_MUC_ADMIN NS_MUC "#admin"
#define NS_MUC_OWNER NS_MUC "#owner"
#define FORM_MUC_CONFIG NS_MUC "#roomconfig"
#define FORM_MUC_INFO NS_MUC "#roominfo"
#define FORM_MUC_REGISTER NS_MUC "#register"
#define FORM_MUC_REQUEST NS_MUC "#request"
#define NS_IBB "http://jabber.org/protocol/ibb"           /* 0047 */
#define NS_COMMANDS "http://jabber.org/protocol/commands" /* 0050 */
#define NS_RSM "http://jabber.org/protocol/rsm"           /* 0059 */
#define NS_PUBSUB "http://jabber.org/protocol/pubsub"     /* 0060 */
#define NS_PUBSUB_EVENT NS_PUBSUB "#event"
#define NS_PUBSUB_ERRORS NS_PUBSUB "#errors"
#define NS_OOB "jabber:x:oob"                               /* 0066 */
#define NS_HTTP_AUTH "http://jabber.org/protocol/http-auth" /* 0070 */
#define NS_XHTML_IM "http://jabber.org/protocol/xhtml-im"   /* 0071 */
#define NS_XHTML "http://www.w3.org/1999/xhtml"
#define NS_SOAP "http://www.w3.org/2003/05/soap-envelope" /* 0072 */
#define NS_REGISTER "jabber:iq:register"                  /* 0077 */
#define NS_GEOLOC "http://jabber.org/protocol/geoloc"     /* 0080 */
#define NS_AVATAR_DATA "urn:xmpp:avatar:data"             /* 0084 */
#define NS_AVATAR_METADATA "urn:xmpp:avatar:metadata"
#define NS_CHAT_STATES "http://jabber.org/protocol/chatstates"  /* 0085 */
#define NS_VERSION "jabber:iq:version"                          /* 0092 */
#define NS_CAPS "http://jabber.org/protocol/caps"               /* 0115 */
#define NS_ROSTER "jabber:iq:roster"                            /* RFC 6121 */
#define NS_ROSTER_OLD "jabber:x:roster"                         /* 0093 */
#define NS_SI "http://jabber.org/protocol/si"                   /* 0095 */
#define NS_ROSTER_EXCHANGE "http://jabber.org/protocol/rosterx" /* 0144 */
#define NS_VALIDATE "http://jabber.org/protocol/xdata-validate" /* 0122 */
#define NS_ADMIN "http://jabber.org/protocol/admin"             /* 0133 */
#define NS_VCARD_UPDATE "vcard-temp:x:update"                   /* 0153 */
#define NS_NICK "http://jabber.org/protocol/nick"               /* 0172 */
#define NS_CAPTCHA "urn:xmpp:captcha"                           /* 0158 */
#define NS_JINGLE "urn:xmpp:jingle:1"                           /* 0166 */
#define NS_JINGLE_ERRORS "urn:xmpp:jingle:errors:1"
#define NS_JINGLE_RTP "urn:xmpp:jingle:apps:rtp:1" /* 0167 */
#define NS_JINGLE_RTP_INFO "urn:xmpp:jingle:apps:rtp:info:1"
#define NS_JINGLE_ICE_UDP "urn:xmpp:jingle:transports:ice-udp:1" /* 0176 */
#define NS_RECEIPTS "urn:xmpp:receipts"                          /* 0184 */
#define NS_PING "urn:xmpp:ping"                                  /* 0199 */
#define NS_TIME "urn:xmpp:time"                                  /* 0202 */
#define NS_DELAY "urn:xmpp:delay"                                /* 0203 */
#define NS_HTTP_UPLOAD "urn:xmpp:http:upload:0"                  /* 0363 */
#define NS_EXTDISCO "urn:xmpp:extdisco:2"                        /* 0215 */
#define NS_ATTENTION "urn:xmpp:attention:0"                      /* 0224 */
#define NS_BOB "urn:xmpp:bob"                                    /* 0231 */
#define NS_INVITATION "jabber:x:conference"                      /* 0249 */
#define FORM_SOFTWARE "urn:xmpp:dataforms:softwareinfo"          /* 0232 */
#define NS_BLOCKING "urn:xmpp:blocking"                          /* 0191 */
#define NS_CARBONS "urn:xmpp:carbons:2"                          /* 0280 */
#define NS_CORRECTION "urn:xmpp:message-correct:0"               /* 0308 */
#define NS_MAM "urn:xmpp:mam:2"                                  /* 0313, 0441 */
#define NS_HATS "urn:xmpp:hats:0"                                /* 0317 */
#define NS_JINGLE_RTCP_FB "urn:xmpp:jingle:apps:rtp:rtcp-fb:0"   /* 0293 */
#define NS_JINGLE_HDREXT "urn:xmpp:jingle:apps:rtp:rtp-hdrext:0" /* 0294 */
#define NS_FORWARD "urn:xmpp:forward:0"                          /* 0297 */
#define NS_PIE "urn:xmpp:pie:0"                                  /* 0227 */
#define NS_PIE_MAM "urn:xmpp:pie:0#mam"
#define NS_VCARD4 "urn:ietf:params:xml:ns:vcard-4.0" /* 0292 */
#define NODE_VCARD4 "urn:xmpp:vcard4"
#define NS_IDLE "urn:xmpp:idle:1"                            /* 0319 */
#define NS_JINGLE_DTLS "urn:xmpp:jingle:apps:dtls:0"         /* 0320 */
#define NS_MARKERS "urn:xmpp:chat-markers:0"                 /* 0333 */
#define NS_HINTS "urn:xmpp:hints"                            /* 0334 */
#define NS_JSON "urn:xmpp:json:0"                            /* 0335 */
#define NS_JINGLE_GROUPING "urn:xmpp:jingle:apps:grouping:0" /* 0338 */
#define NS_JINGLE_SSMA "urn:xmpp:jingle:apps:rtp:ssma:0"     /* 0339 */
#define NS_JINGLE_MESSAGE "urn:xmpp:jingle-message:0"        /* 0353 */
#define NS_SID "urn:xmpp:sid:0"                              /* 0359 */
#define NS_REFERENCE "urn:xmpp:reference:0"                  /* 0372 */
#define NS_OX "urn:xmpp:openpgp:0"                           /* 0373 */
#define NS_EME "urn:xmpp:eme:0"                              /* 0380 */
#define NS_OMEMO_OLD "eu.siacs.conversations.axolotl"        /* 0384 */
#define NS_OMEMO "urn:xmpp:omemo:2"
#define NS_PGP "jabber:x:encrypted"         /* 0027 */
#define NS_REPORTING "urn:xmpp:reporting:1" /* 0377 */
#define NS_JID "urn:xmpp:jid:0"
#define NS_SIMS "urn:xmpp:sims:1"               /* 0385 */
#define NS_BOOKMARKS "urn:xmpp:bookmarks:1"     /* 0402 */
#define NS_MIX_MISC "urn:xmpp:mix:misc:0"       /* 0407 */
#define NS_OCCUPANT "urn:xmpp:occupant-id:0"    /* 0421 */
#define NS_FASTEN "urn:xmpp:fasten:0"           /* 0422 */
#define NS_RETRACT "urn:xmpp:message-retract:1" /* 0424 */
#define NS_RETRACT_OLD "urn:xmpp:message-retract:0"
#define NS_MODERATE "urn:xmpp:message-moderate:1" /* 0425 */
#define NS_MODERATE_OLD "urn:xmpp:message-moderate:0"
#define NS_FALLBACK "urn:xmpp:fallback:0"                 /* 0428 */
#define NS_THUMBS "urn:xmpp:thumbs:1"                     /* 0264 */
#define NS_HASHES "urn:xmpp:hashes:2"                     /* 0300 */
#define NS_FILE "urn:xmpp:file:metadata:0"                /* 0446 */
#define NS_REACTIONS "urn:xmpp:reactions:0"               /* 0444 */
#define NS_SFS "urn:xmpp:sfs:0"                           /* 0447 */
#define NS_URL_DATA "http://jabber.org/protocol/url-data" /* 0103 */
#define NS_STICKERS "urn:xmpp:stickers:0"                 /* 0449 */
#define NS_REPLY "urn:xmpp:reply:0"                       /* 0461 */
#define NS_EPHEMERAL "urn:xmpp:ephemeral:0"               /* 0466 */
#define NS_CALL_INVITES "urn:xmpp:call-invites:0"         /* 0482 */
#define NS_MENTIONS "urn:xmpp:mentions:0"                 /* 0513 */
#define NS_DISPLAYED_SYNC "urn:xmpp:mds:displayed:0"      /* 0490 */

/* The project's own: docs/namespaces.md. */
#define NS_IN_CALL "urn:trestle:presence:0"
#define NS_ALBUM "urn:trestle:album:0"
#define NS_PAYLOAD "urn:trestle:payload:0"
#define NS_DELEGATION "urn:xmpp:delegation:1" /* 0355 */
#define NS_PRIVILEGE "urn:xmpp:privilege:2"   /* 0356 */
#define NS_PRIVILEGE_1 "urn:xmpp:privilege:1" /* 0356, before 0.4 */
#define NS_POLL "urn:trestle:poll:0"
#define NS_VOICE "urn:trestle:voice:0"
#define NS_BIND "urn:trestle:bind:0" /* sessions that a server binds for us */
