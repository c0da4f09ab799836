/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The list of servers, and what a call is told of it. */
#include "config.h"

#include <string.h>

#include "bridge/base/clock.h"
#include "bridge/base/ice_uri.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/call/ice.h"
#include "bridge/call/ice_probe.h"
#include "bridge/core/core.h"
#include "bridge/core/stanza_out.h"
#include "xep/0215_external_services.h"
#include "xep/time.h"

#define TICK_SECONDS 2
#define PROBE_SOON (30 * G_USEC_PER_SEC)             /* while one fails */
#define ASK_TIMEOUT 10                               /* seconds */
#define ASK_EARLY (60 * G_USEC_PER_SEC)              /* before what was announced expires */
#define ASK_LEAST (30 * G_USEC_PER_SEC)              /* between two questions */
#define ASK_INTERVAL (3600 * (gint64)G_USEC_PER_SEC) /* when nothing expires sooner */
#define TEXT_MAX 255 /* bytes of a name or password that is announced */

struct server {
    char *uri;
    struct ice_uri parts;
    bool announced; /* by the XMPP server, not configured */
    char *username; /* as announced; NULL: made from the shared secret, for TURN */
    char *password;
    gint64 expires; /* clock_wall; 0: not said */
    bool failing;   /* when it was tried last */
};

static struct {
    struct core *core;
    GPtrArray *servers; /* struct server *, the preferred ones first */
    bool asking;
    gint64 ask_at;           /* clock_monotonic; G_MAXINT64: when the link comes up */
    struct ice_probe *probe; /* NULL: none is under way */
    gint64 probe_at;         /* clock_monotonic */
    bool probes;             /* servers are tried at all */
    bool untried;            /* there may be one that was not tried yet */
    guint timer;
} ice;

static void server_free(gpointer data)
{
    struct server *server = data;
    if (server->password)
        explicit_bzero(server->password, strlen(server->password));
    g_free(server->uri);
    g_free(server->username);
    g_free(server->password);
    g_free(server);
}

/* NULL: there is none. */
static struct server *server_find(const char *uri)
{
    for (guint i = 0; i < ice.servers->len; i++) {
        struct server *server = ice.servers->pdata[i];
        if (strcmp(server->uri, uri) == 0)
            return server;
    }
    return NULL;
}

static void servers_count(void)
{
    guint failing = 0;
    for (guint i = 0; i < ice.servers->len; i++)
        failing += ((const struct server *)ice.servers->pdata[i])->failing;
    metric_set(METRIC_ICE_SERVERS, ice.servers->len);
    metric_set(METRIC_ICE_SERVERS_FAILING, failing);
}

/* ---- From the configuration ----------------------------------------------------------------- */

static void list_add(const char *list)
{
    g_auto(GStrv) words = g_strsplit_set(list, " \t,", -1);
    struct ice_uri parts;
    for (guint i = 0; words[i]; i++) {
        if (!ice_uri_parse(words[i], &parts) || server_find(words[i]))
            continue;
        struct server *server = g_new0(struct server, 1);
        *server = (struct server){.uri = g_strdup(words[i]), .parts = parts};
        g_ptr_array_add(ice.servers, server);
    }
}

/* ---- From the XMPP server ------------------------------------------------------------------- */

static bool text_fits(const char *text)
{
    return !text || strlen(text) <= TEXT_MAX;
}

/* TURN without credentials opens nothing, and credentials may be over already. */
static bool service_is_usable(const struct external_service *service, gint64 expires, gint64 now)
{
    bool turn = g_str_has_prefix(service->type, "turn");
    return (!turn || (service->username && service->password)) && text_fits(service->username) &&
           text_fits(service->password) && (expires == 0 || expires > now);
}

static void service_add(const struct external_service *service, gint64 now)
{
    int64_t expires = 0;
    struct ice_uri parts;
    g_autofree char *uri = external_service_uri(service);
    if (service->expires && !xep_time_parse(service->expires, &expires))
        return;
    if (!service_is_usable(service, expires, now) || !ice_uri_parse(uri, &parts) ||
        server_find(uri))
        return;
    struct server *server = g_new0(struct server, 1);
    *server = (struct server){.parts = parts, .announced = true, .expires = expires};
    server->uri = g_steal_pointer(&uri);
    if (ice_uri_is_turn(&parts)) {
        server->username = g_strdup(service->username);
        server->password = g_strdup(service->password);
    }
    g_ptr_array_add(ice.servers, server);
}

