/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The parts that the doctor tries, in the order of its report; the link is in doctor_link.c. */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bridge/account/mint.h"
#include "bridge/account/token.h"
#include "bridge/archive/archive.h"
#include "bridge/archive/migrate.h"
#include "bridge/archive/tool.h"
#include "bridge/base/clock.h"
#include "bridge/tool/admin_sql.h"
#include "bridge/tool/doctor.h"
#include "bridge/tool/doctor_part.h"
#include "bridge/tool/token.h"

#define CLOCK_WARN (2 * G_USEC_PER_SEC)
#define SPARE_DESCRIPTORS 128

void doctor_say(struct doctor *doctor, enum verdict verdict, const char *part, const char *format,
                ...)
{
    static const char *const words[] = {"ok", "warn", "FAIL"};
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_strdelimit(text, "\r\n\t", ' ');
    printf("%-4s  %-13s  %s\n", words[verdict], part, text);
    fflush(stdout);
    doctor->failed |= verdict == VERDICT_FAIL;
}

int doctor_report_configuration(const char *message)
{
    struct doctor doctor = {.options = NULL};
    doctor_say(&doctor, VERDICT_FAIL, "configuration", "%s", message);
    return EXIT_FAILURE;
}

static void check_running(struct doctor *doctor)
{
    const struct options *options = doctor->options;
    g_autofree char *metrics =
        doctor_http_get(options->http_admin_listen, options->http_admin_port, "/metrics");
    doctor->running = metrics && strstr(metrics, "\ntrestle_") != NULL;
    doctor->link_up = doctor->running && strstr(metrics, "\ntrestle_link_up 1\n") != NULL;
    doctor->rooms_link_up =
        doctor->running && strstr(metrics, "\ntrestle_rooms_link_up 1\n") != NULL;
    const char *failing =
        doctor->running ? strstr(metrics, "\ntrestle_ice_servers_failing ") : NULL;
    doctor->ice_failing =
        failing ? g_ascii_strtoull(failing + strlen("\ntrestle_ice_servers_failing "), NULL, 10)
                : 0;
    doctor->refused = doctor->running && strstr(metrics, "\ntrestle_archive_writable 0\n") != NULL;
}

static void check_database_settings(struct doctor *doctor, PGconn *connection)
{
    g_autofree char *commit = admin_sql_value(connection, "SHOW synchronous_commit");
    g_autofree char *fsync = admin_sql_value(connection, "SHOW fsync");
    if (g_strcmp0(fsync, "off") == 0)
        doctor_say(
            doctor, VERDICT_WARN, "durability",
            "fsync is off: acknowledged messages are lost when the machine fails; set it on");
    else if (g_strcmp0(commit, "off") == 0 || g_strcmp0(commit, "local") == 0)
        doctor_say(doctor, VERDICT_WARN, "durability",
                   "synchronous_commit is %s here; trestle sets it on for its own connections, but "
                   "other writers of this database do not",
                   commit);
    else
        doctor_say(doctor, VERDICT_OK, "durability", "synchronous_commit is %s", commit);
}

/* With C, PostgreSQL knows upper and lower case of ASCII letters only. */
static void check_locale(struct doctor *doctor, PGconn *connection)
{
    g_autofree char *locale = admin_sql_value(connection, tool_query_text(TOOL_LOCALE));
    if (g_strcmp0(locale, "C") == 0 || g_strcmp0(locale, "POSIX") == 0)
        doctor_say(doctor, VERDICT_WARN, "locale",
                   "that of the database is %s: searches tell Ä from ä; make it anew with CREATE "
                   "DATABASE … LOCALE 'C.UTF-8' TEMPLATE template0, and restore into it",
                   locale);
}

