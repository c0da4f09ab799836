/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts say hello: whether they bind, and in which life of the module that is. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/host.h"
#include "bridge/bound/session.h"
#include "bridge/core/core.h"

#define HELLO_SECONDS 10
#define AGAIN (60 * G_USEC_PER_SEC)         /* to a host that is up */
#define FAILED_AGAIN (5 * G_USEC_PER_SEC)   /* after the first failure, then twice as long… */
#define FAILED_AGAIN_MAX 6                  /* …so many times */
#define ABSENT_AGAIN (300 * G_USEC_PER_SEC) /* ceiling of it */

void bound_hosts_open(struct bound *bound)
{
    g_auto(GStrv) domains = g_strsplit(bound->core->options->bound_hosts, " ", -1);
    for (guint i = 0; domains[i]; i++) {
        if (!*domains[i])
            continue;
        struct bound_host *host = g_new0(struct bound_host, 1);
        host->bound = bound;
        host->domain = g_strdup(domains[i]);
        g_hash_table_replace(bound->hosts, host->domain, host);
    }
}

void bound_host_free(gpointer data)
{
    struct bound_host *host = data;
    g_free(host->domain);
    g_free(host->epoch);
    g_free(host);
}

struct bound_host *bound_host_of(const struct bound *bound, const char *address)
{
    size_t bare = strcspn(address, "/");
    const char *at = memchr(address, '@', bare);
    const char *domain = at ? at + 1 : address;
    g_autofree char *name = g_strndup(domain, bare - (size_t)(domain - address));
    return g_hash_table_lookup(bound->hosts, name);
}

static void host_up(struct bound_host *host, const struct bound_hello *hello)
{
    bool same = host->state == HOST_UP && g_strcmp0(host->epoch, hello->epoch) == 0;
    bool archives = strcmp(hello->archive, "trestle") == 0;
    bool told = same && host->has == hello->has && host->archives == archives;
    if (!same) {
        g_free(host->epoch);
        host->epoch = g_strdup(hello->epoch);
        bound_sessions_lost(host->bound, host);
        log_info(AREA_LINK, "bound-host-up", "host=%s archive=%s", host->domain,
                 archives ? "trestle" : "other");
    }
    host->state = HOST_UP;
    host->has = hello->has;
    host->archives = archives;
    host->count_max = (unsigned)MIN(hello->max_sessions, G_MAXUINT);
    host->failures = 0;
    host->ask_at = clock_monotonic() + AGAIN;
    if (!told)
        bound_host_tell(host);
}

static void host_away(struct bound_host *host, enum host_state state)
{
    bool told = host->state == state;
    host->state = state;
    host->failures++;
    host->ask_at = clock_monotonic() +
                   MIN(ABSENT_AGAIN, FAILED_AGAIN << MIN(host->failures - 1, FAILED_AGAIN_MAX));
    bound_sessions_lost(host->bound, host);
    if (told)
        return;
    if (state == HOST_ABSENT)
        log_warning(AREA_LINK, "bound-host-limited",
                    "host=%s hint=\"mod_trestle does not answer there, or not to this component\"",
                    host->domain);
    bound_host_tell(host);
}

static void hello_answered(xmpp_stanza_t *result, void *data)
{
    struct bound_host *host = data;
    struct bound_hello hello;
    host->asking = false;
    if (!result) /* on a link that is down, or nobody is there */
        host_away(host, HOST_UNKNOWN);
    else if (bound_hello_parse(result, &hello))
        host_up(host, &hello);
    else
        host_away(host, HOST_ABSENT);
}

static void host_ask(struct bound_host *host)
{
    struct core *core = host->bound->core;
    g_autoptr(xmpp_stanza_t) iq = bound_hello_build(core->options->xmpp_domain, host->domain);
    host->asking = stanza_ask(core, iq, HELLO_SECONDS, hello_answered, host);
    if (!host->asking)
        host->ask_at = clock_monotonic() + FAILED_AGAIN;
}

void bound_hosts_tick(struct bound *bound, gint64 now)
{
    GHashTableIter iter;
    gpointer value;
    if (!stanza_may_ask(bound->core))
        return;
    g_hash_table_iter_init(&iter, bound->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct bound_host *host = value;
        if (!host->asking && now >= host->ask_at)
            host_ask(host);
    }
}

void bound_host_doubt(struct bound_host *host)
{
    host->ask_at = 0;
}

void bound_hosts_lost(struct bound *bound)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, bound->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        struct bound_host *host = value;
        bool was_up = host->state == HOST_UP;
        host->state = HOST_UNKNOWN;
        host->failures = 0;
        host->ask_at = 0;
        host->count = 0;
        if (was_up)
            bound_host_tell(host);
    }
}
