/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A side of a call that is on XMPP: Jingle Message Initiation (XEP-0353) and Jingle (XEP-0166,
 * 0167, 0176). Stanzas are answers and deeds of a call; the machine decides.
 *
 * call->session has: full, the peer's full JID; jmi, whether it was rung by message; early:
 * candidates of a peer that has not accepted; local: the
 * last description of the app as SDP; remote: what the peer has said of all its contents by now,
 * likewise; names: mid → name of a content, and responders: mid → true where the responder has
 * created it, each where it is not as usual; version: of descriptions made here; seen: the peer was
 * shown the caller's presence for the call. See jingle_change.h for more. */
#pragma once

#include "bridge/call/call.h"
#include "xep/0353_jingle_message.h"
#include "xep/jingle/media.h"

enum call_side jingle_remote_side(const struct call *call);
/* Whether our app has begun the call, and so the session. */
bool jingle_is_initiator(const struct call *call);
/* Whether our app calls, and the peer is rung by the offer (no XEP-0353). */
bool jingle_is_direct(const struct call *call);
const char *jingle_text(const struct call *call, const char *name); /* of call->session; or NULL */
void jingle_set_text(struct call *call, const char *name, const char *value);

/* Who ADDRESS (full JID) is in CALL. */
struct call_actor jingle_actor(const struct call *call, const char *address);

/* Whether neither side is to learn where the other one is. */
bool jingle_is_relayed(const struct call *call);

/* The description that the session has under NAME, with the names that its contents have on XMPP;
 * NULL: none. */
struct media_description *jingle_description(const struct call *call, const char *name);
/* What the content MID is called on XMPP, and whether the responder has created it. */
void jingle_name(struct call *call, const char *mid, const char *name, bool by_responder);
/* Keeps DESCRIPTION under "remote". */
void jingle_remember(struct call *call, const struct media_description *description);
/* DESCRIPTION as the app is told; the caller frees it. */
char *jingle_write(struct call *call, const struct media_description *description);
/* Both. */
char *jingle_show(struct call *call, const struct media_description *description);

/* Sends a JMI element to the peer: to its bare JID, or to the resource that is known. */
bool jingle_message_out(struct call *call, const struct jingle_message *message, bool bare);
/* Sends one that answers what there is no call for: from the user OWN (bare JID) to PEER. */
void jingle_reply_out(struct core *core, const char *own, const char *peer,
                      const struct jingle_message *message);
/* Refuses what PEER (full JID) proposes to OWN under SID: there is no call without sound. Only who
 * may write to the user is told, as only they would be rung. */
void jingle_refuse(struct core *core, const char *own, const char *peer, const char *sid);
/* Sends an action without contents. */
void jingle_action_out(struct call *call, const struct jingle *jingle);

/* Sends, of CONTENT, what PARTS (enum content_parts) says, with the action and reason of JINGLE.
 * GROUP: the description whose BUNDLE group is told with it; NULL: none. */
void jingle_content_out(struct call *call, const struct jingle *jingle,
                        const struct media_content *content, unsigned parts,
                        const struct media_description *group);

/* The text of a signal { type, data: { sdp } }; NULL: it has none. */
const char *jingle_signal_sdp(const json_t *signal);
/* The call cannot go on with what was described. */
void jingle_fail(struct call *call, enum media_fault fault);

/* The address by which the user with bare JID is in calls; newly allocated. */
char *jingle_own_address(const struct core *core, const char *jid);
/* Whether other clients, of which nothing is known here, are that user's, too: it is an account of
 * another server. */
bool jingle_is_shared(const struct core *core, const char *jid);

/* For call_set_peer(). */
void jingle_start(void);
void jingle_stop(void);