/* Whether it fits. */
static bool check_schema(struct doctor *doctor, PGconn *connection)
{
    g_autofree char *version = admin_sql_value(connection, tool_query_text(TOOL_SCHEMA_NEWEST));
    gint64 number = version ? g_ascii_strtoll(version, NULL, 10) : 0;
    g_autofree char *functions =
        admin_sql_value(connection, tool_query_text(TOOL_SCHEMA_FUNCTIONS));
    if (version && number == schema_version() &&
        g_strcmp0(functions, schema_functions_digest()) != 0)
        doctor_say(
            doctor, VERDICT_FAIL, "schema",
            "version %s, but its functions are those of another program; run 'trestle migrate'",
            version);
    else if (version && number == schema_version())
        doctor_say(doctor, VERDICT_OK, "schema", "version %s", version);
    else if (version)
        doctor_say(doctor, VERDICT_FAIL, "schema", "version %s, this program needs %d; %s", version,
                   schema_version(),
                   number < schema_version() ? "run 'trestle migrate'"
                                             : "install the newer trestle that migrated it");
    else
        doctor_say(doctor, VERDICT_FAIL, "schema",
                   "the tables of trestle are not there; run 'trestle migrate'");
    return number == schema_version() && g_strcmp0(functions, schema_functions_digest()) == 0;
}

/* A disk that is full, a lock, a standby, a read-only session: all else looks well then. */
static void check_writing(struct doctor *doctor, PGconn *connection)
{
    g_autofree char *problem = admin_sql_try_write(connection);
    if (problem)
        doctor_say(doctor, VERDICT_FAIL, "writing", "the database takes no writes: %s", problem);
    else if (doctor->refused)
        doctor_say(doctor, VERDICT_FAIL, "writing",
                   "a write was tried and taken back, but trestle is running and its own are "
                   "refused; its log "
                   "says why (writes-refused)");
    else
        doctor_say(doctor, VERDICT_OK, "writing", "a write was tried, and taken back");
}

static void check_clock(struct doctor *doctor, PGconn *connection)
{
    gint64 before = clock_wall();
    g_autofree char *now = admin_sql_value(connection, tool_query_text(TOOL_CLOCK_NOW));
    gint64 middle = before + (clock_wall() - before) / 2;
    gint64 difference = now ? g_ascii_strtoll(now, NULL, 10) - middle : 0;
    gint64 size = ABS(difference);
    if (!now)
        doctor_say(doctor, VERDICT_WARN, "clock", "the database does not tell the time");
    else if (size > CLOCK_WARN)
        doctor_say(doctor,
                   size > doctor->options->auth_leeway * G_USEC_PER_SEC ? VERDICT_FAIL
                                                                        : VERDICT_WARN,
                   "clock",
                   "the database's clock is %.1f s %s this machine's; run a time service (chrony, "
                   "systemd-timesyncd) on both",
                   (double)size / G_USEC_PER_SEC, difference > 0 ? "ahead of" : "behind");
    else
        doctor_say(doctor, VERDICT_OK, "clock", "%.3f s from the database's",
                   (double)size / G_USEC_PER_SEC);
}

static void check_users(struct doctor *doctor, PGconn *connection)
{
    g_autofree char *count = admin_sql_value(connection, tool_query_text(TOOL_USER_AMBIGUOUS));
    if (count && strcmp(count, "0") != 0)
        doctor_say(
            doctor, VERDICT_WARN, "user ids",
            "the own ids (users.external_id) of %s users are the ids of others; whoever names "
            "one of them in Trestle-User or participant_id means nobody; give them other ones",
            count);
}

static void check_database(struct doctor *doctor)
{
    char *problem = NULL;
    g_autoptr(PGconn) connection = admin_sql_connect(doctor->options, &problem);
    if (!connection) {
        doctor_say(doctor, VERDICT_FAIL, "database", "%s; see [database] uri", problem);
        g_free(problem);
        return;
    }
    const char *encoding = PQparameterStatus(connection, "server_encoding");
    int version = PQserverVersion(connection);
    g_autofree char *unfit = schema_server_problem(version, encoding);
    if (unfit)
        doctor_say(doctor, VERDICT_FAIL, "database", "%s", unfit);
    else
        doctor_say(doctor, VERDICT_OK, "database", "PostgreSQL %d.%d, %s", version / 10000,
                   version % 10000, encoding);
    check_locale(doctor, connection);
    check_database_settings(doctor, connection);
    if (check_schema(doctor, connection))
        check_writing(doctor, connection);
    check_clock(doctor, connection);
    check_users(doctor, connection);
    doctor_check_replica(doctor, connection);
    doctor_check_archives(doctor, connection);
    doctor_note_holder(doctor, connection);
}

struct listener {
    const char *part;
    const char *address;
    gint64 port;
    const char *options; /* as they are called in the file */
};

