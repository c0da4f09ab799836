/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Jobs: what is to be done later, or now and then, by one process of all. They are rows of the
 * table jobs, so that neither a restart nor the end of an instance loses one.
 *
 * A kind of job is a row of a table that a feature has (struct feature, `jobs`). A run may happen
 * twice, when a process dies in the midst of it (then the next begins it at once) or takes longer
 * than `lock`: it must be harmless then. Jobs of kinds that no feature has stay where they are. */
#pragma once

#include <glib.h>

#include "bridge/archive/archive.h"

struct change_result;
struct core;
struct job;
struct jobs;

/* Kinds of one pool wait for each other, and for no others. */
enum job_pool {
    JOB_NEAR,  /* it waits for the database and the disk */
    JOB_FAR,   /* for machines of others, seconds at most */
    JOB_SLOW,  /* for those, and for minutes: large files, and who has to listen to something */
    JOB_MEDIA, /* for programs and scanners that take minutes, or for the store of files */
    JOB_POOLS
};

struct job_kind {
    const char *name;   /* "area.what"; no blank in it */
    unsigned interval;  /* seconds from the end of a run to the next: there is always one such job,
                         * with  the key "". 0: jobs come by job_add(), and end */
    unsigned lock;      /* seconds after which a run counts as abandoned; 0: 60 */
    unsigned retry;     /* seconds to wait after a run that failed, doubled with each; 0: 10 */
    unsigned retry_max; /* at most; 0: 3600 */
    enum job_pool pool; /* whose places its runs take */
    /* Does it, and calls job_end() once, now or later, at the latest when the archive is freed. */
    void (*run)(struct job *job);
};

struct core *job_core(const struct job *job);
const char *job_key(const struct job *job);
const char *job_payload(const struct job *job); /* JSON */

enum job_result {
    JOB_DONE,
    JOB_MORE,  /* a part of it: the next run is due at once */
    JOB_FAILED /* tried again, later and later */
};

/* Ends the run of JOB, which is freed. PAYLOAD is JSON for the next run, NULL: the same again. CODE
 * says why it failed (static text; of JOB_FAILED only). */
void job_end(struct job *job, enum job_result result, const char *payload, const char *code);
/* The same of what says itself how it went: with an ERROR it has failed, else it is done, but for
 * MORE. The next run is the same again. */
void job_conclude(struct job *job, enum error_code error, bool more);
/* The same of a change, as DONE of change_submit(), with the job as its DATA: its result may have
 * `more`. */
void job_changed(const struct change_result *result, void *job);

/* A whole run: QUERY yields one row (rows removed, whether there is more to remove, the next
 * payload), with VALUES as of archive_query(). */
void job_reap(struct job *job, enum query query, const char *const *values);
/* The same of what is older than DAYS, at most MOST (a number) at a time: VALUES are the seconds
 * and that. */
void job_reap_older(struct job *job, enum query query, gint64 days, const char *most);

/* Asks for a job of KIND with KEY, due at WALL (microseconds since 1970), or changes when the one
 * that is there is due, and its PAYLOAD (JSON). DONE as of archive_query(). In SQL it is job_add(),
 * in the transaction of what asks for it. */
void job_add(struct core *core, const char *kind, const char *key, gint64 wall, const char *payload,
             archive_done done, void *data);

/* ---- The runner ------------------------------------------------------------------------------ */

/* KINDS: tables, each ended by a row without name; the array by NULL. Of several instances, the one
 * that holds the lease "jobs" runs them. After the archive and the bus. */
struct jobs *jobs_new(struct core *core, const struct job_kind *const *kinds);
/* Begins nothing any more, and lets another instance. */
void jobs_leave(struct jobs *jobs);
/* After the archive was freed. What still runs, in a thread of the disk for one, may end later,
 * while CORE is there. NULL is fine. */
void jobs_free(struct jobs *jobs);

/* Begins what is due; the runner's own timer calls it once a second. */
void jobs_tick(struct jobs *jobs);
