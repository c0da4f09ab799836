/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Hosts say hello: whether they bind, and in which life of the module that is. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/holder.h"
#include "bridge/bound/host.h"
#include "bridge/bound/session.h"
#include "bridge/core/core.h"
#include "xep/error.h"

#define HELLO_SECONDS 10
#define TEXT_MAX 256                        /* of what a host says of itself */
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
    g_free(host->server);
    g_free(host->plugin);
    g_free(host->users);
    g_free(host->archive_problem);
    g_free(host->refusal);
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

/* A letter that is cut in the middle is none: what is kept goes into JSON and the log. */
static void text_keep(char **place, const char *text)
{
    g_autofree char *cut = g_strndup(text, TEXT_MAX);
    g_free(*place);
    *place = g_utf8_make_valid(cut, -1);
}

static void host_note(struct bound_host *host, const struct bound_hello *hello)
{
    bool fine = !host->archive_problem || !*host->archive_problem;
    text_keep(&host->server, hello->server);
    text_keep(&host->plugin, hello->plugin);
    text_keep(&host->users, hello->users);
    text_keep(&host->archive_problem, hello->archive_problem);
    host->decimal |= strcmp(hello->server, "ejabberd") == 0; /* before a message has shown it */
    if (fine != (*host->archive_problem == '\0'))
        log_warning(AREA_LINK, fine ? "bound-archive-away" : "bound-archive-back",
                    "host=%s reason=\"%s\"", host->domain, host->archive_problem);
    host->archive_waiting = hello->archive_waiting;
    g_clear_pointer(&host->refusal, g_free);
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
    host_note(host, hello);
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

static void host_absent(struct bound_host *host, xmpp_stanza_t *answer)
{
    struct stanza_error error;
    text_keep(&host->refusal, stanza_error_parse(answer, &error) ? error.condition : "");
    host_away(host, HOST_ABSENT);
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
        host_absent(host, result);
}

static void host_ask(struct bound_host *host)
{
    struct core *core = host->bound->core;
    g_autoptr(xmpp_stanza_t) iq = bound_hello_build(core->options->xmpp_domain, host->domain);
    host->asking = stanza_ask(core, iq, HELLO_SECONDS, hello_answered, host);
    if (!host->asking)
        host->ask_at = clock_monotonic() + FAILED_AGAIN;
}

static void host_write(const struct bound_host *host, struct json_writer *json)
{
    static const char *const states[] = {
        [HOST_UNKNOWN] = "away", [HOST_ABSENT] = "absent", [HOST_UP] = "up"};
    bool elsewhere = bound_holder_is_elsewhere(host->bound);
    json_begin_object(json);
    json_member_string(json, "host", host->domain);
    json_member_string(json, "state", elsewhere ? "elsewhere" : states[host->state]);
    if (!elsewhere && host->state == HOST_ABSENT)
        json_member_string(json, "refusal", host->refusal ? host->refusal : "");
    if (!elsewhere && host->state == HOST_UP) {
        json_member_string(json, "server", host->server);
        json_member_string(json, "plugin", host->plugin);
        json_member_string(json, "users", host->users);
        json_member_string(json, "archive", host->archives ? "trestle" : "other");
        json_member_string(json, "archive_problem", host->archive_problem);
        json_member_integer(json, "archive_waiting", (gint64)host->archive_waiting);
        json_member_boolean(json, "login", (host->has & BOUND_HAS_LOGIN) != 0);
        json_member_integer(json, "sessions", host->count);
        json_member_integer(json, "sessions_max", host->count_max);
    }
    json_end_object(json);
}

void bound_hosts_write(const struct bound *bound, struct json_writer *json)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, bound->hosts);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        host_write(value, json);
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
