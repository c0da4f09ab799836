/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0050 ad-hoc commands, as whoever has them reads and answers them. */
#pragma once

#include "xep/0004_data_forms.h"

/* What may be asked of a command. As bits, what may be asked next. */
enum command_action {
    COMMAND_EXECUTE = 0, /* the default: whatever goes on */
    COMMAND_CANCEL = 1 << 0,
    COMMAND_PREV = 1 << 1,
    COMMAND_NEXT = 1 << 2,
    COMMAND_COMPLETE = 1 << 3
};

/* Strings are borrowed from the stanza. */
struct command_request {
    const char *node;
    const char *session; /* NULL: a new one */
    enum command_action action;
    xmpp_stanza_t *form; /* the <x/> of type submit; NULL: there is none */
};

enum command_fault {
    COMMAND_FINE,
    COMMAND_NONE,             /* no command at all, or one without a node */
    COMMAND_MALFORMED_ACTION, /* an action that no command has */
    COMMAND_BAD_PAYLOAD       /* something else than a form, several, or one of another type */
};

/* Reads an IQ of type set. What it has read before a fault is in *ret_request. */
enum command_fault command_parse(xmpp_stanza_t *iq, struct command_request *ret_request);

/* An answer; strings are borrowed. */
struct command_answer {
    const char *node;
    const char *session;
    const char *status;           /* executing, completed, canceled */
    unsigned actions;             /* bits; 0: none, it is over */
    enum command_action usual;    /* of them, that of `execute`; ignored without actions */
    const char *note, *note_type; /* info, warn, error; NULL: none */
    const struct data_form *form; /* NULL: none */
};

/* Answers IQ; NULL when it must not be answered. */
xmpp_stanza_t *command_build_result(xmpp_stanza_t *iq, const struct command_answer *answer);

/* Answers IQ with an error that has CONDITION of XEP-0050 section 4.5 beside the one of RFC 6120.
 */
xmpp_stanza_t *command_build_error(xmpp_stanza_t *iq, const char *condition, const char *text);
