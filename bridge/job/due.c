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
    bool full; /* there may be more that is due */
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
    if (run->error != ERROR_NONE)
        run_end(run, JOB_FAILED);
    else if (run->full && run->rounds >= ROUNDS_MAX)
        run_end(run, JOB_MORE);
    else if (run->full)
        round_begin(run);
    else
        change_submit(job_core(run->job), run->due->rest, NULL, NULL, rest_done, run);
}

static void one_done(const struct change_result *result, void *data)
{
    struct due_run *run = data;
    if (result->error != ERROR_NONE)
        run->error = result->error;
    if (--run->waiting == 0)
        round_end(run);
}

static void due_read(const struct rows *rows, enum error_code error, void *data)
{
    struct due_run *run = data;
    struct core *core = job_core(run->job);
    run->error = error;
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
