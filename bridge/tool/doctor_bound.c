/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doctor's look at hosts whose accounts are used here: their module, as it says hello to the
 * daemon that runs, or else to the doctor; their archive; and whether passwords can be tried. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/archive/tool.h"
#include "bridge/bound/login_program.h"
#include "bridge/loop/child.h"
#include "bridge/tool/doctor_part.h"

#define PART "module"
#define ARCHIVE_PART "archive"
#define LOGIN_PART "sign-in"

/* ---- The module ------------------------------------------------------------------------------ */

static bool is_ejabberd(const struct bound_hello *hello)
{
    return strcmp(hello->server, "ejabberd") == 0;
}

static void explain_refusal(struct doctor *doctor, const char *host, const char *condition)
{
    const char *domain = doctor->options->xmpp_domain;
    if (!condition)
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "%s does not answer; [bound] hosts must be domains that this XMPP server serves",
                   host);
    else if (strcmp(condition, "forbidden") == 0)
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "mod_trestle of %s is for another component; set trestle_component (Prosody) or "
                   "component (ejabberd) to %s there",
                   host, domain);
    else if (strcmp(condition, "feature-not-implemented") == 0)
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "mod_trestle of %s is of another version; install the one of this trestle",
                   host);
    else if (strcmp(condition, "service-unavailable") == 0)
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "%s has no mod_trestle; load it for that host, with %s as its component: "
                   "docs/servers.md says how",
                   host, domain);
    else
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "%s answers with %s; [bound] hosts must be domains that this XMPP server serves",
                   host, condition);
}

static bool module_is_asked(const struct options *options)
{
    return strcmp(options->bound_login_by, "module") == 0 || *options->bound_login_claim;
}

static void explain_module(struct doctor *doctor, const char *host, const struct bound_hello *hello)
{
    const char *server = *hello->server ? hello->server : "the server";
    if (strcmp(hello->users, "none") == 0)
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "%s has mod_trestle, but it may bind nobody there; set %s", host,
                   is_ejabberd(hello) ? "mod_trestle's users, an access rule"
                                      : "trestle_users: \"all\", names, or a group");
    else if (!(hello->has & BOUND_HAS_BIND))
        doctor_say(doctor, VERDICT_FAIL, PART, "mod_trestle of %s does not bind sessions", host);
    else if (!(hello->has & BOUND_HAS_LOGIN) && module_is_asked(doctor->options))
        doctor_say(doctor, VERDICT_FAIL, PART,
                   "mod_trestle of %s cannot be asked who may sign in, which [bound] login_by or "
                   "login_claim needs; install the one of this trestle",
                   host);
    else if (hello->max_sessions > 0 && hello->sessions >= hello->max_sessions)
        doctor_say(doctor, VERDICT_WARN, PART, "%s has all its %u sessions bound; raise %s there",
                   host, (unsigned)hello->max_sessions,
                   is_ejabberd(hello) ? "max_sessions" : "trestle_max_sessions");
    else if (*hello->plugin && strcmp(hello->plugin, PACKAGE_VERSION) != 0)
        doctor_say(doctor, VERDICT_WARN, PART,
                   "%s: %s has mod_trestle %s, this trestle came with " PACKAGE_VERSION
                   "; install its modules",
                   host, server, hello->plugin);
    else
        doctor_say(doctor, VERDICT_OK, PART, "%s: %s, mod_trestle %s, may bind %s", host, server,
                   *hello->plugin ? hello->plugin : "of unknown version",
                   strcmp(hello->users, "some") == 0 ? "the accounts of its rule"
                                                     : "every account");
}

