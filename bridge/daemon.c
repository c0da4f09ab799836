/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Wiring. Parts know each other only through the callbacks handed out here. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/account/revocation.h"
#include "bridge/account/session.h"
#include "bridge/account/token.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/host.h"
#include "bridge/cluster/cluster.h"
#include "bridge/cluster/fanout.h"
#include "bridge/core/change.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/entry.h"
#include "bridge/core/epoch.h"
#include "bridge/core/mark.h"
#include "bridge/core/message.h"
#include "bridge/core/outbox.h"
#include "bridge/core/relation.h"
#include "bridge/core/resume.h"
#include "bridge/daemon.h"
#include "bridge/dialect/dialect.h"
#include "bridge/feature/features.h"
#include "bridge/http/admin.h"
#include "bridge/http/server.h"
#include "bridge/http/upgrade.h"
#include "bridge/job/job.h"
#include "bridge/loop/loop.h"
#include "bridge/ws/server.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "bridge/xmpp/link_ping.h"

#define DRAIN_MILLISECONDS 5000
#define OUTBOX_MILLISECONDS 1000

struct daemon {
    struct core core;
    struct dispatch *dispatch;
    struct link *links[SERVICE_MAX]; /* NULL: that domain is not served */
    struct cluster *cluster;         /* NULL: this is the only instance */
    struct http_server *http;
    struct http_admin *admin;
    struct ws_server *sockets;
    void (*stopped)(void *data);
    void *stopped_data;
    unsigned stopping; /* parts that still drain */
    struct jobs *jobs;
};

/* ---- Archive --------------------------------------------------------------------------------- */

static void archive_up(const struct log_state *log, void *data)
{
    struct daemon *daemon = data;
    struct core *core = &daemon->core;
    epoch_take(core, log);
    if (log->change == LOG_OTHER)
        outbox_other_log(core->outbox);
    cluster_archive_up(daemon->cluster, log);
    outbox_archive_up(core->outbox);
}

static void archive_missed(const char *events, void *data)
{
    struct daemon *daemon = data;
    change_publish_later(&daemon->core, events);
}

static void batch_begin(gint64 before, gint64 after, void *data)
{
    struct daemon *daemon = data;
    fanout_batch_begin(&daemon->core, before, after);
}

static void batch_end(void *data)
{
    struct daemon *daemon = data;
    fanout_batch_end(&daemon->core);
}

/* ---- Link ------------------------------------------------------------------------------------ */

static void tell_link_up(struct core *core)
{
    PARTS_TELL(core, link_up, core);
}

static void link_up(void *data)
{
    struct daemon *daemon = data;
    if (!daemon->cluster)
        outbox_link_up(daemon->core.outbox, SERVICE_USERS);
    cluster_link_changed(daemon->cluster);
    tell_link_up(&daemon->core);
}

static void link_down(void *data)
{
    struct daemon *daemon = data;
    if (!daemon->cluster)
        outbox_link_down(daemon->core.outbox, SERVICE_USERS,
                         link_ended_in_order(daemon->links[SERVICE_USERS]));
    cluster_link_changed(daemon->cluster);
    PARTS_TELL(&daemon->core, link_down, &daemon->core);
}

static void link_stanza(xmpp_stanza_t *stanza, void *data)
{
    struct daemon *daemon = data;
    dispatch_stanza(daemon->dispatch, SERVICE_USERS, daemon->links[SERVICE_USERS], stanza);
}

static void rooms_up(void *data)
{
    struct daemon *daemon = data;
    if (!daemon->cluster) {
        outbox_link_up(daemon->core.outbox, SERVICE_ROOMS);
        PARTS_TELL(&daemon->core, rooms_up, &daemon->core);
    }
    cluster_link_changed(daemon->cluster);
}

static void rooms_down(void *data)
{
    struct daemon *daemon = data;
    if (!daemon->cluster)
        outbox_link_down(daemon->core.outbox, SERVICE_ROOMS,
                         link_ended_in_order(daemon->links[SERVICE_ROOMS]));
    cluster_link_changed(daemon->cluster);
}

