/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pictures of users whose token names one: apps are shown a copy, so that nobody out there learns
 * who looks. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/file/foreign_picture.h"
#include "bridge/job/job.h"

struct copying {
    struct job *job;
    char *url;
};

static void copying_end(struct copying *copying, enum error_code error)
{
    job_conclude(copying->job, error, false);
    g_free(copying->url);
    g_free(copying);
}

static void avatar_noted(const struct change_result *result, void *data)
{
    copying_end(data, result->error);
}

/* What cannot be had is tried again, later and later: until then there is none. */
static void avatar_got(const char *hash, void *data)
{
    struct copying *copying = data;
    struct core *core = job_core(copying->job);
    if (!hash || !core->archive) {
        copying_end(copying, ERROR_UNAVAILABLE);
        return;
    }
    change_submit(core, "avatar_arrived", NULL,
                  json_pack("{s:s, s:s, s:s}", "user_id", job_key(copying->job), "url",
                            copying->url, "hash", hash),
                  avatar_noted, copying);
}

static void avatar_wanted(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    bool wanted = error == ERROR_NONE && rows_count(rows) == 1;
    if (!wanted) {
        job_conclude(job, error, false);
        return;
    }
    struct copying *copying = g_new0(struct copying, 1);
    copying->job = job;
    copying->url = g_strdup(rows_text(rows, 0, AVATAR_WANTED_URL));
    foreign_picture_get(job_core(job), copying->url, job_key(job), avatar_got, copying);
}

static void avatar_fetch(struct job *job)
{
    const char *values[] = {job_key(job)};
    if (strcmp(job_core(job)->options->fetch_pictures, "on") == 0)
        archive_query(job_core(job)->archive, QUERY_AVATAR_WANTED, values, avatar_wanted, job);
    else
        job_end(job, JOB_DONE, NULL, NULL);
}

static const struct job_kind jobs[] = {
    {.name = "avatar.fetch",
     .lock = 120,
     .retry = 60,
     .retry_max = 86400,
     .pool = JOB_FAR,
     .run = avatar_fetch},
    {0},
};

const struct feature feature_foreign_avatar = {.name = "foreign_avatar", .jobs = jobs};
