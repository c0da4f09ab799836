/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rounds of changes, until a round is not full. */
#include "config.h"

#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/job/due.h"
#include "bridge/job/job.h"
#include "bridge/loop/loop.h"

#define ROUND 64      /* changes under way; each may share a transaction with others */
#define ROUNDS_MAX 32 /* in one run; then other jobs have a turn */

struct due_run {
    struct job *job;
    const struct due *due;
    unsigned waiting; /* changes under way */
    unsigned rounds;
    unsigned done; /* in this round */
    bool full;     /* there may be more that is due */
    enum error_code error;
};

static void round_begin(struct due_run *run);

static void run_end(struct due_run *run, enum job_result result)
{
    job_end(run->job, result, NULL, result == JOB_FAILED ? error_info(run->error)->code : NULL);
    g_free(run);
}

static void rest_done(const struct change_result *result, void *data)
{
    struct due_run *run = data;
    run->error = result->error;
    run_end(run, result->error == ERROR_NONE ? JOB_DONE : JOB_FAILED);
}

static void round_end(struct due_run *run)
{
    /* What fails is tried again later; it must not keep back what comes behind it. */
    bool on = run->full && run->done > 0;
    if (on && run->rounds < ROUNDS_MAX)
        round_begin(run);
    else if (run->error != ERROR_NONE)
        run_end(run, JOB_FAILED);
    else if (run->full)
        run_end(run, JOB_MORE);
    else
        change_submit(job_core(run->job), run->due->rest, NULL, NULL, rest_done, run);
}

static void one_done(const struct change_result *result, void *data)
{
    struct due_run *run = data;
    if (result->error == ERROR_NONE)
        run->done++;
    else
        run->error = result->error;
    if (--run->waiting == 0)
        round_end(run);
}

static void due_read(const struct rows *rows, enum error_code error, void *data)
{
    struct due_run *run = data;
    struct core *core = job_core(run->job);
    if (error != ERROR_NONE)
        run->error = error;
    run->done = 0;
    run->full = error == ERROR_NONE && rows_count(rows) == ROUND;
    run->waiting = 1; /* until all have been begun */
    for (int row = 0; error == ERROR_NONE && row < rows_count(rows); row++) {
        json_t *arguments = json_object();
        json_object_set_new(arguments, run->due->argument, json_string(rows_text(rows, row, 0)));
        if (run->due->add)
            run->due->add(core, arguments);
        run->waiting++;
        change_submit(core, run->due->change, NULL, arguments, one_done, run);
    }
    if (--run->waiting == 0)
        round_end(run);
}

static void round_begin(struct due_run *run)
{
    run->rounds++;
    const char *values[] = {G_STRINGIFY(ROUND)};
    archive_query(job_core(run->job)->archive, run->due->query, values, due_read, run);
    loop_wake();
}

void due_run(struct job *job, const struct due *due)
{
    struct due_run *run = g_new0(struct due_run, 1);
    run->job = job;
    run->due = due;
    round_begin(run);
}
