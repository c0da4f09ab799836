/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reports, what moderators of the staff do about them, and appeals; sql/function/moderation.sql
 * does it. What moderators of a group do in their group, they do by its members' routes. */
#include "config.h"

#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/outbox.h"
#include "bridge/job/job.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0377_reporting.h"
#include "xep/jid.h"
#include "xep/message.h"
#include "xep/name.h"

#define OWN "urn:trestle:admin:"
#define COMMENT_MAX 2000

/* ---- Fields ---------------------------------------------------------------------------------- */

static const char *const reasons[] = {"spam", "harassment", "nsfw", "illegal", "other", NULL};

/* What every report says, whatever it is about. */
#define FIELDS_OF_REPORT                                                                           \
    {.name = "reason", .type = FIELD_CHOICE, .flags = FIELD_REQUIRED, .choices = reasons},         \
        {.name = "comment", .type = FIELD_TEXT, .minimum = 1, .maximum = COMMENT_MAX},             \
        {.name = "message_ids", .type = FIELD_TEXTS, .maximum = 20},                               \
        {.name = "pass_on", .type = FIELD_BOOLEAN},                                                \
    {                                                                                              \
        .name = "plaintext", .type = FIELD_TEXTS, .flags = FIELD_NOT_AUDITED, .maximum = 20        \
    }

static const struct field report_fields[] = {
    {.name = "message_id", .type = FIELD_UUID, .flags = FIELD_ONE_OF},
    {.name = "user_id", .type = FIELD_UUID, .flags = FIELD_ONE_OF},
    {.name = "conversation_id", .type = FIELD_UUID, .flags = FIELD_ONE_OF},
    {.name = "call_id", .type = FIELD_UUID, .flags = FIELD_ONE_OF},
    {.name = "file_id", .type = FIELD_UUID, .flags = FIELD_ONE_OF},
    FIELDS_OF_REPORT,
    {0},
};
static const struct field message_report_fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    FIELDS_OF_REPORT,
    {0},
};

static const char *const states[] = {"open", "taken", "resolved", "dismissed", NULL};

static const struct field queue_fields[] = {
    {.name = "state",
     .type = FIELD_CHOICE,
     .flags = FIELD_IN_QUERY,
     .choices = states,
     .label = "State (none: open and taken)"},
    {.name = "conversation_id",
     .type = FIELD_UUID,
     .flags = FIELD_IN_QUERY,
     .label = "Of one conversation (its id)"},
    FIELD_PAGE_LIMIT(100),
    FIELD_PAGE_AFTER(128),
    {0},
};
static const struct field group_queue_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    {.name = "state", .type = FIELD_CHOICE, .flags = FIELD_IN_QUERY, .choices = states},
    FIELD_PAGE_LIMIT(100),
    FIELD_PAGE_AFTER(128),
    {0},
};
static const struct field report_get_fields[] = {FIELD_ID_IN_PATH("report_id"), {0}};
static const struct field report_state_fields[] = {
    FIELD_ID_IN_PATH("report_id"),
    {.name = "state", .type = FIELD_CHOICE, .flags = FIELD_REQUIRED, .choices = states},
    {.name = "note", .type = FIELD_TEXT, .minimum = 1, .maximum = 2000},
    {0},
};

static const char *const types[] = {"warn",   "mute",    "kick",     "ban",
                                    "delete", "suspend", "restrict", NULL};

static const struct field act_fields[] = {
    {.name = "type",
     .type = FIELD_CHOICE,
     .flags = FIELD_REQUIRED,
     .choices = types,
     .label = "What is done"},
    {.name = "user",
     .type = FIELD_TEXT,
     .minimum = 1,
     .maximum = 3071,
     .label = "User (address or id)",
     .var = "accountjid"},
    {.name = "message_id", .type = FIELD_UUID, .label = "Message that is deleted (its id)"},
    {.name = "conversation_id",
     .type = FIELD_UUID,
     .label = "Group in which it is done (mute, kick, ban)"},
    {.name = "reason",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED,
     .minimum = 1,
     .maximum = 1000,
     .label = "Reason, which the user is told"},
    {.name = "duration_seconds",
     .type = FIELD_INTEGER,
     .minimum = 1,
     .maximum = 315360000,
     .label = "For how many seconds (mute, ban, suspend, restrict; none: until it is taken back)"},
    {.name = "appealable",
     .type = FIELD_BOOLEAN,
     .label = "The user may appeal (yes, if not said)"},
    {.name = "report_id", .type = FIELD_UUID, .label = "Report that is resolved by it (its id)"},
    {0},
};
static const struct field list_fields[] = {
    {.name = "user",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 3071,
     .label = "Of one user (address or id)"},
    {.name = "appealed",
     .type = FIELD_BOOLEAN,
     .flags = FIELD_IN_QUERY,
     .label = "Only those with an appeal that is not decided"},
    FIELD_PAGE_LIMIT(100),
    FIELD_PAGE_AFTER(128),
    {0},
};
static const struct field action_fields[] = {FIELD_ID_IN_PATH("action_id"), {0}};
static const struct field appeal_fields[] = {
    FIELD_ID_IN_PATH("action_id"),
    {.name = "text", .type = FIELD_TEXT, .flags = FIELD_REQUIRED, .minimum = 1, .maximum = 4000},
    {0},
};

