/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What strangers' messages are taken for, for moderators; domains to which nobody's links may lead;
 * links, before they are sent; phones that the backend has verified. sql/function/spam.sql does it,
 * and message/judge.c asks the hook. */
#include "config.h"

#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/request_row.h"
#include "bridge/job/job.h"
#include "bridge/message/judge.h"
#include "bridge/message/link_check.h"

#define OWN "urn:trestle:admin:"
#define LINKS_MAX 20
#define DOMAINS_MAX 1000

/* ---- Fields ---------------------------------------------------------------------------------- */

static const char *const actions[] = {"allow", "filter", "block", NULL};

static const struct field list_fields[] = {
    {.name = "action",
     .type = FIELD_CHOICE,
     .flags = FIELD_IN_QUERY,
     .choices = actions,
     .label = "What became of them (none: all against which something was said)"},
    {.name = "user",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 3071,
     .label = "Of one sender (address or id)"},
    FIELD_PAGE_LIMIT(100),
    FIELD_PAGE_AFTER(128),
    {0},
};
static const struct field domain_list_fields[] = {
    FIELD_PAGE_LIMIT(1000), FIELD_PAGE_AFTER(255), {0}};
static const struct field domain_fields[] = {
    {.name = "domains",
     .type = FIELD_TEXTS,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = DOMAINS_MAX,
     .label = "Domains, with all that are below them"},
    {0},
};
static const struct field link_fields[] = {
    {.name = "urls",
     .type = FIELD_TEXTS,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = LINKS_MAX},
    {0},
};
static const struct field phone_fields[] = {
    FIELD_ID_IN_PATH("user_id"),
    {.name = "verified_at", .type = FIELD_TEXT, .flags = FIELD_REQUIRED | FIELD_TIME},
    {0},
};
static const struct field user_fields[] = {FIELD_ID_IN_PATH("user_id"), {0}};

static void links_asked(const json_t *threats, void *data)
{
    struct request *request = data;
    if (!request->core->archive) {
        request_fail(request, ERROR_UNAVAILABLE, NULL);
        return;
    }
    char *urls = json_dumps(request_value(request, "urls")->list, JSON_COMPACT);
    char *known = json_dumps(threats, JSON_COMPACT);
    const char *values[] = {urls, known};
    archive_query(request->core->archive, QUERY_SPAM_LINKS, values, request_reply_row, request);
    free(urls);
    free(known);
}

static void links_check(struct request *request)
{
    link_check_ask(json_copy(request_value(request, "urls")->list), links_asked, request);
}

static void phone_verified(const struct change_result *result, void *data)
{
    change_reply(data, 200, result);
}

/* By a server key, for a user whom it names. */
static void phone_verify(struct request *request)
{
    bool taken_back = request->operation->fields == user_fields;
    change_submit(request->core, "verify_phone", NULL,
                  json_pack("{s:s, s:s*}", "user_id", request_text(request, "user_id"),
                            "verified_at",
                            taken_back ? NULL : request_text(request, "verified_at")),
                  phone_verified, request);
}

/* ---- Jobs ------------------------------------------------------------------------------------ */

static void sender_restrict(struct job *job)
{
    const struct options *options = job_core(job)->options;
    change_submit(job_core(job), "spam_restrict", NULL,
                  json_pack("{s:s, s:I}", "user_id", job_key(job), "seconds",
                            (json_int_t)options->spam_restrict_hours * 3600),
                  job_changed, job);
}

static void reap_spam(struct job *job)
{
    job_reap_older(job, QUERY_REAP_SPAM, job_core(job)->options->retention_spam, "500");
}

static const struct job_kind jobs[] = {
    {.name = "spam.restrict", .run = sender_restrict},
    {.name = "reap.spam", .interval = 3600, .run = reap_spam},
    {0},
};

/* ---- Rows ------------------------------------------------------------------------------------ */

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/moderation/spam",
     .fields = list_fields,
     .read = QUERY_SPAM_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "moderate",
     .role = "moderator",
     .audit = "spam.list",
     .adhoc =
         &(const struct adhoc){.node = OWN "spam", .name = "Spam: what was taken for it, and why"},
     .reply = "SpamPage",
     .summary = "Messages of strangers against which something was said, newest first"},
    {.method = "GET",
     .path = "/api/moderation/spam/domains",
     .fields = domain_list_fields,
     .read = QUERY_SPAM_DOMAIN_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "moderate",
     .role = "moderator",
     .adhoc = &(const struct adhoc){.node = OWN "spam-domains", .name = "Spam: listed domains"},
     .reply = "SpamDomainPage",
     .summary = "Domains to which links of strangers may not lead"},
    {.method = "POST",
     .path = "/api/moderation/spam/domains",
     .fields = domain_fields,
     .change = "spam_domains_add",
     .flags = OPERATION_SERVER_KEY,
     .scope = "moderate",
     .role = "moderator",
     .audit = "spam.domains_add",
     .adhoc = &(const struct adhoc){.node = OWN "spam-domains-add", .name = "Spam: list domains"},
     .reply = "SpamDomains",
     .errors = OPERATION_ERROR(CONFLICT),
     .summary = "Adds domains to that list"},
    {.method = "POST",
     .path = "/api/moderation/spam/domains/remove",
     .fields = domain_fields,
     .change = "spam_domains_remove",
     .flags = OPERATION_SERVER_KEY,
     .scope = "moderate",
     .role = "moderator",
     .audit = "spam.domains_remove",
     .adhoc = &(const struct adhoc){.node = OWN "spam-domains-remove",
                                    .name = "Spam: take domains off the list"},
     .reply = "SpamDomains",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "Takes domains off that list"},
    {.method = "POST",
     .path = "/api/links/check",
     .fields = link_fields,
     .handle = links_check,
     .reply = "CheckedLinks",
     .summary = "What is to be thought of links before they are sent"},
    {.method = "PUT",
     .path = "/api/users/:user_id/verifications/phone",
     .fields = phone_fields,
     .handle = phone_verify,
     .audit = "user.verify_phone",
     .flags = OPERATION_SERVER_KEY,
     .scope = "users",
     .reply = "Verification",
     .summary = "Says that the backend has verified the phone of a user"},
    {.method = "DELETE",
     .path = "/api/users/:user_id/verifications/phone",
     .fields = user_fields,
     .handle = phone_verify,
     .audit = "user.verify_phone",
     .flags = OPERATION_SERVER_KEY,
     .scope = "users",
     .reply = "Verification",
     .summary = "Takes that back"},
    {.method = "PUT",
     .path = "/api/users/:user_id/restrict",
     .fields = user_fields,
     .change = "restrict",
     .member = "restriction",
     .flags = OPERATION_HOSTED,
     .errors = OPERATION_ERROR(CONFLICT),
     .reply = "Restriction",
     .summary = "Holds what a user writes to the caller from now on, without their learning it"},
    {.method = "DELETE",
     .path = "/api/users/:user_id/restrict",
     .fields = user_fields,
     .change = "unrestrict",
     .member = "restriction",
     .flags = OPERATION_HOSTED,
     .reply = "Restriction",
     .summary = "Takes a restriction back"},
    {.method = "GET",
     .path = "/api/users/restricted",
     .fields = domain_list_fields,
     .read = QUERY_RESTRICTION_LIST,
     .flags = OPERATION_HOSTED | OPERATION_LISTS,
     .reply = "RestrictionPage",
     .summary = "Whom the caller restricts, by address"},
    {0},
};

const struct feature feature_spam = {.name = "spam",
                                     .operations = operations,
                                     .jobs = jobs,
                                     .start = judge_start,
                                     .stop = judge_stop};
