/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Making hosted users, from a token's claims or by a server key. */
#pragma once

#include "bridge/archive/archive.h"

struct account;
struct core;
struct revocation;

void sessions_init(struct core *core);
void sessions_clear(struct core *core);

/* Forgets the sessions that are meant, and closes the streams of subscribers. */
void session_revoke(struct core *core, const struct revocation *revocation);

struct user_claims {
    const char *subject;  /* the app's own id */
    const char *username; /* these may be NULL */
    const char *name;
    const char *picture;
    const char *once; /* what makes the request recognisable: { subject, key, fingerprint } */
};

/* Finds or makes the user; DONE gets one row: id, jid, name, User object, whether it was made,
 * number, and of a request that comes again 1, or 2 if it is another one with the key of an earlier
 * one. No row: the app's own id is the id of another user. */
void user_provision(struct core *core, const struct user_claims *claims, archive_done done,
                    void *data);

/* What a function that asks access_hold() has found, in COLUMN of its one row. False: *ret_code and
 * *ret_detail (static text) say why its caller may not come in. */
bool access_is_granted(const struct rows *rows, int column, enum error_code *ret_code,
                       const char **ret_detail);

/* The account of the single row of a user query, put into memory; borrowed. */
struct account *account_of_rows(struct core *core, const struct rows *rows);
