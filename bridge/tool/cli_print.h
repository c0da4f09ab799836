/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the command line prints about itself. */
#pragma once

#include <stddef.h>
#include <stdio.h>

struct cli_command {
    const char *name;
    const char *summary;
};

struct cli_option {
    const char *name;
    const char *value; /* the placeholder */
    const char *summary;
};

struct cli_text {
    const struct cli_command *commands;
    size_t command_count;
    const struct cli_option *options;
    size_t option_count;
};

void cli_print_help(FILE *out, const struct cli_text *text);
/* The page of the configuration file. */
void cli_print_man_config(FILE *out);
void cli_print_man(FILE *out, const struct cli_text *text); /* same on every machine */
void cli_print_version(FILE *out);                          /* with the linked libraries' */
