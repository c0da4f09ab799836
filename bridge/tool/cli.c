/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subcommands and their options as tables; help and manual page come from the same tables. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bridge/account/token.h"
#include "bridge/base/error.h"
#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/base/options_print.h"
#include "bridge/base/words.h"
#include "bridge/describe/asyncapi.h"
#include "bridge/describe/describe.h"
#include "bridge/describe/openapi.h"
#include "bridge/feature/features.h"
#include "bridge/tool/admin_shell.h"
#include "bridge/tool/admin_sql.h"
#include "bridge/tool/backup_check.h"
#include "bridge/tool/cli.h"
#include "bridge/tool/cli_print.h"
#include "bridge/tool/doctor.h"
#include "bridge/tool/import_mam.h"
#include "bridge/tool/migrate.h"
#include "bridge/tool/token.h"

#define DEFAULT_CONFIG TRESTLE_SYSCONFDIR "/trestle/trestle.ini"
#define SPARE_DESCRIPTORS 128 /* link, database, listeners, log, libraries */

/* What the command line said; strings are borrowed from argv. */
struct arguments {
    const char *config;
    int (*serve)(const struct options *options);
    struct token_request token;
    struct import_request import;
    const char *backup_files; /* NULL: not said */
    char **words;             /* behind the options; ended by NULL */
};

static int run_serve(const struct options *options, const struct arguments *arguments);
static int run_migrate(const struct options *options, const struct arguments *arguments);
static int run_check(const struct options *options, const struct arguments *arguments);
static int run_doctor(const struct options *options, const struct arguments *arguments);
static int run_token(const struct options *options, const struct arguments *arguments);
static int run_admin(const struct options *options, const struct arguments *arguments);
static int run_import(const struct options *options, const struct arguments *arguments);
static int run_log_id(const struct options *options, const struct arguments *arguments);
static int run_backup_check(const struct options *options, const struct arguments *arguments);

enum {
    OPTION_CONFIG = 'c',
    OPTION_HELP = 'h',
    OPTION_TOKEN = 256,
    OPTION_IMPORT = 512,
    OPTION_FILES = 768
};

static const struct command {
    struct cli_command text;
    bool takes_token_options;
    bool takes_words;
    int (*run)(const struct options *options, const struct arguments *arguments);
} commands[] = {
    {{"serve",
      "Run the bridge in the foreground. SIGTERM ends it after answering what is under way, "
      "SIGHUP reads the log options, the keys and the secrets of other services again."},
     false,
     false,
     run_serve},
    {{"migrate", "Bring the database to the schema of this version. Safe to repeat."},
     false,
     false,
     run_migrate},
    {{"check-config", "Read the configuration and say whether it is good."},
     false,
     false,
     run_check},
    {{"doctor",
      "Try every part (configuration, database, component link, listeners, clock, limits, "
      "token key) and say in one line each what is wrong and how to mend it."},
     false,
     false,
     run_doctor},
    {{"token", "With --sub: print a token for an app user, signed with the HS256 key. With "
               "--server-key: create a server key and print it, once. With --revoke: end one."},
     true,
     false,
     run_token},
    {{"admin",
      "COMMAND [FIELD=VALUE...]: give a command of administrators to the service that runs, at its "
      "[admin] socket, and print the answer as JSON. Several values are separated by commas. "
      "Without a command: list them."},
     false,
     true,
     run_admin},
    {{"log-id", "ID...: print each id as it stands in a log with [log] ids = hash."},
     false,
     true,
     run_log_id},
    {{"import",
      "Take over the archive of an account of an XMPP server, before the server keeps its archives "
      "here. Reads it as the account does, in pages; can be stopped and repeated."},
     false,
     false,
     run_import},
    {{"backup-check",
      "Look through a database that was restored, and the store of its files: schema, log, numbers "
      "of messages, keys, every byte of every file. Changes nothing; a sandbox will do. "
      "Ends with 0 if all is there."},
     false,
     false,
     run_backup_check},
};

enum token_option { SUB, USERNAME, NAME, TTL, SERVER_KEY, SCOPES, REVOKE };
enum import_option { FROM_MAM, PASSWORD_FILE, SERVER, TLS };