static void rooms_stanza(xmpp_stanza_t *stanza, void *data)
{
    struct daemon *daemon = data;
    dispatch_stanza(daemon->dispatch, SERVICE_ROOMS, daemon->links[SERVICE_ROOMS], stanza);
}

static void link_unclaimed(xmpp_stanza_t *result, void *data)
{
    struct daemon *daemon = data;
    cluster_unclaimed(daemon->cluster, result);
}

static bool sink_ready(void *link)
{
    return link_is_up(link);
}

static enum sink_result sink_send(void *link, xmpp_stanza_t *stanza)
{
    if (link_send(link, stanza))
        return SINK_SENT;
    return link_may_send(link, stanza) ? SINK_LATER : SINK_NEVER;
}

static enum sink_result sink_copy(void *link, xmpp_stanza_t *stanza)
{
    if (link_send_copy(link, stanza))
        return SINK_SENT;
    return link_may_send(link, stanza) ? SINK_LATER : SINK_NEVER;
}

static bool sink_barrier(void *link, void (*done)(bool delivered, void *data), void *data)
{
    return link_barrier(link, done, data);
}

static bool sink_may_ask(void *link)
{
    return link_is_up(link);
}

static bool sink_ask(void *link, xmpp_stanza_t *iq, unsigned seconds, stanza_answer answer,
                     void *data)
{
    return link_request(link, iq, seconds, answer, data);
}

static void open_link(struct daemon *daemon, struct link_callbacks *callbacks)
{
    struct core *core = &daemon->core;
    cluster_prepare_link(daemon->cluster, callbacks, daemon);
    struct link *link = link_new(core->options, callbacks, daemon);
    daemon->links[callbacks->service] = link;
    core->sinks[callbacks->service] = (struct stanza_sink){.link = link,
                                                           .ready = sink_ready,
                                                           .send = sink_send,
                                                           .copy = sink_copy,
                                                           .barrier = sink_barrier,
                                                           .may_ask = sink_may_ask,
                                                           .ask = sink_ask};
}

static void open_links(struct daemon *daemon)
{
    struct link_callbacks users = {.service = SERVICE_USERS,
                                   .up = link_up,
                                   .down = link_down,
                                   .stanza = link_stanza,
                                   .unclaimed = link_unclaimed};
    struct link_callbacks rooms = {
        .service = SERVICE_ROOMS,
        .up = rooms_up,
        .down = rooms_down,
        .stanza = rooms_stanza,
        .without = "group conversations are not reached by XMPP until the server has this "
                   "component; without such a component, leave xmpp.rooms_domain empty"};
    open_link(daemon, &users);
    if (service_domain(daemon->core.options, SERVICE_ROOMS))
        open_link(daemon, &rooms);
    cluster_start(daemon->cluster, daemon->links);
}

static void close_links(struct daemon *daemon)
{
    for (enum service service = SERVICE_USERS; service < SERVICE_MAX; service++) {
        link_free(daemon->links[service]);
        daemon->links[service] = NULL;
        daemon->core.sinks[service] = (struct stanza_sink){0};
    }
}

/* ---- Listeners ------------------------------------------------------------------------------- */

static const struct http_part *ready_parts(void *data)
{
    struct daemon *daemon = data;
    const struct cluster *cluster = daemon->cluster;
    struct link *const *links = daemon->links;
    static struct http_part parts[6];
    size_t count = 0;
    bool link = cluster ? cluster_has_link(cluster) : link_is_up(links[SERVICE_USERS]);
    parts[count++] =
        (struct http_part){"database", archive_is_writable(daemon->core.archive), false};
    if (*daemon->core.options->database_read_uri)
        parts[count++] =
            (struct http_part){"replica", archive_has_replica(daemon->core.archive), true};
    parts[count++] = (struct http_part){"link", link, false};
    if (links[SERVICE_ROOMS]) {
        bool rooms = cluster ? cluster_reaches_server(cluster, SERVICE_ROOMS)
                             : link_is_up(links[SERVICE_ROOMS]);
        parts[count++] = (struct http_part){"rooms_link", rooms, true};
    }
    if (cluster)
        parts[count++] = (struct http_part){"cluster", cluster_is_connected(cluster), true};
    parts[count] = (struct http_part){0};
    return parts;
}

