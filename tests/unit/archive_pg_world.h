/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An archive on the database TRESTLE_TEST_DATABASE, which is empty, and what is written to it. */
#pragma once

#include <check.h>
#include <glib.h>
#include <libpq-fe.h>
#include <stdbool.h>

#include "bridge/archive/archive.h"
#include "bridge/archive/write_kinds.h"
#include "bridge/base/options.h"

extern struct archive *archive;
extern struct options *options;
extern PGconn *admin;
extern unsigned ups;
extern enum log_change change;

/* What was told of writes. */
struct tally {
    unsigned done, stored, failed, late;
    gint64 last_seq;
    bool disorder;
    enum error_code error;
    gint64 statements[64]; /* sent when the first, second … write was told */
};
extern struct tally tally;

/* Several instances: what each transaction took of the log. */
struct spans {
    gint64 before, after; /* of the one whose completions are being called */
    gint64 end;           /* of the last one */
    unsigned count;
    bool disorder;
};
extern struct spans spans;

/* A callback of the archive. */
void came_up(const struct log_state *log, void *data);
void batch_begin(gint64 before, gint64 after, void *data);
void batch_end(void *data);

/* The tables are empty, options are the usual ones, and there is no archive yet. */
void start(void);
/* Until it is up. */
void open_archive(void);
void stop(void);
/* One turn of the loop. */
void turn(void);

/* The first value of the first row, to be freed. */
char *sql(const char *text);
void expect_sql(const char *text, const char *wanted);

/* Those of a message. */
void write_done(struct write *write, enum error_code error);
void write_late(struct write *write);
/* alice says it in a conversation of two. */
void add(const char *body);
/* COUNT texts of eight digits. */
void add_numbered(unsigned first, unsigned count);
/* Until so many were told. */
void finish_all(unsigned count);

/* DATA is where the error of a query goes. */
void ask_done(const struct rows *rows, enum error_code error, void *data);

/* ---- Tests, by subject -------------------------------------------------------------------- */

void add_tests_of_links(TCase *tcase);
void add_tests_of_heads(TCase *tcase);
