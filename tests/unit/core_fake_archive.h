/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An archive without a database: questions and writes wait until the test answers them. Linked in
 * place of bridge/archive/archive.c. */
#pragma once

#include "bridge/archive/archive.h"

/* The oldest question that waits: its query (QUERY_MAX: none) and parameters. */
enum query fake_asked(void);
const char *fake_value(int number);
/* How many questions wait; and puts the one with that number, counted from the oldest, first. */
unsigned fake_questions(void);
void fake_prefer(unsigned number);
/* Answers it with ROWS rows of COLUMNS cells (NULL: SQL NULL), or with an error. */
void fake_answer(int rows, int columns, const char *const *cells);
/* A cell with a composite value of PARTS, each bytes in hexadecimal or NULL; and such bytes. Caller
 * frees. */
char *fake_record(const char *const *parts, unsigned count);
GBytes *fake_user(const char *jid); /* a value of user_view; caller unrefs */
char *fake_hex(const void *bytes, size_t length);
void fake_fail(enum error_code error);

/* Takes the oldest write that waits, or NULL. */
struct write *fake_take_write(void);
void fake_settle(struct write *write, enum write_outcome outcome); /* calls done */
void fake_refuse(struct write *write, enum error_code error);      /* calls done */
unsigned fake_writes(void);
void fake_set_up(bool up);

/* Answers what still waits with ERROR_UNAVAILABLE, until nobody asks any more. */
void fake_clear(void);