static void explain_archive(struct doctor *doctor, const char *host,
                            const struct bound_hello *hello)
{
    if (strcmp(hello->archive, "trestle") != 0)
        doctor_say(
            doctor, VERDICT_WARN, ARCHIVE_PART,
            "%s keeps its archive elsewhere: what is said while trestle is away is missing in "
            "apps; %s",
            host,
            is_ejabberd(hello) ? "set mod_mam's db_type to trestle, and load mod_mam_trestle"
                               : "load mam and set storage = { archive = \"trestle\" } there");
    else if (*hello->archive_problem)
        doctor_say(doctor, VERDICT_FAIL, ARCHIVE_PART,
                   "%s cannot use the archive, messages wait in its spool: %s; see %s there", host,
                   hello->archive_problem, is_ejabberd(hello) ? "mod_mam_trestle" : "trestle_sql");
    else if (hello->archive_waiting > 0)
        doctor_say(doctor, VERDICT_WARN, ARCHIVE_PART,
                   "%s reads and writes it, and %" G_GUINT64_FORMAT
                   " bytes wait in the spool; if they do not go away, the server's log says why",
                   host, hello->archive_waiting);
    else
        doctor_say(doctor, VERDICT_OK, ARCHIVE_PART, "%s has signed in, and reads and writes it",
                   host);
}

void doctor_explain_host(struct doctor *doctor, const char *host, const struct bound_hello *hello,
                         const char *condition)
{
    if (!hello) {
        explain_refusal(doctor, host, condition);
        return;
    }
    explain_module(doctor, host, hello);
    explain_archive(doctor, host, hello);
}

/* ---- What the daemon that runs was told ------------------------------------------------------ */

static const char *text_of(const json_t *host, const char *name)
{
    const char *text = json_string_value(json_object_get(host, name));
    return text ? text : "";
}

static void host_look(struct doctor *doctor, const json_t *host)
{
    const char *name = text_of(host, "host"), *state = text_of(host, "state");
    struct bound_hello hello = {
        .archive = text_of(host, "archive"),
        .server = text_of(host, "server"),
        .plugin = text_of(host, "plugin"),
        .users = text_of(host, "users"),
        .archive_problem = text_of(host, "archive_problem"),
        .archive_waiting = (uint64_t)json_integer_value(json_object_get(host, "archive_waiting")),
        .has =
            BOUND_HAS_BIND | (json_is_true(json_object_get(host, "login")) ? BOUND_HAS_LOGIN : 0u),
        .sessions = (uint64_t)json_integer_value(json_object_get(host, "sessions")),
        .max_sessions = (uint64_t)json_integer_value(json_object_get(host, "sessions_max"))};
    if (strcmp(state, "elsewhere") == 0)
        doctor_say(doctor, VERDICT_OK, PART,
                   "%s: the instance that has the link knows; ask the doctor there", name);
    else if (strcmp(state, "up") == 0)
        doctor_explain_host(doctor, name, &hello, NULL);
    else
        doctor_explain_host(doctor, name, NULL,
                            strcmp(state, "absent") == 0 ? text_of(host, "refusal") : NULL);
}

void doctor_look_at_hosts(struct doctor *doctor)
{
    const struct options *options = doctor->options;
    if (!*options->bound_hosts)
        return;
    g_autofree char *text =
        doctor_http_get(options->http_admin_listen, options->http_admin_port, "/hosts");
    json_t *page = text ? json_loads(text, 0, NULL) : NULL;
    json_t *hosts = json_object_get(page, "hosts"), *host;
    size_t i;
    json_array_foreach(hosts, i, host) host_look(doctor, host);
    if (json_array_size(hosts) == 0)
        doctor_say(doctor, VERDICT_WARN, PART,
                   "trestle, which is running, does not know [bound] hosts; start it again");
    json_decref(page);
}

/* ---- Their archives -------------------------------------------------------------------------- */

