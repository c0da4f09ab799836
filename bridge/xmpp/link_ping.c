/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pings of the component link: they prove that the server reads, answer barriers and tell whether
 * the server gives this link a share of the stanzas. */
#include "config.h"

#include "bridge/base/clock.h"
#include "bridge/xmpp/link_internal.h"
#include "bridge/xmpp/link_ping.h"
#include "xep/stanza.h"

#define CANDIDATES 32 /* addresses to ping from, tried when one of several links is up */
#define CANDIDATE_SECONDS 4
#define PING_PATIENCE 6 /* a ping may take so many timeouts while other bytes keep coming */

/* ---- pings and barriers ---------------------------------------------------------------------- */

static void on_probe_answer(xmpp_stanza_t *result, void *data)
{
    struct probe *probe = data;
    struct link *link = probe->link;
    g_queue_remove(&link->probes, probe);
    if (link->last_sent == probe)
        link->last_sent = NULL;
    /* An error is as good: the server has read up to here. */
    if (result)
        link->last_proof = clock_monotonic();
    for (guint i = 0; i < probe->barriers->len; i++) {
        struct barrier barrier = g_array_index(probe->barriers, struct barrier, i);
        barrier.done(result != NULL, barrier.data);
    }
    g_array_unref(probe->barriers);
    g_free(probe);
}

static xmpp_stanza_t *new_ping(const struct link *link, const char *from)
{
    xmpp_stanza_t *iq = stanza_new_iq("get", NULL, from, link->server_domain);
    stanza_add(iq, "ping", NS_PING);
    return iq;
}

struct probe *link_ping(struct link *link)
{
    if (link->probes.length >= PROBES_MAX)
        return NULL;
    struct probe *probe = g_new0(struct probe, 1);
    probe->link = link;
    probe->sent = clock_monotonic();
    probe->barriers = g_array_new(FALSE, FALSE, sizeof(struct barrier));
    g_autoptr(xmpp_stanza_t) iq = new_ping(link, link->ping_from ? link->ping_from : link->domain);
    if (!link_request_until(link, iq, G_MAXINT64, on_probe_answer, probe)) {
        g_array_unref(probe->barriers);
        g_free(probe);
        return NULL;
    }
    g_queue_push_tail(&link->probes, probe);
    link->last_sent = probe;
    if (link->busy == 0)
        link_schedule(link);
    return probe;
}

bool link_barrier(struct link *link, void (*done)(bool delivered, void *data), void *data)
{
    if (!link_is_up(link))
        return false;
    struct probe *probe = link->last_sent ? link->last_sent : link_ping(link);
    if (!probe)
        return false;
    struct barrier barrier = {done, data};
    g_array_append_val(probe->barriers, barrier);
    return true;
}

/* When the oldest ping counts as unanswered. The server may be slow while it floods us: as long as
 * bytes come, it gets more time, but not for ever, for it may have stopped reading. */
gint64 link_ping_deadline(struct link *link)
{
    const struct probe *oldest = g_queue_peek_head(&link->probes);
    gint64 quiet = MAX(oldest->sent, link->last_received) + link->ping_timeout;
    return MIN(quiet, oldest->sent + PING_PATIENCE * link->ping_timeout);
}

/* ---- one of several links -------------------------------------------------------------------- */

static void on_candidate_answer(xmpp_stanza_t *result, void *data)
{
    struct link *link = data;
    if (result && !link->offered && !link->ping_from)
        link->ping_from = g_strdup(xmpp_stanza_get_to(result));
    /* All places were taken when it came: it is never given anything. */
    if (--link->candidates == 0 && !link->ping_from && link->state == LINK_UP)
        link_lost(link, RETRY_BACKOFF, "the server gives this link no share of the stanzas");
}

/* The server chooses the link by the address that a stanza goes to. Pings come from one whose
 * answers come here, so that they do not depend on the way through another instance. */
void link_find_place(struct link *link)
{
    g_clear_pointer(&link->ping_from, g_free);
    link->candidates = 0;
    for (int i = 0; link->callbacks.shared && i < CANDIDATES; i++) {
        g_autofree char *from = g_strdup_printf("ping-%d@%s", i, link->domain);
        g_autoptr(xmpp_stanza_t) iq = new_ping(link, from);
        link->candidates += link_request(link, iq, CANDIDATE_SECONDS, on_candidate_answer, link);
    }
}
