/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of options as text for people. */
#pragma once

#include <stdio.h>

void options_print_help(FILE *out);   /* trestle --help-options */
void options_print_sample(FILE *out); /* the sample configuration file */
void options_print_man(FILE *out);    /* the manual page's CONFIGURATION, roff man macros */
