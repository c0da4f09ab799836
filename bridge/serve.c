/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stands in for the daemon until its parts are wired together. */
#include "config.h"

#include <stdio.h>

#include "bridge/serve.h"

int serve_run(const struct options *options)
{
    (void)options;
    fputs("trestle: serve is not available in this build\n", stderr);
    return 1;
}

int migrate_run(const struct options *options)
{
    (void)options;
    fputs("trestle: migrate is not available in this build\n", stderr);
    return 1;
}
