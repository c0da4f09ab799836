/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of stream errors. A server's see-other-host is not followed: the link goes where the
 * configuration says and nowhere else. */
#include "config.h"

#include <glib.h>

#include "bridge/xmpp/stream_error.h"
#include "xep/stanza.h"

#define OUR_FAULT "the server refused what this program sent; please report it"

static const struct stream_error table[] = {
    /* Last resort, so the first row. */
    {"undefined-condition", RETRY_BACKOFF, RETRY_BACKOFF, NULL},
    {"bad-format", RETRY_BACKOFF, RETRY_BACKOFF, OUR_FAULT},
    {"bad-namespace-prefix", RETRY_BACKOFF, RETRY_BACKOFF, OUR_FAULT},
    /* At the handshake an old link may still be half-dead, so trying again soon is right. Who is
     * replaced while up meets another bridge that wants the domain: do not fight over it. */
    {"conflict", RETRY_BACKOFF, RETRY_SLOW,
     "another connection holds this component domain; with Prosody set component_conflict_resolve "
     "= "
     "'kick_old' for the component, and run one bridge per domain"},
    {"connection-timeout", RETRY_BACKOFF, RETRY_BACKOFF, NULL},
    {"host-gone", RETRY_BACKOFF, RETRY_BACKOFF,
     "the server no longer serves this component domain; check its configuration"},
    {"host-unknown", RETRY_BACKOFF, RETRY_BACKOFF,
     "the server has no component of this name; check the domain here and the component's "
     "configuration there"},
    {"improper-addressing", RETRY_BACKOFF, RETRY_BACKOFF, OUR_FAULT},
    {"internal-server-error", RETRY_BACKOFF, RETRY_BACKOFF, NULL},
    {"invalid-from", RETRY_BACKOFF, RETRY_BACKOFF, OUR_FAULT},
    {"invalid-id", RETRY_BACKOFF, RETRY_BACKOFF, NULL},
    {"invalid-namespace", RETRY_SLOW, RETRY_BACKOFF,
     "this is not a component listener; check xmpp.port"},
    {"invalid-xml", RETRY_BACKOFF, RETRY_BACKOFF, OUR_FAULT},
    {"not-authorized", RETRY_SLOW, RETRY_BACKOFF,
     "the component secret is wrong; compare xmpp.secret with the server's configuration"},
    {"not-well-formed", RETRY_BACKOFF, RETRY_BACKOFF, OUR_FAULT},
    {"policy-violation", RETRY_BACKOFF, RETRY_BACKOFF,
     "the server limits this link; lift its rate and size limits for the component listener"},
    {"remote-connection-failed", RETRY_BACKOFF, RETRY_BACKOFF, NULL},
    {"reset", RETRY_BACKOFF, RETRY_BACKOFF, NULL},
    {"resource-constraint", RETRY_BACKOFF, RETRY_BACKOFF, NULL},
    {"restricted-xml", RETRY_BACKOFF, RETRY_BACKOFF, OUR_FAULT},
    {"see-other-host", RETRY_BACKOFF, RETRY_BACKOFF,
     "the server points to another host, which is not followed; set xmpp.host"},
    {"system-shutdown", RETRY_BACKOFF, RETRY_BACKOFF, NULL},
    {"unsupported-encoding", RETRY_BACKOFF, RETRY_BACKOFF, OUR_FAULT},
    {"unsupported-stanza-type", RETRY_BACKOFF, RETRY_BACKOFF, OUR_FAULT},
    {"unsupported-version", RETRY_BACKOFF, RETRY_BACKOFF, NULL},
};

const struct stream_error *stream_error_parse(xmpp_stanza_t *element)
{
    for (xmpp_stanza_t *child = stanza_first(element); child; child = stanza_next(child)) {
        for (gsize i = 0; i < G_N_ELEMENTS(table); i++) {
            if (stanza_is(child, table[i].condition, NS_STREAM_ERRORS))
                return &table[i];
        }
    }
    return &table[0];
}