static const struct cli_option option_texts[] = {
    {"config", "FILE",
     "Configuration file; default trestle/trestle.ini in the system configuration "
     "directory."},
    {"sub", "ID", "token: the app's own id of the user."},
    {"username", "NAME", "token: user name for a user who is seen for the first time."},
    {"name", "NAME", "token: name to show."},
    {"ttl", "SECONDS", "token: how long the token is good for; default 3600."},
    {"server-key", "NAME", "token: create a server key with this name."},
    {"scopes", "LIST",
     "token: what the server key may do: " WORDS_COMMAS(
         KEY_SCOPES) ", separated by commas; default the first three."},
    {"revoke", "NAME", "token: make the server key of this name invalid."},
    {"from-mam", "ADDRESS", "import: the account whose archive is read."},
    {"password-file", "FILE", "import: its password; default: read from standard input."},
    {"server", "HOST:PORT", "import: where its server is, if DNS does not say."},
    {"tls", "WORD", "import: required, which is the default, or none, for a server on loopback."},
    {"files", "WORD",
     "backup-check: all reads every file, which is the default; sizes looks at keys and ends; none "
     "leaves them out."},
};

static const struct option long_options[] = {
    {"config", required_argument, NULL, OPTION_CONFIG},
    {"help", no_argument, NULL, OPTION_HELP},
    {"sub", required_argument, NULL, OPTION_TOKEN + SUB},
    {"username", required_argument, NULL, OPTION_TOKEN + USERNAME},
    {"name", required_argument, NULL, OPTION_TOKEN + NAME},
    {"ttl", required_argument, NULL, OPTION_TOKEN + TTL},
    {"server-key", required_argument, NULL, OPTION_TOKEN + SERVER_KEY},
    {"scopes", required_argument, NULL, OPTION_TOKEN + SCOPES},
    {"revoke", required_argument, NULL, OPTION_TOKEN + REVOKE},
    {"from-mam", required_argument, NULL, OPTION_IMPORT + FROM_MAM},
    {"password-file", required_argument, NULL, OPTION_IMPORT + PASSWORD_FILE},
    {"server", required_argument, NULL, OPTION_IMPORT + SERVER},
    {"tls", required_argument, NULL, OPTION_IMPORT + TLS},
    {"files", required_argument, NULL, OPTION_FILES},
    {NULL, 0, NULL, 0}};

static void text_fill(struct cli_text *ret_text)
{
    static struct cli_command texts[G_N_ELEMENTS(commands)];
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++)
        texts[i] = commands[i].text;
    *ret_text =
        (struct cli_text){texts, G_N_ELEMENTS(texts), option_texts, G_N_ELEMENTS(option_texts)};
}

static int usage_error(const char *format, ...) G_GNUC_PRINTF(1, 2);

static int usage_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    fprintf(stderr, "trestle: %s\nTry 'trestle --help'.\n", message);
    return EXIT_USAGE;
}

/* Sockets are the resource that the default limit of 1024 descriptors runs out of first. */
static void raise_file_limit(const struct options *options)
{
    struct rlimit limit;
    rlim_t wanted = (rlim_t)options->http_connections_max + SPARE_DESCRIPTORS;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = MIN(wanted, limit.rlim_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_warning(AREA_MAIN, "file-limit-low", "limit=%llu wanted=%llu",
                    (unsigned long long)limit.rlim_cur, (unsigned long long)wanted);
}

static int run_serve(const struct options *options, const struct arguments *arguments)
{
    if (!options_use_log(options))
        return EXIT_FAILURE;
    raise_file_limit(options);
    return arguments->serve(options);
}

static int run_migrate(const struct options *options, const struct arguments *arguments)
{
    (void)arguments;
    return options_use_log(options) ? migrate_run(options) : EXIT_FAILURE;
}

/* The key files belong to the configuration; they are read as `serve` reads them. */
static int run_check(const struct options *options, const struct arguments *arguments)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(token_verifier) tokens = token_verifier_new(options, &error);
    const char *note;
    bool is_fault;
    if (!tokens) {
        fprintf(stderr, "trestle: %s: %s\n", arguments->config, error->message);
        return EXIT_FAILURE;
    }
    for (unsigned i = 0; (note = token_verifier_note(tokens, i, &is_fault)); i++)
        fprintf(stderr, "%s: left out: %s\n", arguments->config, note);
    printf("%s: ok\n", arguments->config);
    return EXIT_SUCCESS;
}

