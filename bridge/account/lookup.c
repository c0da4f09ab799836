/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Accounts as the database has them. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/lookup.h"
#include "bridge/archive/archive.h"
#include "bridge/loop/loop.h"

/* Rows of users are alike, whichever function returns them. */
ARCHIVE_SAME_COLUMN(USER_BY_JID_NUMBER, SESSION_FIND_NUMBER);
ARCHIVE_SAME_COLUMN(USER_CREATE_FACTS, SESSION_FIND_FACTS);
ARCHIVE_SAME_COLUMN(USER_CREATE_NUMBER, SESSION_FIND_NUMBER);

static struct account *account_of_row(struct accounts *accounts, const struct rows *rows,
                                      bool bound)
{
    struct account_row row = {.jid = rows_text(rows, 0, SESSION_FIND_JID),
                              .name = rows_text(rows, 0, SESSION_FIND_NAME),
                              .facts = rows_text(rows, 0, SESSION_FIND_FACTS),
                              .number = rows_integer(rows, 0, SESSION_FIND_NUMBER),
                              .hosted = !bound,
                              .bound = bound};
    if (!rows_uuid(rows, 0, SESSION_FIND_ID, &row.id))
        return NULL;
    return account_learn(accounts, &row);
}

struct account *account_of_rows(struct accounts *accounts, const struct rows *rows)
{
    return account_of_row(accounts, rows, false);
}

/* Only hosted users live here, the others are their own masters. */
static struct account *account_of_hosted(struct accounts *accounts, const struct rows *rows)
{
    if (rows_count(rows) != 1 || g_strcmp0(rows_text(rows, 0, SESSION_FIND_KIND), "hosted") != 0)
        return NULL;
    return account_of_rows(accounts, rows);
}

struct account *account_of_bound(struct accounts *accounts, const struct rows *rows)
{
    if (rows_count(rows) != 1 || g_strcmp0(rows_text(rows, 0, SESSION_FIND_KIND), "bound") != 0)
        return NULL;
    return account_of_row(accounts, rows, true);
}

struct account *account_of_user(struct accounts *accounts, const struct rows *rows)
{
    struct account *account = account_of_hosted(accounts, rows);
    return account ? account : account_of_bound(accounts, rows);
}

struct lookup {
    struct accounts *accounts;
    account_done done;
    void *data;
    struct account *account; /* reference, when it was in memory */
};

static void lookup_known(void *data)
{
    g_autofree struct lookup *lookup = data;
    lookup->done(lookup->account, ERROR_NONE, lookup->data);
    account_unref(lookup->account);
}

static void lookup_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct lookup *lookup = data;
    struct account *account = NULL;
    if (error == ERROR_NONE)
        account = account_of_hosted(lookup->accounts, rows);
    lookup->done(account, error, lookup->data);
}

void account_lookup_jid(struct accounts *accounts, const char *jid, account_done done, void *data)
{
    struct lookup *lookup = g_new0(struct lookup, 1);
    lookup->accounts = accounts;
    lookup->done = done;
    lookup->data = data;
    struct account *known = account_find_jid(accounts, jid);
    if (known && known->hosted) {
        lookup->account = account_ref(known);
        loop_defer(lookup_known, lookup);
        return;
    }
    const char *values[] = {jid};
    archive_query(accounts->archive, QUERY_USER_BY_JID, values, lookup_read, lookup);
}
