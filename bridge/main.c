/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The trestle program: command line and subcommands. */
#include "config.h"

int main(void)
{
    return 0;
}