static enum error_code socket_admits(void *data, guint64 address)
{
    const struct daemon *daemon = data;
    return ws_server_admit(daemon->sockets, address);
}

static void refresh_metrics(void *data)
{
    const struct daemon *daemon = data;
    metric_set(METRIC_ARCHIVE_WRITABLE, archive_is_writable(daemon->core.archive));
}

static void socket_upgraded(void *data, const struct websocket_handshake *handshake)
{
    struct daemon *daemon = data;
    ws_server_adopt(daemon->sockets, &(struct ws_arrival){.fd = handshake->fd,
                                                          .extra = handshake->extra,
                                                          .extra_length = handshake->extra_length,
                                                          .credentials = handshake->credentials,
                                                          .dialect = handshake->dialect,
                                                          .deflates = handshake->deflates,
                                                          .cursor = handshake->cursor});
}

static bool knows_dialect(const char *name)
{
    return dialect_find(name) != NULL;
}

static void hosts_write(struct json_writer *json, void *data)
{
    const struct daemon *daemon = data;
    const struct bound *bound = bound_of(&daemon->core);
    if (bound)
        bound_hosts_write(bound, json);
}

static bool open_listeners(struct daemon *daemon, GError **error)
{
    struct websocket_upgrade upgrade = {
        .dialects = dialect_subprotocols,
        .knows = knows_dialect,
        .deflates = strcmp(daemon->core.options->websocket_deflate, "on") == 0,
        .admits = socket_admits,
        .upgraded = socket_upgraded,
        .data = daemon};
    struct http_probe probe = {
        .parts = ready_parts, .refresh = refresh_metrics, .hosts = hosts_write, .data = daemon};
    daemon->admin = http_admin_new(daemon->core.options, &probe, error);
    if (!daemon->admin)
        return false;
    daemon->http = http_server_new(&daemon->core, &upgrade, error);
    return daemon->http != NULL;
}

/* ---- Start and stop -------------------------------------------------------------------------- */

static void core_start(struct daemon *daemon, const struct options *options,
                       struct token_verifier *tokens)
{
    struct core *core = &daemon->core;
    core->options = options;
    core->started = clock_monotonic();
    core->epoch = g_strdup("");
    core->past = g_strdup("");
    core->operations = features_operations();
    core->outgoing = features_outgoing();
    content_use(features_contents());
    entry_use(features_entries());
    toggles_read(&core->toggles, options);
    core->limiter = limiter_new(options);
    core->accounts = accounts_new();
    core->sessions = sessions_new(options, core->accounts, core->limiter, tokens);
    relations_init(core);
    resumes_init(core);
    deliveries_init(core);
    daemon->cluster = cluster_new(core, tell_link_up);
    core->outbox = outbox_new(core);
    struct archive_callbacks callbacks = {.up = archive_up};
    if (daemon->cluster) {
        callbacks.batch_begin = batch_begin;
        callbacks.batch_end = batch_end;
    } else {
        callbacks.missed = archive_missed;
    }
    features_start(core);
    core->archive = archive_new(options, &callbacks, daemon);
    accounts_start(core->accounts, core->archive);
    sessions_start(core->sessions, core->archive);
    daemon->jobs = jobs_new(core, features_jobs());
    open_links(daemon);
}

/* Nobody is let in by a key that was left out: it is named where somebody may look for the reason.
 */
static void log_keys(const struct token_verifier *tokens)
{
    const char *note;
    bool is_fault;
    for (unsigned i = 0; (note = token_verifier_note(tokens, i, &is_fault)); i++)
        log_event(is_fault ? LOG_WARNING : LOG_INFO, AREA_AUTH, "key-left-out", "key=\"%s\"", note);
    log_info(AREA_AUTH, "keys-read", "keys=%u", token_verifier_key_count(tokens));
}

