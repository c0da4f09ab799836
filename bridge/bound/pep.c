/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading nodes, and making them: what servers make by themselves is shown to contacts, or keeps
 * one item. */
#include "config.h"

#include <string.h>

#include "bridge/bound/bound.h"
#include "bridge/bound/inject.h"
#include "bridge/bound/pep.h"
#include "bridge/bound/session.h"
#include "bridge/core/core.h"
#include "xep/0060_pubsub.h"
#include "xep/error.h"

#define ANSWER_SECONDS 60

struct opening {
    struct core *core;
    char *jid;
    const char *node;
    bound_pep_opened opened;
};

static void opening_free(struct opening *opening)
{
    g_free(opening->jid);
    g_free(opening);
}

/* The session, if it is there and RESULT has come; else OPENING is freed. */
static struct bound_session *opening_session(struct opening *opening, const xmpp_stanza_t *result)
{
    const struct bound *bound = bound_of(opening->core);
    struct bound_session *session = bound ? bound_session_find(bound, opening->jid) : NULL;
    if (session && session->account && opening->core->archive && result)
        return session;
    opening_free(opening);
    return NULL;
}

static void opening_ask(struct opening *opening, struct bound_session *session, xmpp_stanza_t *iq,
                        stanza_answer answer)
{
    g_autoptr(xmpp_stanza_t) owned = iq;
    if (!bound_inject_ask(session, owned, ANSWER_SECONDS, answer, opening))
        opening_free(opening);
}

static void node_make(struct opening *opening, struct bound_session *session, bool many,
                      stanza_answer answer)
{
    xmpp_stanza_t *iq = stanza_new_iq("set", NULL, NULL, NULL);
    pubsub_create_add(iq, opening->node, many);
    opening_ask(opening, session, iq, answer);
}

/* Whether the node is there now; then that was told. */
static bool node_is_made(struct opening *opening, struct bound_session *session,
                         xmpp_stanza_t *result)
{
    struct stanza_error error;
    bool made = !stanza_error_parse(result, &error) || strcmp(error.condition, "conflict") == 0;
    if (made)
        opening->opened(session, NULL, true);
    return made;
}

static void node_made(xmpp_stanza_t *result, void *data)
{
    struct opening *opening = data;
    struct bound_session *session = opening_session(opening, result);
    if (!session)
        return;
    node_is_made(opening, session, result);
    opening_free(opening);
}

/* Servers that do not know how to say "all" keep many by themselves. */
static void node_tried(xmpp_stanza_t *result, void *data)
{
    struct opening *opening = data;
    struct bound_session *session = opening_session(opening, result);
    if (!session)
        return;
    if (node_is_made(opening, session, result))
        opening_free(opening);
    else
        node_make(opening, session, false, node_made);
}

static void node_read(xmpp_stanza_t *result, void *data)
{
    struct opening *opening = data;
    struct stanza_error error;
    struct bound_session *session = opening_session(opening, result);
    if (!session)
        return;
    bool fails = stanza_error_parse(result, &error);
    if (fails && strcmp(error.condition, "item-not-found") == 0) {
        opening->opened(session, NULL, false);
        node_make(opening, session, true, node_tried);
        return;
    }
    if (!fails)
        opening->opened(session, result, true);
    opening_free(opening);
}

void bound_pep_open(struct bound_session *session, const char *node, bound_pep_opened opened)
{
    xmpp_stanza_t *iq = stanza_new_iq("get", NULL, NULL, NULL);
    struct opening *opening = g_new0(struct opening, 1);
    *opening = (struct opening){session->bound->core, g_strdup(session->jid), node, opened};
    pubsub_request_all_add(iq, node);
    opening_ask(opening, session, iq, node_read);
}
