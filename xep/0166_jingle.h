/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0166 Jingle: the envelope of a session, and the informational payloads of XEP-0167. Contents
 * are read and written by jingle/content.h. */
#pragma once

#include "xep/stanza.h"

#define JINGLE_SID_MAX 128 /* bytes */

enum jingle_action {
    JINGLE_CONTENT_ACCEPT,
    JINGLE_CONTENT_ADD,
    JINGLE_CONTENT_MODIFY,
    JINGLE_CONTENT_REJECT,
    JINGLE_CONTENT_REMOVE,
    JINGLE_DESCRIPTION_INFO,
    JINGLE_SECURITY_INFO,
    JINGLE_SESSION_ACCEPT,
    JINGLE_SESSION_INFO,
    JINGLE_SESSION_INITIATE,
    JINGLE_SESSION_TERMINATE,
    JINGLE_TRANSPORT_ACCEPT,
    JINGLE_TRANSPORT_INFO,
    JINGLE_TRANSPORT_REJECT,
    JINGLE_TRANSPORT_REPLACE,
    JINGLE_ACTIONS
};

/* Section 7.4. REASON_NONE: there is none, or one that is not known. */
enum jingle_reason {
    REASON_NONE,
    REASON_ALTERNATIVE_SESSION,
    REASON_BUSY,
    REASON_CANCEL,
    REASON_CONNECTIVITY_ERROR,
    REASON_DECLINE,
    REASON_EXPIRED,
    REASON_FAILED_APPLICATION,
    REASON_FAILED_TRANSPORT,
    REASON_GENERAL_ERROR,
    REASON_GONE,
    REASON_INCOMPATIBLE_PARAMETERS,
    REASON_MEDIA_ERROR,
    REASON_SECURITY_ERROR,
    REASON_SUCCESS,
    REASON_TIMEOUT,
    REASON_UNSUPPORTED_APPLICATIONS,
    REASON_UNSUPPORTED_TRANSPORTS,
    REASONS
};

/* XEP-0167 section 8. INFO_NONE in a session-info: a ping, or what is not known. */
enum jingle_info {
    INFO_NONE,
    INFO_ACTIVE,
    INFO_HOLD,
    INFO_MUTE,
    INFO_RINGING,
    INFO_UNHOLD,
    INFO_UNMUTE,
    INFOS
};

/* What a session error says besides the stanza error's condition. */
enum jingle_error {
    JINGLE_OUT_OF_ORDER,
    JINGLE_TIE_BREAK,
    JINGLE_UNKNOWN_SESSION,
    JINGLE_UNSUPPORTED_INFO
};

/* Borrowed. */
struct jingle {
    enum jingle_action action;
    const char *sid;       /* never NULL, at most JINGLE_SID_MAX bytes */
    const char *initiator; /* JID as claimed; NULL: not said */
    const char *responder;
    enum jingle_reason reason;
    const char *reason_text; /* NULL: none */
    enum jingle_info info;
    bool info_is_known;    /* false in a session-info: it has a payload that nobody here knows */
    const char *info_name; /* of mute and unmute: the content; NULL: all */
};

const char *jingle_action_name(enum jingle_action action);
const char *jingle_reason_name(enum jingle_reason reason); /* NULL for REASON_NONE */
enum jingle_reason jingle_reason_find(const char *name);

/* The <jingle/> of an IQ of type set; NULL: there is none. */
xmpp_stanza_t *jingle_element(xmpp_stanza_t *iq);
/* Reads <jingle/>. False: an unknown action, or no usable sid. */
bool jingle_parse(xmpp_stanza_t *element, struct jingle *ret);

/* Adds <jingle/> to an IQ, with what JINGLE says; the result, for contents, is borrowed. */
xmpp_stanza_t *jingle_add(xmpp_stanza_t *iq, const struct jingle *jingle);

/* Reads and adds <reason/>, in <jingle/> and in the elements of XEP-0353 alike. */
enum jingle_reason jingle_reason_parse(xmpp_stanza_t *parent, const char **ret_text);
void jingle_reason_add(xmpp_stanza_t *parent, enum jingle_reason reason);

/* Answers IQ with a session error; NULL when IQ must not be answered. */
xmpp_stanza_t *jingle_build_error(xmpp_stanza_t *iq, enum jingle_error error);
