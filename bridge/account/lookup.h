/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accounts as the database has them. Those returned are borrowed, as in account.h. */
#pragma once

#include "bridge/base/error.h"

struct account;
struct accounts;
struct rows;

/* The account of the single row of a user query, put into memory. Such rows are alike, whichever
 * function returns them: id, jid, name, User object, …, number. NULL: there is none. */
struct account *account_of_rows(struct accounts *accounts, const struct rows *rows);
/* The same where the fifth column is the kind of the user: one who has a login here and a server
 * elsewhere; NULL also for anybody else. */
struct account *account_of_bound(struct accounts *accounts, const struct rows *rows);
/* The same of one who has a login here, hosted or not. */
struct account *account_of_user(struct accounts *accounts, const struct rows *rows);

/* ACCOUNT (borrowed) is NULL when there is no hosted user with that address (ERROR is ERROR_NONE),
 * or when the database is away. */
typedef void (*account_done)(struct account *account, enum error_code error, void *data);

/* Finds the hosted user with bare JID, in memory or in the database. DONE is called exactly once,
 * later. */
void account_lookup_jid(struct accounts *accounts, const char *jid, account_done done, void *data);