static int run_doctor(const struct options *options, const struct arguments *arguments)
{
    (void)arguments;
    return doctor_run(options);
}

static int run_token(const struct options *options, const struct arguments *arguments)
{
    return token_run(options, &arguments->token);
}

static int run_admin(const struct options *options, const struct arguments *arguments)
{
    return admin_shell_run(options, arguments->words);
}

static int run_import(const struct options *options, const struct arguments *arguments)
{
    return import_run(options, &arguments->import);
}

static int run_backup_check(const struct options *options, const struct arguments *arguments)
{
    return backup_check_run(options, arguments->backup_files);
}

static int run_log_id(const struct options *options, const struct arguments *arguments)
{
    if (strcmp(options->log_ids, "hash") != 0) {
        fprintf(stderr, "trestle: [log] ids is not hash: ids stand in the log as they are\n");
        return EXIT_FAILURE;
    }
    log_hash_ids(options->log_ids_key);
    for (char **word = arguments->words; *word; word++) {
        g_autofree char *text = log_id_text(*word);
        printf("%s\n", text);
    }
    log_hash_ids(NULL);
    return EXIT_SUCCESS;
}

static void take_import_option(struct import_request *import, enum import_option option,
                               const char *value)
{
    switch (option) {
    case FROM_MAM:
        import->jid = value;
        break;
    case PASSWORD_FILE:
        import->password_file = value;
        break;
    case SERVER:
        import->server = value;
        break;
    case TLS:
        import->tls = value;
        break;
    }
}

static bool read_ttl(const char *text, gint64 *ret_ttl)
{
    return g_ascii_string_to_signed(text, 10, 1, TOKEN_TTL_MAX, ret_ttl, NULL);
}

static bool take_token_option(struct token_request *token, enum token_option option,
                              const char *value)
{
    switch (option) {
    case SUB:
        token->sub = value;
        return true;
    case USERNAME:
        token->username = value;
        return true;
    case NAME:
        token->name = value;
        return true;
    case SERVER_KEY:
        token->server_key = value;
        return true;
    case SCOPES:
        token->scopes = value;
        return true;
    case REVOKE:
        token->revoke = value;
        return true;
    case TTL:
        return read_ttl(value, &token->ttl);
    }
    return false;
}

static const char *long_name(int value)
{
    for (const struct option *option = long_options; option->name; option++) {
        if (option->val == value)
            return option->name;
    }
    return "?";
}

static int print_usage(void)
{
    struct cli_text text;
    text_fill(&text);
    cli_print_help(stdout, &text);
    return EXIT_SUCCESS;
}

/* The base layer does not know libpq, which alone can say whether it will read the URI. */
static struct options *load_options(const char *path, GError **error)
{
    g_autoptr(trestle_options) options = options_load(path, error);
    bool written = !options || admin_sql_uri_is_good(options->database_uri);
    if (!options || (written && (!*options->database_read_uri ||
                                 admin_sql_uri_is_good(options->database_read_uri))))
        return g_steal_pointer(&options);
    g_set_error(error, TRESTLE_ERROR_DOMAIN, ERROR_UNPROCESSABLE,
                "%s: [database] %s: libpq cannot read it; special characters in a name or "
                "password must be percent-encoded (@ is %%40, / is %%2F)",
                path, written ? "read_uri" : "uri");
    return NULL;
}