/* Takes out what was announced; the addresses that failed are kept. Caller frees. */
static GHashTable *announced_remove(void)
{
    GHashTable *failing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = ice.servers->len; i-- > 0;) {
        const struct server *server = ice.servers->pdata[i];
        if (server->announced && server->failing)
            g_hash_table_add(failing, g_strdup(server->uri));
        if (server->announced)
            g_ptr_array_remove_index(ice.servers, i);
    }
    return failing;
}

static void announced_add(GArray *services, gint64 now)
{
    g_autoptr(GHashTable) failing = announced_remove();
    guint first = ice.servers->len;
    for (guint i = 0; services && i < services->len; i++)
        service_add(&g_array_index(services, struct external_service, i), now);
    for (guint i = first; i < ice.servers->len; i++) {
        struct server *server = ice.servers->pdata[i];
        server->failing = g_hash_table_contains(failing, server->uri);
    }
}

/* In how many microseconds to ask again: before the first of them expires. */
static gint64 announced_lasts(gint64 now)
{
    gint64 lasts = ASK_INTERVAL;
    for (guint i = 0; i < ice.servers->len; i++) {
        const struct server *server = ice.servers->pdata[i];
        if (server->expires > 0)
            lasts = MIN(lasts, server->expires - now - ASK_EARLY);
    }
    return MAX(lasts, ASK_LEAST);
}

/* A server without XEP-0215, or that does not want to tell us, answers with an error. */
static void services_came(xmpp_stanza_t *answer, void *data)
{
    gint64 now = clock_wall();
    g_autoptr(GArray) services = answer ? external_services_parse(answer) : NULL;
    (void)data;
    ice.asking = false;
    if (!ice.servers)
        return; /* stopped meanwhile */
    if (!answer) {
        ice.ask_at = clock_monotonic() + ASK_LEAST;
        return;
    }
    announced_add(services, now);
    servers_count();
    ice.ask_at = clock_monotonic() + announced_lasts(now);
    ice.untried = ice.servers->len > 0;
    log_info(AREA_CORE, "ice-servers", "servers=%u announced=%u", ice.servers->len,
             services ? services->len : 0);
}

static void services_ask(void)
{
    const struct options *options = ice.core->options;
    ice.ask_at = G_MAXINT64;
    if (ice.asking || !stanza_may_ask(ice.core))
        return; /* the next link asks */
    g_autoptr(xmpp_stanza_t) iq =
        stanza_new_iq("get", NULL, options->xmpp_domain, options->xmpp_server_domain);
    external_services_add_request(iq);
    ice.asking = stanza_ask(ice.core, iq, ASK_TIMEOUT, services_came, NULL);
    if (!ice.asking)
        ice.ask_at = clock_monotonic() + ASK_LEAST;
}

/* ---- What a call is told --------------------------------------------------------------------- */

enum ice_policy ice_policy_of(const struct options *options, bool strangers)
{
    const char *whose = options->calls_relay_only;
    return strcmp(whose, "always") == 0 || (strangers && strcmp(whose, "strangers") == 0)
               ? ICE_RELAY
               : ICE_ALL;
}

static bool server_is_good(const struct server *server, gint64 now)
{
    return !server->failing && (server->expires == 0 || server->expires > now);
}

bool ice_has_relay(void)
{
    gint64 now = clock_wall();
    for (guint i = 0; ice.servers && i < ice.servers->len; i++) {
        const struct server *server = ice.servers->pdata[i];
        if (ice_uri_is_turn(&server->parts) && server_is_good(server, now))
            return true;
    }
    return false;
}

/* What opens the configured TURN servers for one call until EXPIRES. */
struct pass {
    char *username;
    char *credential;
};

static struct pass pass_new(const struct uuid *call, gint64 expires)
{
    struct uuid some;
    char id[UUID_TEXT_SIZE];
    struct pass pass = {0};
    if (!call)
        uuid_generate(&some);
    uuid_format(call ? call : &some, id);
    pass.username =
        g_strdup_printf("%" G_GINT64_FORMAT ":%s", (gint64)(expires / G_USEC_PER_SEC), id);
    if (ice.core->options->calls_turn_secret)
        pass.credential = ice_credential(ice.core->options->calls_turn_secret, pass.username);
    return pass;
}

static void pass_clear(struct pass *pass)
{
    g_free(pass->username);
    g_free(pass->credential);
}

