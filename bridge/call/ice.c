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
#include "bridge/cluster/bus.h"
#include "bridge/core/core.h"
#include "bridge/core/stanza_out.h"
#include "xep/0215_external_services.h"
#include "xep/time.h"

#define TOPIC "ice"
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
    const char *secret; /* of the relays; NULL: none */
    GPtrArray *servers; /* struct server *, the preferred ones first */
    bool asking;
    bool answered;           /* the XMPP server was asked by this process, and has told */
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

/* ---- From the configuration ------------------------------------------------------------------ */

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

/* ---- From the XMPP server -------------------------------------------------------------------- */

static bool text_fits(const char *text)
{
    return !text || strlen(text) <= TEXT_MAX;
}

/* What the XMPP server has told of one. */
struct announcement {
    const char *uri;
    const char *username, *password; /* NULL: none */
    gint64 expires;                  /* clock_wall; 0: not said */
};

/* TURN without credentials opens nothing, and credentials may be over already. */
static void announcement_add(const struct announcement *told, gint64 now)
{
    struct ice_uri parts;
    if (!ice_uri_parse(told->uri, &parts) || server_find(told->uri) ||
        (told->expires != 0 && told->expires <= now))
        return;
    bool turn = ice_uri_is_turn(&parts);
    if (turn && (!told->username || !told->password || !text_fits(told->username) ||
                 !text_fits(told->password)))
        return;
    struct server *server = g_new0(struct server, 1);
    *server = (struct server){.uri = g_strdup(told->uri),
                              .parts = parts,
                              .announced = true,
                              .username = g_strdup(turn ? told->username : NULL),
                              .password = g_strdup(turn ? told->password : NULL),
                              .expires = told->expires};
    g_ptr_array_add(ice.servers, server);
}

static void service_add(const struct external_service *service, gint64 now)
{
    int64_t expires = 0;
    g_autofree char *uri = external_service_uri(service);
    if (!service->expires || xep_time_parse(service->expires, &expires))
        announcement_add(&(struct announcement){uri, service->username, service->password, expires},
                         now);
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

/* Puts in place of what was announced earlier what ADD adds from TOLD. */
static void announced_replace(void (*add)(const void *told, gint64 now), const void *told)
{
    g_autoptr(GHashTable) failing = announced_remove();
    guint first = ice.servers->len;
    if (told)
        add(told, clock_wall());
    for (guint i = first; i < ice.servers->len; i++) {
        struct server *server = ice.servers->pdata[i];
        server->failing = g_hash_table_contains(failing, server->uri);
    }
    servers_count();
    ice.untried = ice.servers->len > 0;
}

static void services_add(const void *told, gint64 now)
{
    const GArray *services = told;
    for (guint i = 0; i < services->len; i++)
        service_add(&g_array_index(services, struct external_service, i), now);
}

/* ---- From another instance, which has the link ----------------------------------------------- */

static void announced_publish(void)
{
    if (!ice.answered || !bus_is_heard(ice.core))
        return;
    json_t *list = json_array();
    for (guint i = 0; i < ice.servers->len; i++) {
        const struct server *server = ice.servers->pdata[i];
        if (server->announced)
            json_array_append_new(list, json_pack("{s:s, s:s*, s:s*, s:I}", "uri", server->uri,
                                                  "username", server->username, "password",
                                                  server->password, "expires",
                                                  (json_int_t)server->expires));
    }
    bus_publish(ice.core, TOPIC, json_pack("{s:o}", "servers", list));
}

static void list_read(const void *told, gint64 now)
{
    size_t index;
    const json_t *one;
    json_array_foreach((json_t *)(guintptr)told, index, one)
    {
        const struct announcement server = {json_string_value(json_object_get(one, "uri")),
                                            json_string_value(json_object_get(one, "username")),
                                            json_string_value(json_object_get(one, "password")),
                                            json_integer_value(json_object_get(one, "expires"))};
        if (server.uri && index < EXTERNAL_SERVICES_MAX)
            announcement_add(&server, now);
    }
}

/* Whoever has a link and was answered knows better. */
static void announced_told(struct core *core, const json_t *message, void *data)
{
    const json_t *list = json_object_get(message, "servers");
    (void)data;
    if (json_is_array(list) && !(ice.answered && stanza_may_ask(core)))
        announced_replace(list_read, list);
}

static void instance_changed(struct core *core, const char *instance, bool here, void *data)
{
    (void)core;
    (void)instance;
    (void)data;
    if (here)
        announced_publish();
}

/* ---- Asking for it --------------------------------------------------------------------------- */

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
    announced_replace(services_add, services);
    ice.answered = true;
    announced_publish();
    ice.ask_at = clock_monotonic() + announced_lasts(now);
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
    if (ice.secret)
        pass.credential = ice_credential(ice.secret, pass.username);
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
    ice.secret = core->options->calls_turn_secret;
    ice.servers = g_ptr_array_new_with_free_func(server_free);
    ice.ask_at = G_MAXINT64;
    list_add(core->options->calls_stun);
    list_add(core->options->calls_turn);
    servers_count();
    ice.probes = core->options->calls_probe_interval > 0;
    ice.untried = true;
    bus_subscribe(core, TOPIC, announced_told, NULL);
    bus_watch_instances(core, instance_changed, NULL);
    ice.timer = g_timeout_add_seconds(TICK_SECONDS, ice_tick, NULL);
}

void ice_secrets_read(struct core *core, const struct options *fresh)
{
    const char *first = core->options->calls_turn_secret;
    ice.secret = first && fresh->calls_turn_secret ? fresh->calls_turn_secret : first;
    ice.untried = true;
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
