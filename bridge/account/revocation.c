/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking for revocations. */
#include "config.h"

#include "bridge/account/revocation.h"
#include "bridge/account/session.h"
#include "bridge/archive/archive.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/loop/loop.h"

#define PAGE_MAX 1000

struct revocations {
    bool known;      /* position is set */
    gint64 position; /* carried out up to here */
    unsigned log;    /* counts logs: positions of an older one mean nothing */
    bool asking;     /* the timer's own question is under way */
    guint timer;
};

struct question {
    struct sessions *sessions;
    gint64 asked; /* the position asked with; -1: none */
    unsigned log; /* revocations->log then */
    bool timed;
    void (*done)(void *data);
    void *data;
};

static void question_ask(struct question *question);

struct revocations *revocations_new(void)
{
    return g_new0(struct revocations, 1);
}

void revocations_free(struct revocations *revocations)
{
    g_clear_handle_id(&revocations->timer, g_source_remove);
    g_free(revocations);
}

bool revocations_cover(struct sessions *sessions, gint64 position)
{
    struct revocations *revocations = sessions->revocations;
    if (!revocations->known) {
        revocations->known = true;
        revocations->position = position;
    }
    return position >= revocations->position;
}

void revocations_start_anew(struct sessions *sessions)
{
    sessions->revocations->log++;
    sessions->revocations->known = false;
    sessions->revocations->position = 0;
}

static void question_finish(struct question *question)
{
    if (question->timed)
        question->sessions->revocations->asking = false;
    if (question->done)
        question->done(question->data);
    g_free(question);
}

/* There is no telling what was missed: the log begins later than where we stand, or is another. */
static void revoke_everything(struct sessions *sessions, gint64 head)
{
    struct revocation all = {.reason = "sign in again"};
    log_warning(AREA_AUTH, "revocations-missed", "head=%" G_GINT64_FORMAT, head);
    session_revoke(sessions, &all);
    sessions->revocations->position = head;
}

static void carry_out(struct sessions *sessions, const struct rows *rows, int row)
{
    struct revocation revocation = {.reason = rows_text(rows, row, REVOCATION_SINCE_REASON),
                                    .issued_before =
                                        rows_integer(rows, row, REVOCATION_SINCE_ISSUED_BEFORE)};
    if (!rows_uuid(rows, row, REVOCATION_SINCE_USER_ID, &revocation.user))
        return;
    if (rows_text(rows, row, REVOCATION_SINCE_CREDENTIAL) &&
        !rows_uuid(rows, row, REVOCATION_SINCE_CREDENTIAL, &revocation.credential))
        return;
    session_revoke(sessions, &revocation);
    if (sessions->user_revoked && uuid_is_nil(&revocation.credential))
        sessions->user_revoked(&revocation.user, sessions->tell_data);
    metric_add(METRIC_SESSIONS_REVOKED, 1);
}

/* True if there may be more. */
static bool rows_apply(struct sessions *sessions, const struct rows *rows)
{
    struct revocations *revocations = sessions->revocations;
    gint64 head = rows_integer(rows, 0, REVOCATION_SINCE_HEAD);
    int count = rows_count(rows);
    if (head < revocations->position) {
        revoke_everything(sessions, head);
        return false;
    }
    for (int row = 0; row < count && rows_text(rows, row, REVOCATION_SINCE_POSITION); row++) {
        gint64 position = rows_integer(rows, row, REVOCATION_SINCE_POSITION);
        if (position <= revocations->position)
            continue;
        if (position != revocations->position + 1) {
            revoke_everything(sessions, head);
            return false;
        }
        carry_out(sessions, rows, row);
        revocations->position = position;
    }
    return count >= PAGE_MAX;
}

static void question_answered(const struct rows *rows, enum error_code error, void *data)
{
    struct question *question = data;
    struct sessions *sessions = question->sessions;
    struct revocations *revocations = sessions->revocations;
    if (error != ERROR_NONE || rows_count(rows) == 0) {
        question_finish(question);
        return;
    }
    /* Asked without a position, the answer only says where to begin, unless a sign-in has. */
    bool more = false;
    if (question->log != revocations->log)
        more = true;
    else if (question->asked >= 0)
        more = rows_apply(sessions, rows);
    else if (!revocations->known)
        revocations_cover(sessions, rows_integer(rows, 0, REVOCATION_SINCE_HEAD));
    else
        more = true;
    if (more)
        question_ask(question);
    else
        question_finish(question);
}

static void question_ask(struct question *question)
{
    const struct revocations *revocations = question->sessions->revocations;
    char position[24];
    question->asked = revocations->known ? revocations->position : -1;
    question->log = revocations->log;
    g_snprintf(position, sizeof position, "%" G_GINT64_FORMAT, question->asked);
    const char *values[] = {revocations->known ? position : NULL, G_STRINGIFY(PAGE_MAX)};
    archive_query(question->sessions->archive, QUERY_REVOCATION_SINCE, values, question_answered,
                  question);
}

void revocations_catch_up(struct sessions *sessions, void (*done)(void *data), void *data)
{
    struct question *question = g_new0(struct question, 1);
    question->sessions = sessions;
    question->done = done;
    question->data = data;
    question_ask(question);
}

void revocations_added(struct sessions *sessions, void (*done)(void *data), void *data)
{
    if (sessions->tell_revoked)
        sessions->tell_revoked(sessions->tell_data);
    revocations_catch_up(sessions, done, data);
}

static gboolean on_timer(gpointer data)
{
    struct sessions *sessions = data;
    if (sessions->revocations->asking || !archive_is_up(sessions->archive))
        return G_SOURCE_CONTINUE;
    struct question *question = g_new0(struct question, 1);
    question->sessions = sessions;
    question->timed = sessions->revocations->asking = true;
    question_ask(question);
    return G_SOURCE_CONTINUE;
}

void revocations_start(struct sessions *sessions)
{
    struct revocations *revocations = sessions->revocations;
    revocations->timer =
        g_timeout_add((guint)sessions->options->session_recheck, on_timer, sessions);
}