void doctor_check_archives(struct doctor *doctor, PGconn *connection)
{
    const char *values[] = {doctor->options->bound_hosts};
    g_autoptr(PGresult) result =
        PQexecParams(connection, tool_query_text(TOOL_MAM_CHECK), 1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return; /* the schema is another, which was said */
    if (!PQgetisnull(result, 0, 0))
        doctor_say(doctor, VERDICT_WARN, "archives", "%s", PQgetvalue(result, 0, 0));
    g_autoptr(PGresult) newest =
        PQexecParams(connection, tool_query_text(TOOL_MAM_NEWEST), 1, NULL, values, NULL, NULL, 0);
    for (int row = 0; row < PQntuples(newest); row++) {
        const char *host = PQgetvalue(newest, row, 0);
        if (PQgetisnull(newest, row, 1))
            doctor_say(doctor, VERDICT_OK, "archives", "nothing is kept of %s yet", host);
        else
            doctor_say(doctor, VERDICT_OK, "archives", "the newest of %s is of %s", host,
                       PQgetvalue(newest, row, 1));
    }
}

/* ---- Passwords ------------------------------------------------------------------------------- */

struct attempt {
    GMainLoop *loop;
    struct login_result result;
};

static void attempt_ended(const struct buffer *output, int status, void *data)
{
    struct attempt *attempt = data;
    g_autofree char *text = g_strndup(output->data ? output->data : "", output->length);
    (void)status;
    login_result_read(text, &attempt->result);
    g_main_loop_quit(attempt->loop);
}

static void explain_failure(struct doctor *doctor, const char *host,
                            const struct login_result *result)
{
    static const struct {
        const char *word, *text;
    } mends[] = {
        {"certificate", "its certificate is refused; give the server one for this domain, or name "
                        "the authority's file in [bound] login_ca"},
        {"tls", "no TLS; enable it for clients there (only for a server on loopback: [bound] "
                "login_tls = none)"},
        {"mechanism", "no mechanism that trestle-login knows; enable SCRAM-SHA-256 or SCRAM-SHA-1 "
                      "for clients there"},
        {"connect", "its port for clients cannot be reached; start the server, or mend [bound] "
                    "login_servers"},
        {"timeout", "no answer in [bound] login_timeout; is that the port for clients?"},
        {"stream", "the server ends the stream; is [bound] hosts a domain of it? See its log"},
    };
    const char *text = "trestle-login ended by itself";
    for (size_t i = 0; i < G_N_ELEMENTS(mends); i++) {
        if (strcmp(mends[i].word, result->word) == 0)
            text = mends[i].text;
    }
    doctor_say(doctor, VERDICT_FAIL, LOGIN_PART, "passwords of %s cannot be tried: %s%s%s%s", host,
               text, *result->detail ? " (" : "", result->detail, *result->detail ? ")" : "");
}

/* Of nobody: that it is refused shows that it was checked. */
static void check_login(struct doctor *doctor, const char *host)
{
    g_autofree char *program = child_program("trestle-login");
    g_autofree char *name = g_uuid_string_random();
    g_autofree char *jid = g_strdup_printf("trestle-doctor-%.8s@%s", name, host);
    g_autoptr(GBytes) input = login_input_new(doctor->options, jid, name);
    g_autoptr(GMainLoop) loop = g_main_loop_new(NULL, FALSE);
    g_autoptr(GError) error = NULL;
    struct attempt attempt = {.loop = loop};
    const struct child_plan plan = {.program = program,
                                    .input = input,
                                    .output_max = LOGIN_OUTPUT_MAX,
                                    .seconds = (unsigned)doctor->options->bound_login_timeout,
                                    .done = attempt_ended,
                                    .data = &attempt};
    if (!child_start(&plan, &error)) {
        doctor_say(doctor, VERDICT_FAIL, LOGIN_PART, "trestle-login cannot be started: %s",
                   error->message);
        return;
    }
    g_main_loop_run(loop);
    if (attempt.result.verdict == ERROR_UNAVAILABLE)
        explain_failure(doctor, host, &attempt.result);
    else
        doctor_say(doctor, VERDICT_OK, LOGIN_PART, "%s checks passwords, by %s%s%s", host,
                   strcmp(doctor->options->bound_login_tls, "none") == 0
                       ? "loopback without TLS"
                       : "TLS with a good certificate",
                   *attempt.result.word ? " and " : "", attempt.result.word);
}

void doctor_check_logins(struct doctor *doctor)
{
    g_auto(GStrv) hosts = g_strsplit(doctor->options->bound_hosts, " ", -1);
    if (*doctor->options->bound_hosts && strcmp(doctor->options->bound_login_by, "module") == 0) {
        doctor_say(doctor, VERDICT_OK, LOGIN_PART, "passwords are tried by mod_trestle");
        return;
    }
    for (guint i = 0; hosts[i]; i++) {
        if (*hosts[i])
            check_login(doctor, hosts[i]);
    }
}