static void check_listener(struct doctor *doctor, struct listener listener)
{
    int trouble = doctor_try_listen(listener.address, listener.port);
    int port = (int)listener.port;
    if (trouble == 0 && doctor->running)
        doctor_say(doctor, VERDICT_WARN, listener.part,
                   "trestle is running but does not listen on port %d; start it again", port);
    else if (trouble == 0)
        doctor_say(doctor, VERDICT_OK, listener.part, "port %d is free", port);
    else if (trouble == EADDRINUSE && doctor->running)
        doctor_say(doctor, VERDICT_OK, listener.part, "trestle is running on port %d", port);
    else if (trouble == EADDRINUSE)
        doctor_say(doctor, VERDICT_FAIL, listener.part,
                   "another program has port %d ('ss -ltnp' shows which); stop it or change %s",
                   port, listener.options);
    else if (trouble == EACCES)
        doctor_say(doctor, VERDICT_FAIL, listener.part,
                   "port %d is for root only; take one above 1023, behind a proxy, and change %s",
                   port, listener.options);
    else if (trouble == EADDRNOTAVAIL)
        doctor_say(doctor, VERDICT_FAIL, listener.part,
                   "%s is no address of this machine; change %s", listener.address,
                   listener.options);
    else
        doctor_say(doctor, VERDICT_FAIL, listener.part, "cannot listen on %s port %d: %s",
                   listener.address, port, g_strerror(trouble));
}

static void check_file_limit(struct doctor *doctor)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)doctor->options->http_connections_max + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    if (limit.rlim_max >= wanted)
        doctor_say(doctor, VERDICT_OK, "file limit", "%llu descriptors allowed, %llu needed",
                   (unsigned long long)limit.rlim_max, (unsigned long long)wanted);
    else
        doctor_say(doctor, VERDICT_FAIL, "file limit",
                   "%llu descriptors allowed, %llu needed; raise it (LimitNOFILE= in the unit, "
                   "ulimit -Hn in a shell) or lower [http] connections_max",
                   (unsigned long long)limit.rlim_max, (unsigned long long)wanted);
}

static void check_minting(struct doctor *doctor)
{
    const char *problem = NULL;
    struct mint_claims claims = {.sub = "doctor", .ttl = 1};
    g_autofree char *token = token_mint(doctor->options, &claims, &problem);
    if (token)
        doctor_say(doctor, VERDICT_OK, "token key", "signs HS256");
    else
        doctor_say(doctor, VERDICT_FAIL, "token key", "%s; see [auth] key", problem);
}

/* Read as the daemon reads them. */
static void check_token_key(struct doctor *doctor)
{
    const char *algorithm = doctor->options->auth_algorithm, *note;
    g_autoptr(GError) error = NULL;
    g_autoptr(token_verifier) tokens = token_verifier_new(doctor->options, &error);
    bool is_fault;
    if (!tokens) {
        doctor_say(doctor, VERDICT_FAIL, "token key", "%s", error->message);
        return;
    }
    for (unsigned i = 0; (note = token_verifier_note(tokens, i, &is_fault)); i++)
        doctor_say(doctor, is_fault ? VERDICT_WARN : VERDICT_OK, "token key", "left out: %s", note);
    if (strcmp(algorithm, "HS256") == 0)
        check_minting(doctor);
    else
        doctor_say(doctor, VERDICT_OK, "token key", "%u good for %s",
                   token_verifier_key_count(tokens), algorithm);
}

int doctor_run(const struct options *options)
{
    struct doctor doctor = {.options = options};
    doctor_say(&doctor, VERDICT_OK, "configuration", "%s", options->config_path);
    check_running(&doctor);
    check_database(&doctor);
    doctor_check_cluster(&doctor);
    doctor_check_link(&doctor);
    doctor_check_logins(&doctor);
    g_free(doctor.holder);
    check_listener(&doctor, (struct listener){"api port", options->http_listen, options->http_port,
                                              "[http] listen and port"});
    check_listener(&doctor, (struct listener){"admin port", options->http_admin_listen,
                                              options->http_admin_port,
                                              "[http] admin_listen and admin_port"});
    check_file_limit(&doctor);
    check_token_key(&doctor);
    doctor_check_ice(&doctor);
    return doctor.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
