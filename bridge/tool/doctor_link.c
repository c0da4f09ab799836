/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doctor's own component connection: one real XEP-0114 handshake and one ping. While it has the
 * link it refuses what arrives with a stanza error, as the server does while nobody has the link.
 */
#include "config.h"

#include <errno.h>
#include <expat.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge/base/buffer.h"
#include "bridge/base/id.h"
#include "bridge/tool/doctor_part.h"

#define PART "link"
#define PING_PART "server"
#define NS_COMPONENT "jabber:component:accept"
#define NS_STREAMS "http://etherx.jabber.org/streams"
#define NS_STREAM_ERRORS "urn:ietf:params:xml:ns:xmpp-streams"
#define NS_STANZA_ERRORS "urn:ietf:params:xml:ns:xmpp-stanzas"
#define READ_MAX (1024 * 1024)
#define PATIENCE (5 * G_USEC_PER_SEC)

struct probe {
    const struct options *options;
    int fd;
    XML_Parser parser;
    int depth;
    bool in_error;  /* inside <stream:error/> */
    bool in_answer; /* inside the answer to the ping */
    bool broken;    /* connection closed, or not XML */
    bool accepted;  /* the handshake was */
    bool answered;  /* the ping was */
    char *stream_id;
    char *stream_error; /* defined condition */
    char *ping_id;
    char *ping_error; /* defined condition, NULL for a result */
};

static const char *attribute_find(const XML_Char **attributes, const char *name)
{
    for (size_t i = 0; attributes[i]; i += 2) {
        if (strcmp(attributes[i], name) == 0)
            return attributes[i + 1];
    }
    return NULL;
}

static void send_text(struct probe *probe, const char *text)
{
    size_t length = strlen(text);
    if (send(probe->fd, text, length, MSG_NOSIGNAL) != (ssize_t)length)
        probe->broken = true;
}

static void refuse_stanza(struct probe *probe, const char *name, const XML_Char **attributes)
{
    const char *type = attribute_find(attributes, "type");
    const char *from = attribute_find(attributes, "from");
    const char *to = attribute_find(attributes, "to");
    const char *id = attribute_find(attributes, "id");
    bool request = g_strcmp0(type, "get") == 0 || g_strcmp0(type, "set") == 0;
    bool wanted = strcmp(name, "iq") == 0
                      ? request
                      : strcmp(name, "message") == 0 && g_strcmp0(type, "error") != 0;
    if (!wanted || !from || !to)
        return;
    g_autofree char *answer =
        g_markup_printf_escaped("<%s type='error' from='%s' to='%s' id='%s'><error type='wait'>"
                                "<service-unavailable xmlns='" NS_STANZA_ERRORS "'/></error></%s>",
                                name, to, from, id ? id : "", name);
    send_text(probe, answer);
}

static void start_top_level(struct probe *probe, const XML_Char *name, const XML_Char **attributes)
{
    static const char component[] = NS_COMPONENT " ";
    if (strcmp(name, NS_STREAMS " error") == 0) {
        probe->in_error = true;
        return;
    }
    if (!g_str_has_prefix(name, component))
        return;
    const char *local = name + strlen(component);
    bool iq = strcmp(local, "iq") == 0;
    if (strcmp(local, "handshake") == 0) {
        probe->accepted = true;
    } else if (iq && probe->ping_id &&
               g_strcmp0(attribute_find(attributes, "id"), probe->ping_id) == 0 &&
               g_strcmp0(attribute_find(attributes, "from"), probe->options->xmpp_server_domain) ==
                   0) {
        probe->answered = true;
        probe->in_answer = true;
    } else {
        refuse_stanza(probe, local, attributes);
    }
}

static void take_condition(const XML_Char *name, const char *ns, char **condition)
{
    size_t length = strlen(ns);
    bool ours = strncmp(name, ns, length) == 0 && name[length] == ' ';
    if (ours && !*condition && strcmp(name + length + 1, "text") != 0)
        *condition = g_strdup(name + length + 1);
}

