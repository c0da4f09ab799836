/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The trestle program; everything it can do is listed in cli.c. */
#include "config.h"

#include <signal.h>

#include "bridge/serve.h"
#include "bridge/tool/cli.h"

int main(int argc, char **argv)
{
    /* A peer that went away is an error code of the write, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    return cli_run(argc, argv, serve_run);
}
