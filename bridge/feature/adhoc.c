/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Ad-hoc commands of the domain (XEP-0050): the stanzas. What there is and who may is in
 * bridge/adhoc; that there is anything at all is told by feature disco to those who may. */
#include "config.h"

#include "bridge/adhoc/caller.h"
#include "bridge/adhoc/command.h"
#include "bridge/adhoc/session.h"
#include "bridge/adhoc/shell.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/stanza.h"

struct asked {
    struct core *core;
    xmpp_stanza_t *iq; /* reference */
};

static void command_found(struct adhoc_caller *caller, void *data)
{
    g_autofree struct asked *asked = data;
    g_autoptr(xmpp_stanza_t) iq = asked->iq;
    if (asked->core->archive) /* else: going down */
        command_serve(asked->core, caller, iq);
    adhoc_caller_free(caller);
}

static bool on_command(const struct stanza_context *context)
{
    struct asked *asked = g_new0(struct asked, 1);
    *asked = (struct asked){context->data, xmpp_stanza_clone(context->stanza)};
    if (caller_find(asked->core, context->from, command_found, asked))
        return true;
    xmpp_stanza_release(asked->iq);
    g_free(asked);
    return false;
}

/* Before the loop ends. */
static void adhoc_drain(struct core *core)
{
    (void)core;
    shell_stop();
}

static const struct part adhoc_part = {.name = "adhoc", .drain = adhoc_drain};

static void adhoc_start(struct core *core)
{
    callers_read(core->options);
    shell_start(core);
}

static void adhoc_stop(struct core *core)
{
    (void)core;
    adhoc_sessions_clear();
    callers_clear();
}

static const struct stanza_handler stanzas[] = {
    {"iq", "set", "command", NS_COMMANDS, TARGET_DOMAIN, .claim = on_command},
    {0},
};

const struct feature feature_adhoc = {.name = "adhoc",
                                      .part = &adhoc_part,
                                      .stanzas = stanzas,
                                      .start = adhoc_start,
                                      .stop = adhoc_stop};
