/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0166 Jingle. */
#include "config.h"

#include <string.h>

#include "xep/0166_jingle.h"

static const char *const actions[JINGLE_ACTIONS] = {
    [JINGLE_CONTENT_ACCEPT] = "content-accept",
    [JINGLE_CONTENT_ADD] = "content-add",
    [JINGLE_CONTENT_MODIFY] = "content-modify",
    [JINGLE_CONTENT_REJECT] = "content-reject",
    [JINGLE_CONTENT_REMOVE] = "content-remove",
    [JINGLE_DESCRIPTION_INFO] = "description-info",
    [JINGLE_SECURITY_INFO] = "security-info",
    [JINGLE_SESSION_ACCEPT] = "session-accept",
    [JINGLE_SESSION_INFO] = "session-info",
    [JINGLE_SESSION_INITIATE] = "session-initiate",
    [JINGLE_SESSION_TERMINATE] = "session-terminate",
    [JINGLE_TRANSPORT_ACCEPT] = "transport-accept",
    [JINGLE_TRANSPORT_INFO] = "transport-info",
    [JINGLE_TRANSPORT_REJECT] = "transport-reject",
    [JINGLE_TRANSPORT_REPLACE] = "transport-replace",
};

static const char *const reasons[REASONS] = {
    [REASON_ALTERNATIVE_SESSION] = "alternative-session",
    [REASON_BUSY] = "busy",
    [REASON_CANCEL] = "cancel",
    [REASON_CONNECTIVITY_ERROR] = "connectivity-error",
    [REASON_DECLINE] = "decline",
    [REASON_EXPIRED] = "expired",
    [REASON_FAILED_APPLICATION] = "failed-application",
    [REASON_FAILED_TRANSPORT] = "failed-transport",
    [REASON_GENERAL_ERROR] = "general-error",
    [REASON_GONE] = "gone",
    [REASON_INCOMPATIBLE_PARAMETERS] = "incompatible-parameters",
    [REASON_MEDIA_ERROR] = "media-error",
    [REASON_SECURITY_ERROR] = "security-error",
    [REASON_SUCCESS] = "success",
    [REASON_TIMEOUT] = "timeout",
    [REASON_UNSUPPORTED_APPLICATIONS] = "unsupported-applications",
    [REASON_UNSUPPORTED_TRANSPORTS] = "unsupported-transports",
};

static const char *const infos[INFOS] = {
    [INFO_ACTIVE] = "active",   [INFO_HOLD] = "hold",     [INFO_MUTE] = "mute",
    [INFO_RINGING] = "ringing", [INFO_UNHOLD] = "unhold", [INFO_UNMUTE] = "unmute",
};

/* The place of NAME among COUNT names, some of which may be NULL; COUNT when it is not there. */
static unsigned name_find(const char *const *names, unsigned count, const char *name)
{
    unsigned i = 0;
    while (i < count && (!names[i] || g_strcmp0(names[i], name) != 0))
        i++;
    return i;
}

const char *jingle_action_name(enum jingle_action action)
{
    return actions[action];
}

const char *jingle_reason_name(enum jingle_reason reason)
{
    return reasons[reason];
}

enum jingle_reason jingle_reason_find(const char *name)
{
    unsigned reason = name_find(reasons, REASONS, name);
    return reason < REASONS ? (enum jingle_reason)reason : REASON_NONE;
}

xmpp_stanza_t *jingle_element(xmpp_stanza_t *iq)
{
    return g_strcmp0(stanza_attr(iq, "type"), "set") == 0 ? stanza_child(iq, "jingle", NS_JINGLE)
                                                          : NULL;
}

enum jingle_reason jingle_reason_parse(xmpp_stanza_t *parent, const char **ret_text)
{
    xmpp_stanza_t *reason = stanza_child(parent, "reason", NS_JINGLE);
    enum jingle_reason found = REASON_NONE;
    if (!reason)
        return REASON_NONE;
    for (xmpp_stanza_t *child = stanza_first(reason); child && found == REASON_NONE;
         child = stanza_next(child)) {
        if (strcmp(stanza_ns(child), NS_JINGLE) == 0)
            found = jingle_reason_find(stanza_name(child));
    }
    if (ret_text)
        *ret_text = stanza_child_text(reason, "text", NS_JINGLE);
    return found;
}

void jingle_reason_add(xmpp_stanza_t *parent, enum jingle_reason reason)
{
    if (reason != REASON_NONE)
        stanza_add(stanza_add(parent, "reason", NS_JINGLE), reasons[reason], NS_JINGLE);
}

static void info_parse(xmpp_stanza_t *element, struct jingle *jingle)
{
    xmpp_stanza_t *child = stanza_first(element);
    jingle->info_is_known = !child; /* empty: a ping */
    for (; child; child = stanza_next(child)) {
        unsigned info = name_find(infos, INFOS, stanza_name(child));
        if (info == INFOS || strcmp(stanza_ns(child), NS_JINGLE_RTP_INFO) != 0)
            continue;
        jingle->info = (enum jingle_info)info;
        jingle->info_name = stanza_attr(child, "name");
        jingle->info_is_known = true;
    }
}

bool jingle_parse(xmpp_stanza_t *element, struct jingle *ret)
{
    unsigned action = name_find(actions, JINGLE_ACTIONS, stanza_attr(element, "action"));
    const char *sid = stanza_attr(element, "sid");
    if (action == JINGLE_ACTIONS || !sid || !*sid || strlen(sid) > JINGLE_SID_MAX)
        return false;
    *ret = (struct jingle){.action = (enum jingle_action)action,
                           .sid = sid,
                           .initiator = stanza_attr(element, "initiator"),
                           .responder = stanza_attr(element, "responder")};
    ret->reason = jingle_reason_parse(element, &ret->reason_text);
    if (ret->action == JINGLE_SESSION_INFO)
        info_parse(element, ret);
    return true;
}

xmpp_stanza_t *jingle_add(xmpp_stanza_t *iq, const struct jingle *jingle)
{
    xmpp_stanza_t *element = stanza_add(iq, "jingle", NS_JINGLE);
    stanza_set(element, "action", actions[jingle->action]);
    stanza_set(element, "initiator", jingle->initiator);
    stanza_set(element, "responder", jingle->responder);
    stanza_set(element, "sid", jingle->sid);
    jingle_reason_add(element, jingle->reason);
    if (jingle->info != INFO_NONE) {
        xmpp_stanza_t *info = stanza_add(element, infos[jingle->info], NS_JINGLE_RTP_INFO);
        if (jingle->info_name)
            stanza_set(info, "creator", "initiator");
        stanza_set(info, "name", jingle->info_name);
    }
    return element;
}

xmpp_stanza_t *jingle_build_error(xmpp_stanza_t *iq, enum jingle_error error)
{
    static const struct {
        const char *type, *condition, *name;
    } errors[] = {
        [JINGLE_OUT_OF_ORDER] = {"wait", "unexpected-request", "out-of-order"},
        [JINGLE_TIE_BREAK] = {"cancel", "conflict", "tie-break"},
        [JINGLE_UNKNOWN_SESSION] = {"cancel", "item-not-found", "unknown-session"},
        [JINGLE_UNSUPPORTED_INFO] = {"modify", "feature-not-implemented", "unsupported-info"},
    };
    xmpp_stanza_t *reply =
        stanza_reply_error(iq, errors[error].type, errors[error].condition, NULL);
    if (reply)
        stanza_add(stanza_child(reply, "error", NS_CLIENT), errors[error].name, NS_JINGLE_ERRORS);
    return reply;
}
