/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Help, manual page and version. */
#include "config.h"

#include <expat.h>
#include <glib.h>
#include <jansson.h>
#include <jwt.h>
#include <libpq-fe.h>
#include <microhttpd.h>
#include <openssl/crypto.h>
#include <wslay/wslay.h>

#include "bridge/base/options.h"
#include "bridge/base/options_print.h"
#include "bridge/base/text.h"
#include "bridge/tool/cli_print.h"

static const struct cli_command printers[] = {
    {"--help", "Say what there is."},
    {"--help-options", "List the options of the configuration file."},
    {"--sample-config", "Print a configuration file with every option and its default."},
    {"--openapi", "Print the description of the REST API (OpenAPI 3.1)."},
    {"--asyncapi", "Print the description of the WebSocket (AsyncAPI 3.0)."},
    {"--man", "Print the manual page trestle(8)."},
    {"--man-config", "Print the manual page trestle.ini(5)."},
    {"--version", "Print the version, and those of the libraries."},
};

#define LINE_WIDTH 78

void cli_print_help(FILE *out, const struct cli_text *text)
{
    fputs("Usage: trestle COMMAND [OPTION...]\n\nCommands:\n", out);
    for (size_t i = 0; i < text->command_count; i++) {
        fprintf(out, "  %s\n", text->commands[i].name);
        text_print_wrapped(out, "      ", text->commands[i].summary, LINE_WIDTH);
    }
    fputs("\nOptions of commands:\n", out);
    for (size_t i = 0; i < text->option_count; i++) {
        fprintf(out, "  --%s %s\n", text->options[i].name, text->options[i].value);
        text_print_wrapped(out, "      ", text->options[i].summary, LINE_WIDTH);
    }
    fputs("\nInstead of a command:\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(printers); i++)
        fprintf(out, "  %-16s  %s\n", printers[i].name, printers[i].summary);
    fprintf(out,
            "\nThe configuration is read from %s/trestle/trestle.ini\nunless --config names "
            "another file.\n",
            TRESTLE_SYSCONFDIR);
}

static void print_roff(FILE *out, const char *text)
{
    for (const char *p = text; *p; p++)
        fputs(*p == '-' ? "\\-" : (const char[]){*p, '\0'}, out);
}

static void print_man_commands(FILE *out, const struct cli_text *text)
{
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; i < text->command_count; i++) {
        fputs(".TP\n.B ", out);
        print_roff(out, text->commands[i].name);
        fputc('\n', out);
        print_roff(out, text->commands[i].summary);
        fputc('\n', out);
    }
    fputs(".SH OPTIONS\n", out);
    for (size_t i = 0; i < text->option_count; i++) {
        fputs(".TP\n.BI \\-\\-", out);
        print_roff(out, text->options[i].name);
        fprintf(out, " \" %s\"\n", text->options[i].value);
        print_roff(out, text->options[i].summary);
        fputc('\n', out);
    }
    fputs(".PP\nInstead of a command:\n", out);
    for (size_t i = 0; i < G_N_ELEMENTS(printers); i++) {
        fputs(".TP\n.B ", out);
        print_roff(out, printers[i].name);
        fputc('\n', out);
        print_roff(out, printers[i].summary);
        fputc('\n', out);
    }
}

void cli_print_man(FILE *out, const struct cli_text *text)
{
    fputs(".\\\" SPDX-License-Identifier: GPL-3.0-or-later\n"
          ".\\\" Made by trestle \\-\\-man.\n"
          ".TH TRESTLE 8 \"\" \"trestle " PACKAGE_VERSION "\" \"System Administration\"\n"
          ".SH NAME\n"
          "trestle \\- REST and WebSocket messaging in front of an XMPP server\n"
          ".SH SYNOPSIS\n"
          ".B trestle\n"
          ".I command\n"
          ".RI [ option... ]\n"
          ".SH DESCRIPTION\n"
          "trestle is a bridge beside an XMPP server, to which it connects as a component\n"
          "(XEP\\-0114). Web and mobile applications use its REST and WebSocket API; their users\n"
          "and the users of the XMPP network share conversations, with one history, kept in\n"
          "PostgreSQL.\n",
          out);
    print_man_commands(out, text);
    fputs(".SH SIGNALS\n"
          ".TP\n.BR SIGTERM \", \" SIGINT\n"
          "Stop accepting work, answer what is under way for at most five seconds, and end.\n"
          ".TP\n.B SIGHUP\n"
          "Read the log options, the [auth] and [features] sections of the configuration, the\n"
          "administrators, the keys of the store and the secrets of other services again, with\n"
          "their files, and open the log file anew. What is not good leaves all as it was.\n"
          ".SH FILES\n"
          ".TP\n.I trestle/trestle.ini\n"
          "in the system configuration directory, usually /etc: the configuration, see\n"
          ".BR trestle.ini (5).\n"
          ".TP\n.I operations.md\n"
          "beside this program's other documents: how to run, watch, save and restore it.\n"
          ".SH EXIT STATUS\n"
          "0 on success, 1 when the command failed (for doctor: when a part fails), 2 when the\n"
          "command line was wrong.\n"
          ".SH SEE ALSO\n"
          ".BR trestle.ini (5),\n.BR systemctl (1),\n.BR psql (1)\n",
          out);
}

void cli_print_man_config(FILE *out)
{
    fputs(".\\\" SPDX-License-Identifier: GPL-3.0-or-later\n"
          ".\\\" Made by trestle \\-\\-man\\-config.\n"
          ".TH TRESTLE.INI 5 \"\" \"trestle " PACKAGE_VERSION "\" \"File Formats\"\n"
          ".SH NAME\n"
          "trestle.ini \\- configuration of trestle\n"
          ".SH SYNOPSIS\n"
          ".I /etc/trestle/trestle.ini\n"
          ".SH DESCRIPTION\n"
          "What\n.BR trestle (8)\nreads when it starts;\n"
          ".B trestle check\\-config\n"
          "says whether it is good, and\n.B trestle doctor\nwhether it works.\n",
          out);
    options_print_man(out);
    fputs(".SH FILES\n"
          ".TP\n.I /usr/share/doc/trestle/examples/trestle.ini.sample\n"
          "every option with its default.\n"
          ".SH SEE ALSO\n"
          ".BR trestle (8)\n",
          out);
}

void cli_print_version(FILE *out)
{
    int pq = PQlibVersion();
    fprintf(out, "trestle %s\n", PACKAGE_VERSION);
    fprintf(out, "configuration %s/trestle/trestle.ini\n", TRESTLE_SYSCONFDIR);
    fprintf(out, "glib %u.%u.%u\n", glib_major_version, glib_minor_version, glib_micro_version);
    fprintf(out, "%s\n", XML_ExpatVersion());
    fprintf(out, "libstrophe %s\n", STROPHE_VERSION);
    fprintf(out, "libmicrohttpd %s\n", MHD_get_version());
    fprintf(out, "wslay %s\n", WSLAY_VERSION);
    fprintf(out, "jansson %s\n", jansson_version_str());
    fprintf(out, "libjwt %s\n", JWT_VERSION);
    fprintf(out, "libpq %d.%d\n", pq / 10000, pq % 10000);
    fprintf(out, "%s\n", OpenSSL_version(OPENSSL_VERSION));
}