static const char *const decisions[] = {"granted", "denied", NULL};

static const struct field decide_fields[] = {
    FIELD_ID_IN_PATH("action_id"),
    {.name = "decision", .type = FIELD_CHOICE, .flags = FIELD_REQUIRED, .choices = decisions},
    {.name = "note",
     .type = FIELD_TEXT,
     .minimum = 1,
     .maximum = 2000,
     .label = "What the user is told"},
    {0},
};

/* ---- What follows ---------------------------------------------------------------------------- */

static void action_end(struct job *job)
{
    change_submit(job_core(job), "moderation_end", NULL,
                  json_pack("{s:s}", "action_id", job_key(job)), job_changed, job);
}

/* ---- From XMPP ------------------------------------------------------------------------------- */

static const char *reason_of(const struct abuse_report *report)
{
    if (strcmp(report->reason, "spam") == 0)
        return "spam";
    return strcmp(report->reason, "abuse") == 0 ? "harassment" : "other";
}

static json_t *report_arguments(const struct stanza_context *context,
                                const struct abuse_report *report, const char *offender)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < report->id_count; i++)
        json_array_append_new(ids, json_string(report->ids[i]));
    g_autofree char *text = report->text ? name_clean(report->text, COMMENT_MAX, NAME_PROSE) : NULL;
    return json_pack("{s:s, s:s, s:s, s:s*, s:o}", "from", context->from_bare, "offender", offender,
                     "reason", reason_of(report), "comment", text, "ids", ids);
}

static bool reply_send(const struct stanza_context *context, xmpp_stanza_t *reply)
{
    g_autoptr(xmpp_stanza_t) owned = reply;
    if (owned)
        stanza_out(context->data, owned);
    return true;
}

/* To the server of whom it is about, from ours: who has reported that is nobody's business there.
 */
static xmpp_stanza_t *build_report(const struct outbox_entry *entry)
{
    json_t *said = entry->payload ? json_loads(entry->payload, 0, NULL) : NULL;
    const char *domain = strchr(entry->from, '@');
    const struct abuse_report report = {.jid = json_string_value(json_object_get(said, "jid")),
                                        .reason =
                                            json_string_value(json_object_get(said, "reason"))};
    xmpp_stanza_t *message = NULL;
    if (domain && report.jid && report.reason) {
        message = message_new(NULL, entry->id, domain + 1, entry->to);
        abuse_report_add(message, &report);
    }
    json_decref(said);
    return message;
}

static const struct outgoing outgoing[] = {{.kind = "report", .build = build_report}, {0}};

/* Whether there is such a user is not told: the answer is the same. */
static bool on_report(const struct stanza_context *context)
{
    struct core *core = context->data;
    struct abuse_report report;
    struct limit_state state;
    struct uuid subject = limit_subject_of(context->from_bare);
    if (!abuse_report_parse(context->stanza, &report))
        return false;
    g_autofree char *offender = jid_prepare_bare(report.jid);
    const struct error_info *limited = error_info(ERROR_RATE_LIMITED);
    bool is_iq = strcmp(xmpp_stanza_get_name(context->stanza), "iq") == 0;
    if (!limiter_take(core->limiter, &subject, LIMIT_REPORTS, &state))
        return reply_send(
            context, stanza_reply_error(context->stanza, limited->type, limited->condition, NULL));
    if (offender)
        change_submit(core, "report_arrived", NULL, report_arguments(context, &report, offender),
                      NULL, NULL);
    return is_iq ? reply_send(context, stanza_reply_result(context->stanza)) : true;
}

static const struct stanza_handler stanzas[] = {
    {"iq", "set", "block", NS_BLOCKING, TARGET_DOMAIN, .claim = on_report},
    {"message", "normal|chat|headline", "report", NS_REPORTING, TARGET_DOMAIN, .claim = on_report},
    {0},
};

/* ---- Rows ------------------------------------------------------------------------------------ */

#define BY_MODERATOR .flags = OPERATION_SERVER_KEY, .scope = "moderate", .role = "moderator"

