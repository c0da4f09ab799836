/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Starting anew with another log. Sockets stay: their clients fetch their state again, as after a
 * resync, and each is checked as if it came in now, for users and sign-outs of the end of the old
 * log are gone, or others. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/account/revocation.h"
#include "bridge/account/session.h"
#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/core/epoch.h"
#include "bridge/core/event.h"
#include "bridge/core/relation.h"

#define ATTEMPTS_MAX 20 /* of asking; each waits as long as the archive has patience */

struct question {
    struct core *core;
    struct uuid user;
    struct uuid credential;
    gint64 issued; /* 0: a server key let it in, which is not signed out */
    unsigned attempts;
};

static void question_ask(struct question *question);

/* CREATED_AT is NULL for a user that is not there. */
static void subscriber_checked(const struct rows *rows, enum error_code error, void *data)
{
    struct question *question = data;
    struct core *core = question->core;
    bool good = error == ERROR_NONE && rows_count(rows) == 1 &&
                rows_integer(rows, 0, SESSION_CHECK_STATE) == 0 &&
                rows_text(rows, 0, SESSION_CHECK_CREATED_AT);
    struct revocation revocation = {
        .user = question->user, .credential = question->credential, .reason = "sign in again"};
    if (core->archive && error == ERROR_UNAVAILABLE && ++question->attempts < ATTEMPTS_MAX) {
        question_ask(question); /* the connections come over to the new log one by one */
        return;
    }
    g_free(question);
    if (!core->archive)
        return; /* stopping */
    if (good)
        relation_changed_elsewhere(core, &revocation.user); /* contacts, blocks, privacy */
    else
        session_revoke(core->sessions, &revocation);
}

static void question_ask(struct question *question)
{
    char user[UUID_TEXT_SIZE], credential[UUID_TEXT_SIZE], issued[24];
    uuid_format(&question->user, user);
    uuid_format(&question->credential, credential);
    g_snprintf(issued, sizeof issued, "%" G_GINT64_FORMAT, question->issued);
    bool own = question->issued > 0;
    const char *values[] = {user, own ? credential : NULL, own ? issued : NULL};
    archive_query(question->core->archive, QUERY_SESSION_CHECK, values, subscriber_checked,
                  question);
}

static void subscriber_check(struct core *core, const struct subscriber *subscriber)
{
    struct question *question = g_new0(struct question, 1);
    *question = (struct question){.core = core,
                                  .user = subscriber->account->id,
                                  .credential = subscriber->grant.credential,
                                  .issued = subscriber->grant.issued};
    question_ask(question);
}

/* A subscriber may remove itself, or others, while it is told. */
static void account_start_anew(struct core *core, struct account *account)
{
    for (guint i = account->subscribers ? account->subscribers->len : 0; i-- > 0;) {
        if (!account->subscribers || i >= account->subscribers->len)
            continue;
        struct subscriber *subscriber = g_ptr_array_index(account->subscribers, i);
        subscriber_check(core, subscriber);
        subscriber->start_anew(subscriber, core->position);
    }
}

static void unref_account(gpointer data)
{
    account_unref(data);
}

static void subscribers_start_anew(struct core *core)
{
    g_autoptr(GPtrArray) accounts = g_ptr_array_new_with_free_func(unref_account);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, core->accounts->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        if (((struct account *)value)->subscribers)
            g_ptr_array_add(accounts, account_ref(value));
    }
    for (guint i = 0; i < accounts->len; i++)
        account_start_anew(core, accounts->pdata[i]);
}

static void begin_anew(struct core *core, gint64 position)
{
    core->log++;
    core->position = position;
    sessions_forget_all(core->sessions);
    revocations_start_anew(core->sessions);
    relations_forget_all(core);
    subscribers_start_anew(core);
}

void epoch_take(struct core *core, const struct log_state *log)
{
    bool first = !core->epoch[0];
    g_free(core->past);
    core->past = g_strdup(log->past);
    if (log->change != LOG_SAME) {
        g_free(core->epoch);
        core->epoch = g_strdup(log->epoch);
    }
    if (first)
        core->position = log->position;
    else if (log->change == LOG_OTHER)
        begin_anew(core, log->position);
}
