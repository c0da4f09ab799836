/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A question waits only while others are out: who comes alone is asked for at once. */
#include "config.h"

#include "bridge/archive/archive_part.h"
#include "bridge/archive/gather.h"
#include "bridge/archive/read.h"
#include "bridge/base/clock.h"
#include "bridge/loop/loop.h"

#define FEW 4          /* fewer than that go by themselves */
#define TOGETHER 128   /* in one statement, at most */
#define STATEMENTS 4   /* of a kind, under way */
#define FRESH_MAX 4096 /* of a kind, waiting; who comes then is asked for at once */

static const struct kind {
    enum query one;
    enum query many;   /* takes arrays of what ONE takes */
    int place;         /* column of MANY: which question it answers, from 1 */
    unsigned together; /* at most, in one statement */
    bool whole;        /* MANY answers all: who has no row has none. Else ONE is asked */
    int taken[READ_VALUES_MAX + 1]; /* the parameters of ONE that MANY takes; ended by -1 */
} kinds[GATHER_MAX] = {
    [GATHER_SIGN_IN] = {.one = QUERY_USER_SIGN_IN,
                        .many = QUERY_USER_SIGN_IN_KNOWN,
                        .place = USER_SIGN_IN_KNOWN_N,
                        .together = TOGETHER,
                        .taken = {0, 3, 4, 5, 6, 7, -1}},
    [GATHER_PARTNERS] = {.one = QUERY_PRESENCE_PARTNERS,
                         .many = QUERY_PRESENCE_PARTNERS_MANY,
                         .place = PRESENCE_PARTNERS_MANY_N,
                         .together = 32, /* of whom each may have 2,000 */
                         .whole = true,
                         .taken = {0, 2, -1}},
};

struct question {
    struct gatherer *gatherer;
    enum gather kind;
    gint64 queued; /* clock_monotonic */
    char *values[READ_VALUES_MAX];
    archive_done done;
    void *data;
};

/* One statement for many. */
struct gathering {
    struct gatherer *gatherer;
    enum gather kind;
    unsigned count;
    struct question *questions[TOGETHER];
};

struct gatherer {
    struct archive *archive;
    GQueue fresh[GATHER_MAX]; /* struct question *, the oldest first */
    unsigned running[GATHER_MAX];
    bool stopping;
};

struct gatherer *gatherer_new(struct archive *archive)
{
    struct gatherer *gatherer = g_new0(struct gatherer, 1);
    gatherer->archive = archive;
    for (enum gather kind = 0; kind < GATHER_MAX; kind++)
        g_queue_init(&gatherer->fresh[kind]);
    return gatherer;
}

static int parameters_of(enum gather kind)
{
    return archive_statements()[kinds[kind].one].parameters;
}

static void question_answer(struct question *question, const struct rows *rows,
                            enum error_code error)
{
    question->done(rows, error, question->data);
    for (int i = 0; i < parameters_of(question->kind); i++)
        g_free(question->values[i]);
    g_free(question);
}

/* ---- By itself ------------------------------------------------------------------------------- */

static void one_read(const struct rows *rows, enum error_code error, void *data)
{
    struct question *question = data;
    question->gatherer->running[question->kind]--;
    loop_wake(); /* at its end the next are asked */
    question_answer(question, rows, error);
}

static void question_ask(struct question *question)
{
    struct gatherer *gatherer = question->gatherer;
    gatherer->running[question->kind]++;
    archive_query(gatherer->archive, kinds[question->kind].one,
                  (const char *const *)question->values, one_read, question);
}

/* ---- Together -------------------------------------------------------------------------------- */

/* The columns of both are the same, but for the place. */
ARCHIVE_SAME_COLUMN(USER_SIGN_IN_KNOWN_N, USER_SIGN_IN_CREATED_AT + 1);
ARCHIVE_SAME_COLUMN(PRESENCE_PARTNERS_MANY_N, PRESENCE_PARTNERS_OWN_NUMBER + 1);