static const struct operation operations[] = {
    {.method = "POST",
     .path = "/api/reports",
     .fields = report_fields,
     .change = "report",
     .flags = OPERATION_CREATES | OPERATION_ONCE,
     .limit = LIMIT_REPORTS,
     .reply = "Reported",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary =
         "Reports a message, a user, a conversation, a call or a file to moderators of the staff"},
    {.method = "POST",
     .path = "/api/messages/:message_id/report",
     .fields = message_report_fields,
     .change = "report",
     .flags = OPERATION_CREATES | OPERATION_ONCE,
     .limit = LIMIT_REPORTS,
     .reply = "Reported",
     .summary = "Reports a message to moderators of the staff"},
    {.method = "GET",
     .path = "/api/moderation/reports",
     .fields = queue_fields,
     .read = QUERY_REPORT_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "moderate",
     .role = "moderator",
     .audit = "report.list",
     .adhoc = &(const struct adhoc){.node = OWN "moderation-queue", .name = "Reports: queue"},
     .reply = "ReportPage",
     .summary = "Reports, oldest first"},
    {.method = "GET",
     .path = "/api/conversations/:conversation_id/reports",
     .fields = group_queue_fields,
     .read = QUERY_REPORT_LIST_OF_GROUP,
     .flags = OPERATION_LISTS,
     .reply = "GroupReportPage",
     .summary = "What was reported of a group, oldest first, for its owners and admins"},
    {.method = "GET",
     .path = "/api/moderation/reports/:report_id",
     .fields = report_get_fields,
     .read = QUERY_REPORT_GET,
     BY_MODERATOR,
     .audit = "report.show",
     .adhoc = &(const struct adhoc){.node = OWN "report",
                                    .name = "Reports: show one, with what was seen"},
     .reply = "ReportShown",
     .summary = "A report with its evidence, and what else there is of the one it is about"},
    {.method = "PATCH",
     .path = "/api/moderation/reports/:report_id",
     .fields = report_state_fields,
     .change = "report_state",
     BY_MODERATOR,
     .audit = "report.state",
     .adhoc = &(const struct adhoc){.node = OWN "report-state",
                                    .name = "Reports: take, resolve or dismiss one"},
     .reply = "Report",
     .errors = OPERATION_ERROR(CONFLICT),
     .summary = "Takes a report, resolves or dismisses it, or opens it again"},
    {.method = "POST",
     .path = "/api/moderation/actions",
     .fields = act_fields,
     .change = "moderation_act",
     .flags = OPERATION_SERVER_KEY | OPERATION_MAKES | OPERATION_ONCE |
              OPERATION_REVOKES, /* by it, or by the rule of strikes */
     .scope = "moderate",
     .role = "moderator",
     .audit = "moderation.act",
     .adhoc = &(const struct adhoc){.node = OWN "action",
                                    .name = "Moderation: act",
                                    .confirm = "The user is told, and who acts is written down."},
     .reply = "ModerationAction",
     .errors = OPERATION_ERROR(CONFLICT) | OPERATION_ERROR(NOT_FOUND),
     .summary = "Warns, mutes, removes, bans, suspends or restricts a user, or deletes a message"},
    {.method = "GET",
     .path = "/api/moderation/actions",
     .fields = list_fields,
     .read = QUERY_ACTION_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "moderate",
     .role = "moderator",
     .audit = "moderation.list",
     .adhoc = &(const struct adhoc){.node = OWN "actions",
                                    .name = "Moderation: what was done, and appeals"},
     .reply = "ModerationActionPage",
     .summary = "What was done, newest first"},
    {.method = "DELETE",
     .path = "/api/moderation/actions/:action_id",
     .fields = action_fields,
     .change = "moderation_undo",
     BY_MODERATOR,
     .audit = "moderation.undo",
     .adhoc = &(const struct adhoc){.node = OWN "undo", .name = "Moderation: take back an action"},
     .reply = "ModerationAction",
     .summary = "Takes back an action; what cannot be undone counts no more"},
    {.method = "PATCH",
     .path = "/api/moderation/actions/:action_id/appeal",
     .fields = decide_fields,
     .change = "moderation_decide",
     BY_MODERATOR,
     .audit = "moderation.decide",
     .adhoc = &(const struct adhoc){.node = OWN "appeal", .name = "Moderation: decide an appeal"},
     .reply = "ModerationAction",
     .errors = OPERATION_ERROR(CONFLICT),
     .summary = "Grants an appeal, which takes the action back, or denies it"},
    {.method = "POST",
     .path = "/api/moderation/actions/:action_id/appeal",
     .fields = appeal_fields,
     .change = "moderation_appeal",
     .limit = LIMIT_REPORTS,
     .reply = "OwnAction",
     .errors = OPERATION_ERROR(CONFLICT),
     .summary = "Asks for what was done about the caller to be looked at again"},
    {.method = "GET",
     .path = "/api/moderation/mine",
     .read = QUERY_ACTION_OWN,
     .adhoc = &(const struct adhoc){.node = "urn:trestle:user:moderation",
                                    .name = "Mine: what moderators have done about me"},
     .reply = "OwnActions",
     .summary = "What was done about the caller"},
    {0},
};

static void reap_reports(struct job *job)
{
    job_reap_older(job, QUERY_REAP_REPORTS, job_core(job)->options->retention_reports, "500");
}

static const struct job_kind jobs[] = {
    {.name = "moderation.end", .run = action_end},
    {.name = "reap.reports", .interval = 3600, .run = reap_reports},
    {0},
};

const struct feature feature_moderation = {.name = "moderation",
                                           .operations = operations,
                                           .stanzas = stanzas,
                                           .outgoing = outgoing,
                                           .jobs = jobs};
