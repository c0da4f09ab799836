/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include <string.h>

#include "bridge/base/log.h"
#include "bridge/base/options.h"
#include "bridge/bound/waiting.h"
#include "bridge/core/core.h"
#include "bridge/core/mark.h"
#include "xep/jid.h"
#include "xep/stanza_read.h"

#define EXPIRED_PAGE 1000
#define DAY 86400

void bound_waiting_failed(struct core *core, const char *text, const char *condition)
{
    g_autoptr(xmpp_stanza_t) stanza = stanza_from_text(text, strlen(text));
    const char *to = stanza ? stanza_attr(stanza, "to") : NULL;
    const char *id = stanza ? stanza_attr(stanza, "id") : NULL;
    struct uuid message;
    log_warning(AREA_LINK, "bound-stanza-dropped", "stanza=%s condition=%s",
                stanza ? stanza_name(stanza) : "none", condition);
    if (!to || !id || strcmp(stanza_name(stanza), "message") != 0 || !uuid_parse(id, &message))
        return;
    g_autofree char *bare = jid_cut(to);
    message_failed(core, bare, &message, condition);
}

/* Rows are removed by a later run, when what they said is known to have failed: a run that is cut
 * short loses nothing. */
static void expired_read(const struct rows *rows, enum error_code error, void *data)
{
    struct job *job = data;
    if (error != ERROR_NONE) {
        job_conclude(job, error, false);
        return;
    }
    for (int row = 0; row < rows_count(rows); row++)
        bound_waiting_failed(job_core(job), rows_text(rows, row, BOUND_EXPIRED_STANZA),
                             "remote-server-timeout");
    job_end(job, JOB_DONE, NULL, NULL);
}

static void expired_run(struct job *job)
{
    char age[24];
    const struct options *options = job_core(job)->options;
    g_snprintf(age, sizeof age, "%" G_GINT64_FORMAT, options->retention_bound_waiting * DAY);
    const char *values[] = {age, G_STRINGIFY(EXPIRED_PAGE)};
    archive_query(job_core(job)->archive, QUERY_BOUND_EXPIRED, values, expired_read, job);
}

const struct job_kind bound_jobs[] = {
    {.name = "reap.bound", .interval = 600, .run = expired_run},
    {0},
};
