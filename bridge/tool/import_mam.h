/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `trestle import`: takes over what the archive of an account's server holds, before the server's
 * own module keeps its archives here. */
#pragma once

struct options;

struct import_request {
    const char *jid;           /* of the account; NULL: not said */
    const char *password_file; /* NULL: standard input */
    const char *server;        /* host or host:port; NULL: DNS says */
    const char *tls;           /* required, none; NULL: required */
};

/* What the command line lacks, or NULL. */
const char *import_problem(const struct import_request *request);
/* Signs in as the account and reads its archive, from where it was left, to its end. The exit
 * status. */
int import_run(const struct options *options, const struct import_request *request);