static void server_write(struct json_writer *json, const struct server *server,
                         const struct pass *pass)
{
    json_begin_object(json);
    json_key(json, "urls");
    json_begin_array(json);
    json_put_string(json, server->uri);
    json_end_array(json);
    if (ice_uri_is_turn(&server->parts)) {
        json_member_string(json, "username", server->username ? server->username : pass->username);
        json_member_string(json, "credential",
                           server->password ? server->password : pass->credential);
    }
    json_end_object(json);
}

void ice_servers_for(struct json_writer *json, const struct uuid *call, enum ice_policy policy)
{
    gint64 now = clock_wall();
    /* Whole seconds, as in the user name. */
    gint64 end = (now / G_USEC_PER_SEC + ice.core->options->calls_turn_lifetime) * G_USEC_PER_SEC;
    struct pass pass = pass_new(call, end);
    json_key(json, "ice_servers");
    json_begin_array(json);
    for (guint i = 0; i < ice.servers->len; i++) {
        const struct server *server = ice.servers->pdata[i];
        if (!server_is_good(server, now) ||
            (policy == ICE_RELAY && !ice_uri_is_turn(&server->parts)))
            continue;
        if (server->expires > 0)
            end = MIN(end, server->expires);
        server_write(json, server, &pass);
    }
    json_end_array(json);
    json_member_string(json, "ice_transport_policy", policy == ICE_RELAY ? "relay" : "all");
    json_member_time(json, "expires_at", end);
    pass_clear(&pass);
}

/* ---- Which of them work ---------------------------------------------------------------------- */

static void probe_tells(const char *uri, const char *reason, void *data)
{
    struct server *server = server_find(uri);
    (void)data;
    if (!server || server->failing == (reason != NULL))
        return;
    server->failing = reason != NULL;
    if (reason)
        log_warning(AREA_CORE, "ice-server-failed", "server=\"%s\" reason=\"%s\"", uri, reason);
    else
        log_info(AREA_CORE, "ice-server-works", "server=\"%s\"", uri);
}

static void probe_done(void *data)
{
    gint64 pause = ice.core->options->calls_probe_interval * G_USEC_PER_SEC;
    (void)data;
    ice.probe = NULL;
    servers_count();
    for (guint i = 0; i < ice.servers->len; i++) {
        const struct server *server = ice.servers->pdata[i];
        if (server->failing)
            pause = MIN(pause, PROBE_SOON);
    }
    ice.probe_at = clock_monotonic() + pause;
}

static void probe_start(void)
{
    struct pass pass =
        pass_new(NULL, clock_wall() + ice.core->options->calls_turn_lifetime * G_USEC_PER_SEC);
    struct ice_probe_plan plan = {g_string_new(NULL), probe_tells, probe_done, NULL};
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < ice.servers->len; i++) {
        const struct server *server = ice.servers->pdata[i];
        bool turn = ice_uri_is_turn(&server->parts);
        ice_probe_add(plan.servers, server->uri,
                      turn ? server->username ? server->username : pass.username : NULL,
                      turn ? server->password ? server->password : pass.credential : NULL);
    }
    pass_clear(&pass);
    ice.untried = false;
    ice.probe = ice_probe_start(&plan, &error);
    ice.probes = ice.probe != NULL;
    if (!ice.probe)
        log_warning(AREA_CORE, "no-ice-program",
                    "error=\"%s\" hint=\"STUN and TURN servers are handed out untried\"",
                    error->message);
}

/* ---- Start and stop -------------------------------------------------------------------------- */

static gboolean ice_tick(gpointer data)
{
    (void)data;
    if (clock_monotonic() >= ice.ask_at)
        services_ask();
    if (ice.probes && !ice.probe && ice.servers->len > 0 &&
        (ice.untried || clock_monotonic() >= ice.probe_at))
        probe_start();
    return G_SOURCE_CONTINUE;
}

void ice_start(struct core *core)
{
    ice.core = core;
    ice.servers = g_ptr_array_new_with_free_func(server_free);
    ice.ask_at = G_MAXINT64;
    list_add(core->options->calls_stun);
    list_add(core->options->calls_turn);
    servers_count();
    ice.probes = core->options->calls_probe_interval > 0;
    ice.untried = true;
    ice.timer = g_timeout_add_seconds(TICK_SECONDS, ice_tick, NULL);
}

void ice_link_up(struct core *core)
{
    (void)core;
    services_ask();
}

void ice_stop(struct core *core)
{
    (void)core;
    if (ice.timer)
        g_source_remove(ice.timer);
    ice_probe_stop(ice.probe);
    g_clear_pointer(&ice.servers, g_ptr_array_unref);
    memset(&ice, 0, sizeof ice);
}
