/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The component link as the daemon makes it, for a few seconds: one handshake and one ping. While
 * the doctor has the link it refuses what arrives with a stanza error, as the server does while
 * nobody has the link. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "bridge/base/log.h"
#include "bridge/loop/loop.h"
#include "bridge/tool/doctor_part.h"
#include "bridge/xmpp/link.h"
#include "xep/error.h"
#include "xep/stanza.h"

#define PART "link"
#define PING_PART "server"
#define ROOMS_PART "rooms"
#define PATIENCE_SECONDS 5 /* for the handshake, and again for the ping */

/* Trestle works without the link of rooms: that it is missing is a warning. */
static const struct aim {
    enum service service;
    const char *part;   /* in what is printed */
    const char *option; /* that names the domain */
    enum verdict fault;
} aims[SERVICE_MAX] = {
    [SERVICE_USERS] = {SERVICE_USERS, PART, "domain", VERDICT_FAIL},
    [SERVICE_ROOMS] = {SERVICE_ROOMS, ROOMS_PART, "rooms_domain (empty: none)", VERDICT_WARN},
};

struct probe {
    struct doctor *doctor;
    const struct aim *aim;
    const char *domain;
    bool reached; /* something listens there */
    struct link *link;
    GMainLoop *loop;
    guint timer;
    char **host; /* of [bound] hosts: the next one to be asked */
};

/* ---- What was found -------------------------------------------------------------------------- */

static void explain_connect(struct doctor *doctor, int trouble)
{
    const struct options *options = doctor->options;
    if (trouble == ECONNREFUSED)
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "nothing listens at %s port %d; start the XMPP server, enable its component "
                   "listener, or mend [xmpp] host and port",
                   options->xmpp_host, (int)options->xmpp_port);
    else
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "cannot connect to %s port %d: %s; see [xmpp] host and port, and the firewall",
                   options->xmpp_host, (int)options->xmpp_port, g_strerror(trouble));
}

static const char *moment_of(enum link_state state)
{
    return state == LINK_OPENING ? "after the stream header" : "after the handshake";
}

static void explain_condition(struct probe *probe, const struct link_failure *failure)
{
    struct doctor *doctor = probe->doctor;
    const struct aim *aim = probe->aim;
    const char *domain = probe->domain;
    if (strcmp(failure->condition, "not-authorized") == 0)
        doctor_say(doctor, aim->fault, aim->part,
                   "the XMPP server refuses the secret of %s; make [xmpp] secret equal to the "
                   "component's secret there (ejabberd says the same of a domain it lacks)",
                   domain);
    else if (strcmp(failure->condition, "host-unknown") == 0)
        doctor_say(doctor, aim->fault, aim->part,
                   "the XMPP server has no component %s; add it there, or mend [xmpp] %s or port "
                   "(it must be that of the component listener)",
                   domain, aim->option);
    else if (strcmp(failure->condition, "conflict") == 0)
        doctor_say(doctor, VERDICT_WARN, aim->part,
                   "secret not tried: another program is connected as %s; fine if that is trestle, "
                   "else stop it",
                   domain);
    else
        doctor_say(doctor, aim->fault, aim->part,
                   "the XMPP server ends the stream %s with %s; see its log",
                   moment_of(failure->state), failure->condition);
}

static void explain_silence(struct probe *probe, const char *what, enum link_state state)
{
    doctor_say(probe->doctor, probe->aim->fault, probe->aim->part,
               "%s %s; is [xmpp] port that of the component listener (XEP-0114)?", what,
               moment_of(state));
}

/* What a domain says that is there but has no ping module; anything else came from elsewhere. */
static bool is_answer_without_ping(const char *condition)
{
    return strcmp(condition, "service-unavailable") == 0 ||
           strcmp(condition, "feature-not-implemented") == 0;
}

static void explain_ping(struct doctor *doctor, xmpp_stanza_t *result)
{
    const char *server = doctor->options->xmpp_server_domain;
    struct stanza_error error;
    if (!result)
        doctor_say(
            doctor, VERDICT_FAIL, PING_PART,
            "%s does not answer a ping; [xmpp] server_domain must be a domain that this XMPP "
            "server serves itself",
            server);
    else if (!stanza_error_parse(result, &error))
        doctor_say(doctor, VERDICT_OK, PING_PART, "%s answers", server);
    else if (is_answer_without_ping(error.condition))
        doctor_say(doctor, VERDICT_WARN, PING_PART,
                   "%s answers pings with %s, which will do; better enable its ping module", server,
                   error.condition);
    else
        doctor_say(doctor, VERDICT_FAIL, PING_PART,
                   "this XMPP server does not serve %s (%s); mend [xmpp] server_domain", server,
                   error.condition);
}

/* ---- The link -------------------------------------------------------------------------------- */

static void probe_end(struct probe *probe)
{
    if (probe->timer)
        g_source_remove(probe->timer);
    probe->timer = 0;
    g_main_loop_quit(probe->loop);
}

static void host_ask(struct probe *probe);

static void on_hello_answer(xmpp_stanza_t *result, void *data)
{
    struct probe *probe = data;
    struct bound_hello hello;
    struct stanza_error error = {.condition = ""};
    const char *host = *probe->host++;
    if (result && bound_hello_parse(result, &hello))
        doctor_explain_host(probe->doctor, host, &hello, NULL);
    else if (result && stanza_error_parse(result, &error))
        doctor_explain_host(probe->doctor, host, NULL, error.condition);
    else
        doctor_explain_host(probe->doctor, host, NULL, result ? "no hello" : NULL);
    host_ask(probe);
}