static void start_element(void *data, const XML_Char *name, const XML_Char **attributes)
{
    struct probe *probe = data;
    if (probe->depth == 0)
        probe->stream_id = g_strdup(attribute_find(attributes, "id"));
    else if (probe->depth == 1)
        start_top_level(probe, name, attributes);
    else if (probe->in_error)
        take_condition(name, NS_STREAM_ERRORS, &probe->stream_error);
    else if (probe->in_answer)
        take_condition(name, NS_STANZA_ERRORS, &probe->ping_error);
    probe->depth++;
}

static void end_element(void *data, const XML_Char *name)
{
    struct probe *probe = data;
    (void)name;
    probe->depth--;
    if (probe->depth == 1 && probe->in_error && !probe->stream_error)
        probe->stream_error = g_strdup("undefined-condition");
    if (probe->depth <= 1)
        probe->in_error = probe->in_answer = false;
}

static void refuse_doctype(void *data, const XML_Char *name, const XML_Char *system,
                           const XML_Char *public, int internal)
{
    struct probe *probe = data;
    (void)name, (void)system, (void)public, (void)internal;
    XML_StopParser(probe->parser, XML_FALSE);
}

static bool has_header(const struct probe *probe)
{
    return probe->stream_id != NULL;
}

static bool is_decided(const struct probe *probe)
{
    return probe->accepted;
}

static bool is_answered(const struct probe *probe)
{
    return probe->answered && !probe->in_answer;
}

/* Reads until DONE, a stream error, the end of the connection or of patience. */
static bool wait_for(struct probe *probe, bool (*done)(const struct probe *probe))
{
    char chunk[4096];
    gint64 deadline = g_get_monotonic_time() + PATIENCE;
    size_t total = 0;
    while (!done(probe) && !probe->stream_error && !probe->broken) {
        if (g_get_monotonic_time() > deadline || total > READ_MAX)
            return false;
        ssize_t n = recv(probe->fd, chunk, sizeof chunk, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            continue;
        if (n <= 0 || XML_Parse(probe->parser, chunk, (int)n, 0) != XML_STATUS_OK)
            probe->broken = true;
        else
            total += (size_t)n;
    }
    return done(probe) && !probe->stream_error;
}

static void send_handshake(struct probe *probe)
{
    guint8 digest[SHA_DIGEST_LENGTH];
    char hex[2 * SHA_DIGEST_LENGTH + 1];
    char *input = g_strconcat(probe->stream_id, probe->options->xmpp_secret, NULL);
    EVP_Digest(input, strlen(input), digest, NULL, EVP_sha1(), NULL);
    explicit_bzero(input, strlen(input));
    g_free(input);
    for (size_t i = 0; i < sizeof digest; i++)
        g_snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    g_autofree char *handshake = g_strdup_printf("<handshake>%s</handshake>", hex);
    send_text(probe, handshake);
}

static void explain_stream(struct doctor *doctor, const struct probe *probe, const char *moment)
{
    const char *domain = doctor->options->xmpp_domain;
    const char *condition = probe->stream_error;
    if (g_strcmp0(condition, "not-authorized") == 0)
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "the XMPP server refuses the secret of %s; make [xmpp] secret equal to the "
                   "component's secret there (ejabberd says the same of a domain it lacks)",
                   domain);
    else if (g_strcmp0(condition, "host-unknown") == 0)
        doctor_say(
            doctor, VERDICT_FAIL, PART,
            "the XMPP server has no component %s; add it there, or mend [xmpp] domain or port "
            "(it must be that of the component listener)",
            domain);
    else if (g_strcmp0(condition, "conflict") == 0)
        doctor_say(doctor, VERDICT_WARN, PART,
                   "secret not tried: another program is connected as %s; fine if that is trestle, "
                   "else stop it",
                   domain);
    else if (condition)
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "the XMPP server ends the stream %s with %s; see its log", moment, condition);
    else
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "%s %s; is [xmpp] port that of the component listener (XEP-0114)?",
                   probe->broken ? "the connection was closed, or is not XMPP," : "no answer",
                   moment);
}

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

