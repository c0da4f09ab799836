/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Commands given by XMPP (XEP-0050): from a stanza to an operation, and back. */
#pragma once

#include "xep/0030_disco.h"

struct adhoc_caller;
struct core;

/* Answers IQ, a command that CALLER has sent, now or later. CALLER stays the caller's own. Whoever
 * may give no command at all is answered as if there were none. */
void command_serve(struct core *core, const struct adhoc_caller *caller, xmpp_stanza_t *iq);

/* The commands that CALLER may give, of JID, as items of service discovery: an array of struct
 * disco_item, whose texts are static or JID. */
GArray *command_items(const struct core *core, const struct adhoc_caller *caller, const char *jid);

/* The name of the command NODE; NULL: there is none for CALLER. */
const char *command_name(const struct core *core, const struct adhoc_caller *caller,
                         const char *node);