bool daemon_renew_keys(struct daemon *daemon, const struct options *options)
{
    struct core *core = &daemon->core;
    g_autoptr(GError) error = NULL;
    g_autoptr(token_verifier) tokens = token_verifier_new(options, &error);
    if (!tokens) {
        log_warning(AREA_AUTH, "keys-kept", "reason=\"%s\"", error->message);
        return false;
    }
    log_keys(tokens);
    sessions_renew_tokens(core->sessions, g_steal_pointer(&tokens));
    return true;
}

void daemon_renew_secrets(struct daemon *daemon, const struct options *options)
{
    PARTS_TELL(&daemon->core, secrets_read, &daemon->core, options);
}

void daemon_renew_features(struct daemon *daemon, const struct options *options)
{
    struct core *core = &daemon->core;
    if (!toggles_read(&core->toggles, options))
        return;
    log_info(AREA_CONFIG, "features-switched", NULL);
    PARTS_TELL(core, toggled, core);
}

void daemon_renew_pages(struct daemon *daemon, const struct options *options)
{
    g_autoptr(GError) error = NULL;
    if (!http_server_renew_pages(daemon->http, options, &error))
        log_warning(AREA_HTTP, "pages-kept", "reason=\"%s\"", error->message);
}

struct daemon *daemon_new(const struct options *options, GError **error)
{
    g_autoptr(token_verifier) tokens = token_verifier_new(options, error);
    if (!tokens)
        return NULL;
    log_keys(tokens);
    struct daemon *daemon = g_new0(struct daemon, 1);
    daemon->core.dispatch = daemon->dispatch = dispatch_new(options, &daemon->core);
    if (!features_dispatch(daemon->dispatch, error)) {
        dispatch_free(daemon->dispatch);
        g_free(daemon);
        return NULL;
    }
    loop_start();
    core_start(daemon, options, g_steal_pointer(&tokens));
    daemon->sockets = ws_server_new(&daemon->core);
    if (!open_listeners(daemon, error)) {
        daemon_free(daemon);
        return NULL;
    }
    log_info(AREA_MAIN, "started", "domain=%s port=%u admin_port=%u version=%s",
             options->xmpp_domain, http_server_port(daemon->http), http_admin_port(daemon->admin),
             PACKAGE_VERSION);
    return daemon;
}

static void features_drain(struct daemon *daemon)
{
    PARTS_TELL(&daemon->core, drain, &daemon->core);
}

static void part_stopped(void *data)
{
    struct daemon *daemon = data;
    if (--daemon->stopping == 0)
        daemon->stopped(daemon->stopped_data);
}

/* Only now may another instance take over the sending. */
static void outbox_drained(void *data)
{
    struct daemon *daemon = data;
    cluster_leave(daemon->cluster);
    part_stopped(daemon);
}

void daemon_stop(struct daemon *daemon, void (*done)(void *data), void *data)
{
    log_info(AREA_MAIN, "stopping", NULL);
    daemon->stopped = done;
    daemon->stopped_data = data;
    daemon->stopping = 3;
    jobs_leave(daemon->jobs);
    features_drain(daemon);
    outbox_drain(daemon->core.outbox, OUTBOX_MILLISECONDS, outbox_drained, daemon);
    http_server_stop(daemon->http, DRAIN_MILLISECONDS, part_stopped, daemon);
    ws_server_stop(daemon->sockets, DRAIN_MILLISECONDS, part_stopped, daemon);
}

void daemon_free(struct daemon *daemon)
{
    if (!daemon)
        return;
    struct core *core = &daemon->core;
    features_drain(daemon);
    http_server_free(daemon->http);
    ws_server_free(daemon->sockets);
    http_admin_free(daemon->admin);
    resumes_clear(core);
    archive_free(core->archive); /* answers what still waits */
    core->archive = NULL;
    jobs_free(daemon->jobs);
    close_links(daemon);
    outbox_free(core->outbox);
    cluster_free(daemon->cluster);
    deliveries_clear(core);
    relations_clear(core);
    sessions_free(core->sessions);
    accounts_free(core->accounts);
    limiter_free(core->limiter);
    g_free(core->epoch);
    g_free(core->past);
    loop_stop();
    features_stop(core);
    dispatch_free(daemon->dispatch);
    g_free(daemon);
}
