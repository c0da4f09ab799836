/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What happens to messages when it is time: polls close, places stop, messages disappear, and all
 * are told what has changed meanwhile. See sql/function/deadline.sql. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/core/feature.h"
#include "bridge/job/due.h"
#include "bridge/job/job.h"

static void deadlines_meet(struct job *job)
{
    static const struct due due = {.query = QUERY_DEADLINE_DUE,
                                   .change = "deadline_meet",
                                   .argument = "key",
                                   .rest = "deadline_rest"};
    due_run(job, &due);
}

static void reap_retold(struct job *job)
{
    job_reap(job, QUERY_REAP_RETOLD, (const char *[]){"500"});
}

static const struct job_kind jobs[] = {
    {.name = "message.deadline", .lock = 30, .retry = 2, .retry_max = 60, .run = deadlines_meet},
    {.name = "reap.retold", .interval = 3600, .run = reap_retold},
    {0},
};

const struct feature feature_deadline = {.name = "deadline", .jobs = jobs};