static void many_read(const struct rows *rows, enum error_code error, void *data)
{
    g_autofree struct gathering *gathering = data;
    struct gatherer *gatherer = gathering->gatherer;
    int place = kinds[gathering->kind].place;
    struct rows part = {0};
    int next = 0, all = error == ERROR_NONE ? rows_count(rows) : 0;
    gatherer->running[gathering->kind]--;
    loop_wake();
    for (unsigned i = 0; i < gathering->count; i++) {
        if (error == ERROR_NONE)
            part = (struct rows){rows->result, next, 0};
        while (next < all && rows_integer(rows, next, place) == i + 1)
            part.count++, next++;
        if (part.count > 0 || (error == ERROR_NONE && kinds[gathering->kind].whole))
            question_answer(gathering->questions[i], &part, ERROR_NONE);
        else if (error == ERROR_UNAVAILABLE || gatherer->stopping)
            question_answer(gathering->questions[i], NULL, ERROR_UNAVAILABLE);
        else
            question_ask(gathering->questions[i]);
        part.count = 0;
    }
}

static void append_quoted(GString *array, const char *text)
{
    if (!text) {
        g_string_append(array, "NULL");
        return;
    }
    g_string_append_c(array, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            g_string_append_c(array, '\\');
        g_string_append_c(array, *text);
    }
    g_string_append_c(array, '"');
}

/* The array of a value of all questions, as text; caller frees. */
static char *array_of(const struct gathering *gathering, int value)
{
    GString *array = g_string_new("{");
    for (unsigned i = 0; i < gathering->count; i++) {
        if (i > 0)
            g_string_append_c(array, ',');
        append_quoted(array, gathering->questions[i]->values[value]);
    }
    g_string_append_c(array, '}');
    return g_string_free(array, FALSE);
}

static void many_ask(struct gatherer *gatherer, enum gather kind)
{
    struct gathering *gathering = g_new0(struct gathering, 1);
    gathering->gatherer = gatherer;
    gathering->kind = kind;
    while (gathering->count < kinds[kind].together && gatherer->fresh[kind].head)
        gathering->questions[gathering->count++] = g_queue_pop_head(&gatherer->fresh[kind]);
    char *values[READ_VALUES_MAX] = {NULL};
    int count = 0;
    for (const int *taken = kinds[kind].taken; *taken >= 0; taken++)
        values[count++] = array_of(gathering, *taken);
    gatherer->running[kind]++;
    archive_query(gatherer->archive, kinds[kind].many, (const char *const *)values, many_read,
                  gathering);
    while (count > 0)
        g_free(values[--count]);
}

void gatherer_flush(struct gatherer *gatherer)
{
    for (enum gather kind = 0; kind < GATHER_MAX; kind++) {
        GQueue *fresh = &gatherer->fresh[kind];
        while (fresh->head && gatherer->running[kind] < STATEMENTS) {
            if (fresh->length < FEW)
                question_ask(g_queue_pop_head(fresh));
            else
                many_ask(gatherer, kind);
        }
    }
}

void gatherer_add(struct gatherer *gatherer, enum gather kind, const char *const *values,
                  archive_done done, void *data)
{
    struct question *question = g_new0(struct question, 1);
    question->gatherer = gatherer;
    question->kind = kind;
    for (int i = 0; i < parameters_of(kind); i++)
        question->values[i] = g_strdup(values[i]);
    question->done = done;
    question->data = data;
    question->queued = clock_monotonic();
    if (gatherer->fresh[kind].length >= FRESH_MAX && !gatherer->stopping) {
        question_ask(question); /* archive_query() refuses what is too much */
        return;
    }
    g_queue_push_tail(&gatherer->fresh[kind], question);
    loop_wake();
}

void gatherer_tick(struct gatherer *gatherer, gint64 now)
{
    for (enum gather kind = 0; kind < GATHER_MAX; kind++) {
        struct question *question;
        while ((question = g_queue_peek_head(&gatherer->fresh[kind])) &&
               now - question->queued >= ARCHIVE_PATIENCE)
            question_answer(g_queue_pop_head(&gatherer->fresh[kind]), NULL, ERROR_UNAVAILABLE);
    }
}

bool gatherer_stop(struct gatherer *gatherer)
{
    bool waited = false;
    gatherer->stopping = true;
    for (enum gather kind = 0; kind < GATHER_MAX; kind++) {
        struct question *question;
        while ((question = g_queue_pop_head(&gatherer->fresh[kind]))) {
            question_answer(question, NULL, ERROR_UNAVAILABLE);
            waited = true;
        }
    }
    return waited;
}

void gatherer_free(struct gatherer *gatherer)
{
    g_free(gatherer);
}
