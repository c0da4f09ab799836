/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0050 ad-hoc commands. */
#include "config.h"

#include <string.h>

#include "xep/0050_commands.h"

static const struct {
    const char *name;
    enum command_action action;
} actions[] = {
    {"execute", COMMAND_EXECUTE}, {"cancel", COMMAND_CANCEL},     {"prev", COMMAND_PREV},
    {"next", COMMAND_NEXT},       {"complete", COMMAND_COMPLETE},
};

static bool action_parse(const char *name, enum command_action *ret)
{
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (strcmp(name, actions[i].name) == 0) {
            *ret = actions[i].action;
            return true;
        }
    }
    return false;
}

static const char *action_name(enum command_action action)
{
    for (size_t i = 0; i < G_N_ELEMENTS(actions); i++) {
        if (actions[i].action == action)
            return actions[i].name;
    }
    return NULL;
}

/* The one form among the children. */
static bool form_find(xmpp_stanza_t *command, xmpp_stanza_t **ret_form)
{
    *ret_form = NULL;
    for (xmpp_stanza_t *child = stanza_first(command); child; child = stanza_next(child)) {
        const char *type = stanza_attr(child, "type");
        if (stanza_is(child, "note", NS_COMMANDS))
            continue;
        if (!stanza_is(child, "x", NS_DATA) || *ret_form || !type)
            return false;
        if (strcmp(type, "submit") != 0 && strcmp(type, "cancel") != 0)
            return false;
        *ret_form = child;
    }
    return true;
}

enum command_fault command_parse(xmpp_stanza_t *iq, struct command_request *ret_request)
{
    xmpp_stanza_t *command =
        stanza_is(iq, "iq", NS_CLIENT) ? stanza_child(iq, "command", NS_COMMANDS) : NULL;
    const char *node = command ? stanza_attr(command, "node") : NULL;
    if (!node || !*node)
        return COMMAND_NONE;
    const char *action = stanza_attr(command, "action");
    *ret_request =
        (struct command_request){.node = node, .session = stanza_attr(command, "sessionid")};
    if (action && !action_parse(action, &ret_request->action))
        return COMMAND_MALFORMED_ACTION;
    return form_find(command, &ret_request->form) ? COMMAND_FINE : COMMAND_BAD_PAYLOAD;
}

static void actions_add(xmpp_stanza_t *command, const struct command_answer *answer)
{
    static const enum command_action order[] = {COMMAND_PREV, COMMAND_NEXT, COMMAND_COMPLETE};
    xmpp_stanza_t *element = stanza_add(command, "actions", NS_COMMANDS);
    stanza_set(element, "execute", action_name(answer->usual));
    for (size_t i = 0; i < G_N_ELEMENTS(order); i++) {
        if (answer->actions & order[i])
            stanza_add(element, action_name(order[i]), NS_COMMANDS);
    }
}

xmpp_stanza_t *command_build_result(xmpp_stanza_t *iq, const struct command_answer *answer)
{
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (!result)
        return NULL;
    xmpp_stanza_t *command = stanza_add(result, "command", NS_COMMANDS);
    stanza_set(command, "node", answer->node);
    stanza_set(command, "sessionid", answer->session);
    stanza_set(command, "status", answer->status);
    if (answer->actions)
        actions_add(command, answer);
    if (answer->note) {
        xmpp_stanza_t *note = stanza_add_text(command, "note", NS_COMMANDS, answer->note);
        stanza_set(note, "type", answer->note_type ? answer->note_type : "info");
    }
    if (answer->form)
        data_form_add(command, answer->form);
    return result;
}

xmpp_stanza_t *command_build_error(xmpp_stanza_t *iq, const char *condition, const char *text)
{
    bool expired = strcmp(condition, "session-expired") == 0;
    xmpp_stanza_t *reply = stanza_reply_error(iq, expired ? "cancel" : "modify",
                                              expired ? "not-allowed" : "bad-request", text);
    xmpp_stanza_t *error = reply ? stanza_child(reply, "error", NS_CLIENT) : NULL;
    if (error)
        stanza_add(error, condition, NS_COMMANDS);
    return reply;
}