/* The next of [bound] hosts; after the last one all is done. */
static void host_ask(struct probe *probe)
{
    while (*probe->host && !**probe->host)
        probe->host++;
    if (!*probe->host) {
        probe_end(probe);
        return;
    }
    g_autoptr(xmpp_stanza_t) hello =
        bound_hello_build(probe->doctor->options->xmpp_domain, *probe->host);
    if (!link_request(probe->link, hello, PATIENCE_SECONDS, on_hello_answer, probe))
        on_hello_answer(NULL, probe);
}

static void on_ping_answer(xmpp_stanza_t *result, void *data)
{
    struct probe *probe = data;
    explain_ping(probe->doctor, result);
    host_ask(probe);
}

static void on_up(void *data)
{
    struct probe *probe = data;
    const struct options *options = probe->doctor->options;
    g_source_remove(probe->timer); /* the ping has its own patience */
    probe->timer = 0;
    doctor_say(probe->doctor, VERDICT_OK, probe->aim->part, "the XMPP server accepts %s",
               probe->domain);
    probe->reached = true;
    if (probe->aim->service != SERVICE_USERS) {
        probe_end(probe);
        return;
    }
    g_autoptr(xmpp_stanza_t) ping =
        stanza_new_iq("get", NULL, options->xmpp_domain, options->xmpp_server_domain);
    stanza_add(ping, "ping", NS_PING);
    if (!link_request(probe->link, ping, PATIENCE_SECONDS, on_ping_answer, probe))
        on_ping_answer(NULL, probe);
}

/* The ping has been failed before. */
static void on_down(void *data)
{
    (void)data;
}

static void on_failed(const struct link_failure *failure, void *data)
{
    struct probe *probe = data;
    probe->reached = failure->condition || failure->state != LINK_CONNECTING;
    if (failure->condition)
        explain_condition(probe, failure);
    else if (failure->state == LINK_CONNECTING)
        explain_connect(probe->doctor, failure->error);
    else
        explain_silence(probe, link_problem(probe->link), failure->state);
    probe_end(probe);
}

static gboolean on_patience(gpointer data)
{
    struct probe *probe = data;
    enum link_state state = link_state(probe->link);
    probe->timer = 0;
    if (state == LINK_CONNECTING)
        explain_connect(probe->doctor, ETIMEDOUT);
    else
        explain_silence(probe, "no answer", state);
    probe_end(probe);
    return G_SOURCE_REMOVE;
}

static void on_stanza(xmpp_stanza_t *stanza, void *data)
{
    const struct probe *probe = data;
    bool answerable = strcmp(stanza_name(stanza), "presence") != 0;
    g_autoptr(xmpp_stanza_t) reply =
        answerable ? stanza_reply_error(stanza, "wait", "service-unavailable", NULL) : NULL;
    if (reply)
        link_send(probe->link, reply);
}

/* False: there is no way to the server. */
static bool probe_run(struct doctor *doctor, enum service service)
{
    const struct link_callbacks callbacks = {
        .up = on_up, .down = on_down, .failed = on_failed, .stanza = on_stanza, .service = service};
    struct probe probe = {.doctor = doctor,
                          .aim = &aims[service],
                          .domain = service_domain(doctor->options, service)};
    g_auto(GStrv) hosts = g_strsplit(doctor->options->bound_hosts, " ", -1);
    probe.host = hosts;
    probe.loop = g_main_loop_new(NULL, FALSE);
    probe.timer = g_timeout_add_seconds(PATIENCE_SECONDS, on_patience, &probe);
    loop_start();
    probe.link = link_new(doctor->options, &callbacks, &probe);
    if (probe.timer) /* else it has failed at once */
        g_main_loop_run(probe.loop);
    link_free(probe.link);
    loop_stop();
    g_main_loop_unref(probe.loop);
    return probe.reached;
}

static void look_at_rooms(struct doctor *doctor)
{
    const char *domain = service_domain(doctor->options, SERVICE_ROOMS);
    if (domain && doctor->rooms_link_up)
        doctor_say(doctor, VERDICT_OK, ROOMS_PART, "trestle is running and has the link of %s",
                   domain);
    else if (domain && !doctor->holder)
        doctor_say(doctor, VERDICT_WARN, ROOMS_PART,
                   "trestle is running without the link of %s; add that component to the XMPP "
                   "server, or leave [xmpp] rooms_domain empty; its log has the reason",
                   domain);
}

void doctor_check_link(struct doctor *doctor)
{
    if (doctor->running && doctor->link_up) {
        doctor_say(doctor, VERDICT_OK, PART, "trestle is running and has the link");
        look_at_rooms(doctor);
        doctor_look_at_hosts(doctor);
        return;
    }
    if (doctor->holder) { /* a handshake could take the link away from it */
        doctor_say(doctor, VERDICT_OK, PART, "the instance %s has it", doctor->holder);
        return; /* and knows the hosts */
    }
    log_configure("error", "all", NULL); /* the findings say it all */
    if (probe_run(doctor, SERVICE_USERS) && service_domain(doctor->options, SERVICE_ROOMS))
        probe_run(doctor, SERVICE_ROOMS);
}