static int run_command(const struct command *command, const struct arguments *arguments)
{
    const char *problem = command->takes_token_options ? token_problem(&arguments->token)
                          : command->run == run_import ? import_problem(&arguments->import)
                          : command->run == run_backup_check
                              ? backup_check_problem(arguments->backup_files)
                              : NULL;
    if (problem)
        return usage_error("%s", problem);
    g_autoptr(GError) error = NULL;
    g_autoptr(trestle_options) options = load_options(arguments->config, &error);
    if (!options) {
        if (command->run == run_doctor)
            return doctor_report_configuration(error->message);
        fprintf(stderr, "trestle: %s\n", error->message);
        return EXIT_FAILURE;
    }
    return command->run(options, arguments);
}

static int parse_command(const struct command *command, int argc, char **argv,
                         int (*serve)(const struct options *options))
{
    struct arguments arguments = {
        .config = DEFAULT_CONFIG, .serve = serve, .token = TOKEN_REQUEST_INIT};
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, "+:c:h", long_options, NULL)) != -1) {
        if (option == ':')
            return usage_error("option '%s' needs a value", argv[optind - 1]);
        if (option == '?' && optopt > 0)
            return usage_error("'%s' has no option '-%c'", command->text.name, optopt);
        if (option == '?')
            return usage_error("'%s' has no option '%s'", command->text.name, argv[optind - 1]);
        if (option == OPTION_HELP)
            return print_usage();
        if (option == OPTION_CONFIG) {
            arguments.config = optarg;
            continue;
        }
        if (option == OPTION_FILES && command->run == run_backup_check) {
            arguments.backup_files = optarg;
            continue;
        }
        if (option >= OPTION_IMPORT && option < OPTION_FILES && command->run == run_import) {
            take_import_option(&arguments.import, (enum import_option)(option - OPTION_IMPORT),
                               optarg);
            continue;
        }
        if (option >= OPTION_IMPORT || !command->takes_token_options)
            return usage_error("'%s' has no option '--%s'", command->text.name, long_name(option));
        if (!take_token_option(&arguments.token, (enum token_option)(option - OPTION_TOKEN),
                               optarg))
            return usage_error("--ttl must be a number of seconds from 1 to %d", TOKEN_TTL_MAX);
    }
    arguments.words = argv + optind;
    if (optind < argc && !command->takes_words)
        return usage_error("'%s' takes no argument '%s'", command->text.name, argv[optind]);
    return run_command(command, &arguments);
}

static void print_description(char *(*describe_api)(const struct operation *const *operations,
                                                    enum describe_form form))
{
    g_autofree char *text = describe_api(features_operations(), DESCRIBE_READABLE);
    puts(text);
}

static int print_something(const char *option)
{
    struct cli_text text;
    text_fill(&text);
    if (strcmp(option, "--help") == 0 || strcmp(option, "-h") == 0)
        cli_print_help(stdout, &text);
    else if (strcmp(option, "--version") == 0)
        cli_print_version(stdout);
    else if (strcmp(option, "--help-options") == 0)
        options_print_help(stdout);
    else if (strcmp(option, "--sample-config") == 0)
        options_print_sample(stdout);
    else if (strcmp(option, "--man") == 0)
        cli_print_man(stdout, &text);
    else if (strcmp(option, "--man-config") == 0)
        cli_print_man_config(stdout);
    else if (strcmp(option, "--openapi") == 0)
        print_description(describe_openapi);
    else if (strcmp(option, "--asyncapi") == 0)
        print_description(describe_asyncapi);
    else
        return usage_error("there is no option '%s'", option);
    return EXIT_SUCCESS;
}

static int command_run(int argc, char **argv, int (*serve)(const struct options *options))
{
    if (argc < 2)
        return usage_error("which command?");
    if (argv[1][0] == '-') {
        if (argc > 2)
            return usage_error("'%s' stands alone; options of a command follow it", argv[1]);
        return print_something(argv[1]);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (strcmp(argv[1], commands[i].text.name) == 0)
            return parse_command(&commands[i], argc - 1, argv + 1, serve);
    }
    return usage_error("there is no command '%s'", argv[1]);
}

int cli_run(int argc, char **argv, int (*serve)(const struct options *options))
{
    int status = command_run(argc, argv, serve);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "trestle: standard output: %s\n", g_strerror(errno));
        return EXIT_FAILURE;
    }
    return status;
}
