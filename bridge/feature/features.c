/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The only list of features. Their order means nothing to stanzas. */
#include "config.h"

#include "bridge/core/operation.h"
#include "bridge/feature/features.h"
#include "bridge/job/job.h"
#include "bridge/xmpp/dispatch.h"

extern const struct feature feature_user_presence;
extern const struct feature feature_block;
extern const struct feature feature_avatar;
extern const struct feature feature_call;
extern const struct feature feature_capabilities;
extern const struct feature feature_roster;
extern const struct feature feature_conversation;
extern const struct feature feature_description;
extern const struct feature feature_disco;
extern const struct feature feature_follow;
extern const struct feature feature_group;
extern const struct feature feature_ice;
extern const struct feature feature_jingle;
extern const struct feature feature_last;
extern const struct feature feature_limits;
extern const struct feature feature_message;
extern const struct feature feature_remote_profile;
extern const struct feature feature_pep;
extern const struct feature feature_ping;
extern const struct feature feature_subscription;
extern const struct feature feature_privacy;
extern const struct feature feature_receipt;
extern const struct feature feature_request;
extern const struct feature feature_retention;
extern const struct feature feature_session;
extern const struct feature feature_rooms;
extern const struct feature feature_search;
extern const struct feature feature_staff;
extern const struct feature feature_sync;
extern const struct feature feature_throttle;
extern const struct feature feature_time;
extern const struct feature feature_typing;
extern const struct feature feature_user;
extern const struct feature feature_user_search;
extern const struct feature feature_vcard;
extern const struct feature feature_version;
extern const struct feature feature_watch;

const struct feature *const features[] = {
    &feature_throttle,
    &feature_capabilities,
    &feature_session,
    &feature_limits,
    &feature_retention,
    &feature_description,
    &feature_user,
    &feature_avatar,
    &feature_user_search,
    &feature_pep,
    &feature_remote_profile,
    &feature_conversation,
    &feature_group,
    &feature_typing,
    &feature_message,
    &feature_search,
    &feature_watch,
    &feature_user_presence,
    &feature_sync,
    &feature_staff,
    &feature_follow,
    &feature_subscription,
    &feature_block,
    &feature_privacy,
    &feature_receipt,
    &feature_request,
    &feature_roster,
    &feature_disco,
    &feature_ping,
    &feature_version,
    &feature_time,
    &feature_last,
    &feature_vcard,
    &feature_rooms,
    &feature_ice,
    &feature_call,
    &feature_jingle,
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