/* What a domain says that is there but has no ping module; anything else came from elsewhere. */
static bool is_answer_without_ping(const char *condition)
{
    return strcmp(condition, "service-unavailable") == 0 ||
           strcmp(condition, "feature-not-implemented") == 0;
}

static void check_server_domain(struct doctor *doctor, struct probe *probe)
{
    const struct options *options = doctor->options;
    probe->ping_id = random_hex(8);
    g_autofree char *ping = g_markup_printf_escaped(
        "<iq type='get' id='%s' from='%s' to='%s'><ping xmlns='urn:xmpp:ping'/></iq>",
        probe->ping_id, options->xmpp_domain, options->xmpp_server_domain);
    send_text(probe, ping);
    if (!wait_for(probe, is_answered))
        doctor_say(
            doctor, VERDICT_FAIL, PING_PART,
            "%s does not answer a ping; [xmpp] server_domain must be a domain that this XMPP "
            "server serves itself",
            options->xmpp_server_domain);
    else if (probe->ping_error && !is_answer_without_ping(probe->ping_error))
        doctor_say(doctor, VERDICT_FAIL, PING_PART,
                   "this XMPP server does not serve %s (%s); mend [xmpp] server_domain",
                   options->xmpp_server_domain, probe->ping_error);
    else if (probe->ping_error)
        doctor_say(doctor, VERDICT_WARN, PING_PART,
                   "%s answers pings with %s, which will do; better enable its ping module",
                   options->xmpp_server_domain, probe->ping_error);
    else
        doctor_say(doctor, VERDICT_OK, PING_PART, "%s answers", options->xmpp_server_domain);
}

static void run_probe(struct doctor *doctor, struct probe *probe)
{
    const char *domain = doctor->options->xmpp_domain;
    g_autofree char *header =
        g_markup_printf_escaped("<?xml version='1.0'?><stream:stream xmlns='" NS_COMPONENT
                                "' xmlns:stream='" NS_STREAMS "' to='%s'>",
                                domain);
    send_text(probe, header);
    if (!wait_for(probe, has_header)) {
        explain_stream(doctor, probe, "after the stream header");
        return;
    }
    send_handshake(probe);
    if (!wait_for(probe, is_decided)) {
        explain_stream(doctor, probe, "after the handshake");
        return;
    }
    doctor_say(doctor, VERDICT_OK, PART, "the XMPP server accepts %s", domain);
    check_server_domain(doctor, probe);
    send_text(probe, "</stream:stream>");
}

void doctor_check_link(struct doctor *doctor)
{
    const struct options *options = doctor->options;
    if (doctor->running && doctor->link_up) {
        doctor_say(doctor, VERDICT_OK, PART, "trestle is running and has the link");
        return;
    }
    if (doctor->holder) { /* a handshake could take the link away from it */
        doctor_say(doctor, VERDICT_OK, PART, "the instance %s has it", doctor->holder);
        return;
    }
    struct probe probe = {.options = options};
    probe.fd = doctor_connect(options->xmpp_host, options->xmpp_port);
    if (probe.fd < 0) {
        explain_connect(doctor, errno);
        return;
    }
    probe.parser = XML_ParserCreateNS("UTF-8", ' ');
    XML_SetUserData(probe.parser, &probe);
    XML_SetElementHandler(probe.parser, start_element, end_element);
    XML_SetStartDoctypeDeclHandler(probe.parser, refuse_doctype);
    run_probe(doctor, &probe);
    XML_ParserFree(probe.parser);
    close(probe.fd);
    g_free(probe.stream_id);
    g_free(probe.stream_error);
    g_free(probe.ping_id);
    g_free(probe.ping_error);
}
