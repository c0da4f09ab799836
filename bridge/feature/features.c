/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All features, from features.def. */
#include "config.h"

#include "bridge/core/content.h"
#include "bridge/core/operation.h"
#include "bridge/feature/features.h"
#include "bridge/job/job.h"
#include "bridge/xmpp/dispatch.h"

#define TRESTLE_FEATURE(name) extern const struct feature feature_##name;
#include "bridge/feature/features.def"

const struct feature *const features[] = {
#define TRESTLE_FEATURE(name) &feature_##name,
#include "bridge/feature/features.def"
    NULL,
};

const struct job_kind *const *features_jobs(void)
{
    static const struct job_kind *tables[G_N_ELEMENTS(features)];
    size_t count = 0;
    for (size_t i = 0; features[i]; i++) {
        if (features[i]->jobs)
            tables[count++] = features[i]->jobs;
    }
    tables[count] = NULL;
    return tables;
}

/* A row that cannot be right ends the program before it does anything. */
static void check_operations(const struct feature *feature)
{
    for (const struct operation *row = feature->operations; !operation_is_last(row); row++) {
        char *problem = operation_problem(row);
        if (problem)
            g_error("feature %s: %s %s", feature->name, row->summary, problem);
    }
}

const struct operation *const *features_operations(void)
{
    static const struct operation *tables[G_N_ELEMENTS(features)];
    size_t count = 0;
    for (size_t i = 0; features[i]; i++) {
        if (!features[i]->operations)
            continue;
        check_operations(features[i]);
        tables[count++] = features[i]->operations;
    }
    tables[count] = NULL;
    return tables;
}

void features_start(struct core *core)
{
    for (size_t i = 0; features[i]; i++) {
        if (features[i]->part)
            part_add(core, features[i]->part, NULL);
        if (features[i]->start)
            features[i]->start(core);
    }
}

void features_stop(struct core *core)
{
    for (size_t i = 0; features[i]; i++) {
        if (features[i]->stop)
            features[i]->stop(core);
        if (features[i]->part)
            part_remove(core, features[i]->part);
    }
}

bool features_dispatch(struct dispatch *dispatch, GError **error)
{
    for (size_t i = 0; features[i]; i++) {
        if (features[i]->stanzas &&
            !dispatch_add(dispatch, features[i]->name, features[i]->stanzas, error))
            return false;
    }
    return true;
}

const struct content *const *features_contents(void)
{
    static const struct content *tables[G_N_ELEMENTS(features)];
    size_t count = 0;
    for (size_t i = 0; features[i]; i++) {
        if (features[i]->contents)
            tables[count++] = features[i]->contents;
    }
    tables[count] = NULL;
    return tables;
}

const struct entry_kind *const *features_entries(void)
{
    static const struct entry_kind *tables[G_N_ELEMENTS(features)];
    size_t count = 0;
    for (size_t i = 0; features[i]; i++) {
        if (features[i]->entries)
            tables[count++] = features[i]->entries;
    }
    tables[count] = NULL;
    return tables;
}

const struct outgoing *const *features_outgoing(void)
{
    static const struct outgoing *tables[G_N_ELEMENTS(features)];
    size_t count = 0;
    for (size_t i = 0; features[i]; i++) {
        if (features[i]->outgoing)
            tables[count++] = features[i]->outgoing;
    }
    tables[count] = NULL;
    return tables;
}
