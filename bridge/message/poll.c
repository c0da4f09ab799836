/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Polls. Apps vote by routes and commands; on XMPP a poll is a text, and votes come as answers and
 * reactions. What is asked goes with the message, what is voted is in sql/function/poll.sql. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/core/change.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/json_check.h"
#include "bridge/core/request.h"
#include "xep/json_payload.h"
#include "xep/time.h"

#define QUESTION_MAX 1024
#define OPTION_MAX 256
#define OPTIONS_MAX 20

/* ---- Asking ---------------------------------------------------------------------------------- */

/* Two that nobody could tell apart are one. */
static char *option_key(const char *option)
{
    g_autofree char *normal = g_utf8_normalize(option, -1, G_NORMALIZE_ALL);
    g_autofree char *folded = normal ? g_utf8_casefold(normal, -1) : NULL;
    return folded ? g_strdup(g_strstrip(folded)) : NULL;
}

static const char *option_problem(const json_t *option, GHashTable *seen)
{
    struct field_problem problem = {0};
    json_t *holder = json_pack("{s:O}", "option", option);
    const char *text = json_get_text(holder, "option", OPTION_MAX, &problem);
    const char *wrong = problem.detail;
    if (!text && !wrong)
        wrong = "must be a text that is not empty";
    else if (text && strpbrk(text, "\r\n"))
        wrong = "has more than one line";
    else if (text && !g_hash_table_add(seen, option_key(text)))
        wrong = "is there twice";
    json_decref(holder);
    return wrong;
}

static bool check_options(const json_t *options, struct field_problem *problem)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    size_t i;
    json_t *option;
    if (!json_is_array(options) || json_array_size(options) < 2 ||
        json_array_size(options) > OPTIONS_MAX)
        return json_refuse(problem, "options", "must be a list of 2 to 20 texts") != NULL;
    json_array_foreach(options, i, option)
    {
        char name[32];
        const char *wrong = option_problem(option, seen);
        g_snprintf(name, sizeof name, "options/%zu", i);
        if (wrong)
            return json_refuse(problem, name, wrong) != NULL;
    }
    return true;
}

static bool check_boolean(const json_t *value, const char *name, struct field_problem *problem)
{
    const json_t *member = json_object_get(value, name);
    if (member && !json_is_boolean(member) && !json_is_null(member))
        json_refuse(problem, name, "must be true or false");
    return json_is_true(member);
}

/* As times are shown; JSON null: it stays open. */
static json_t *closing_of(const json_t *value, struct field_problem *problem)
{
    int64_t at;
    char shown[CLOCK_TIMESTAMP_SIZE];
    const char *text = json_get_text(value, "closes_at", 40, problem);
    if (!text)
        return json_null();
    if (!xep_time_parse(text, &at)) {
        json_refuse(problem, "closes_at", "is not a time (RFC 3339)");
        return json_null();
    }
    clock_format(at, shown);
    return json_string(shown);
}

static json_t *poll_take(const json_t *value, const char *content, struct field_problem *problem)
{
    static const char *const members[] = {"question",  "options",   "multiple",
                                          "anonymous", "closes_at", NULL};
    (void)content;
    if (!json_has_only(value, members, problem))
        return NULL;
    const char *question = json_get_text(value, "question", QUESTION_MAX, problem);
    if (!question)
        return json_refuse(problem, "question", "is required");
    if (!check_options(json_object_get(value, "options"), problem))
        return NULL;
    json_t *poll = json_pack("{s:s, s:O, s:b, s:b, s:o}", "question", question, "options",
                             json_object_get(value, "options"), "multiple",
                             check_boolean(value, "multiple", problem), "anonymous",
                             check_boolean(value, "anonymous", problem), "closes_at",
                             closing_of(value, problem));
    if (!problem->detail)
        return poll;
    json_decref(poll);
    return NULL;
}

/* ---- Voting ---------------------------------------------------------------------------------- */

static const struct field vote_fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    {.name = "options", .type = FIELD_JSON, .flags = FIELD_REQUIRED},
    {0},
};

static const struct field message_fields[] = {FIELD_ID_IN_PATH("message_id"), {0}};

static const char *const states[] = {"open", "closed", NULL};

static const struct field list_fields[] = {
    FIELD_ID_IN_PATH("conversation_id"),
    {.name = "state", .type = FIELD_CHOICE, .flags = FIELD_IN_QUERY, .choices = states},
    FIELD_PAGE_LIMIT(100),
    {.name = "before", .type = FIELD_INTEGER, .flags = FIELD_IN_QUERY, .maximum = G_MAXINT64},
    {0},
};

static const char *options_problem(const json_t *options)
{
    size_t i;
    json_t *option;
    if (!json_is_array(options) || json_array_size(options) == 0 ||
        json_array_size(options) > OPTIONS_MAX)
        return "must be a list of ids of options";
    json_array_foreach(options, i, option)
    {
        if (!json_is_integer(option) || json_integer_value(option) < 1 ||
            json_integer_value(option) > OPTIONS_MAX)
            return "holds the id of no option";
    }
    return NULL;
}

static void vote_done(const struct change_result *result, void *data)
{
    change_reply(data, 200, result);
}

static void poll_vote(struct request *request)
{
    json_t *options = request_value(request, "options")->list;
    struct field_problem problem = {
        .code = ERROR_UNPROCESSABLE, .pointer = "/options", .detail = options_problem(options)};
    if (problem.detail) {
        request_fail_field(request, &problem);
        return;
    }
    change_submit(request->core, "vote", &request->account->id,
                  json_pack("{s:s, s:O}", "message_id", request_text(request, "message_id"),
                            "options", options),
                  vote_done, request);
}

static const struct operation operations[] = {
    {.method = "PUT",
     .path = "/api/messages/:message_id/vote",
     .command = "message.vote",
     .fields = vote_fields,
     .handle = poll_vote,
     .limit = LIMIT_REACTIONS,
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT),
     .reply = "Message",
     .summary = "Votes in a poll; the last word counts"},
    {.method = "DELETE",
     .path = "/api/messages/:message_id/vote",
     .command = "message.unvote",
     .fields = message_fields,
     .change = "vote",
     .limit = LIMIT_REACTIONS,
     .errors = OPERATION_ERROR(REFUSED) | OPERATION_ERROR(CONFLICT),
     .reply = "Message",
     .summary = "Takes the vote in a poll back"},
    {.method = "POST",
     .path = "/api/messages/:message_id/close",
     .command = "message.close",
     .fields = message_fields,
     .change = "poll_close",
     .adhoc =
         &(const struct adhoc){.node = "urn:trestle:user:poll-close", .name = "Mine: close a poll"},
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .reply = "Message",
     .summary = "Closes a poll of the caller's, or in a group that the caller moderates"},
    {.method = "GET",
     .path = "/api/conversations/:conversation_id/polls",
     .limit = LIMIT_PAGES,
     .fields = list_fields,
     .read = QUERY_POLL_PAGE,
     .reply = "MessagePage",
     .flags = OPERATION_LISTS,
     .summary = "Polls of a conversation, the newest first"},
    {0},
};

/* ---- XMPP ------------------------------------------------------------------------------------ */

static void append_option(GString *text, size_t number, const json_t *option, const json_t *votes)
{
    g_string_append_printf(text, "\n%zu. %s", number, json_string_value(option));
    const json_t *count = json_array_get(votes, number - 1);
    if (count)
        g_string_append_printf(text, ": %" JSON_INTEGER_FORMAT, json_integer_value(count));
}

/* The poll in words; with what it came to when it is closed. */
static char *poll_text(const json_t *value)
{
    const json_t *votes = json_object_get(value, "votes");
    GString *text = g_string_new(json_string_value(json_object_get(value, "question")));
    size_t i;
    json_t *option;
    json_array_foreach(json_object_get(value, "options"), i, option)
    {
        append_option(text, i + 1, option, votes);
    }
    if (votes)
        g_string_append(text, "\nThe poll is closed.");
    else if (json_is_true(json_object_get(value, "multiple")))
        g_string_append(text, "\nReply with the numbers of your choices.");
    else
        g_string_append(text, "\nReply with the number of your choice.");
    return g_string_free(text, FALSE);
}

static void poll_put(xmpp_stanza_t *stanza, const struct content_scene *scene, const json_t *value)
{
    (void)scene;
    json_t *copy = json_deep_copy(value);
    const char *id = json_string_value(json_object_get(value, "id"));
    json_object_del(copy, "id");
    char *text = json_dumps(copy, JSON_COMPACT);
    if (text && id)
        json_poll_add(stanza, id, text);
    free(text);
    json_decref(copy);
}

static const struct content contents[] = {
    {.key = "poll", .take = poll_take, .text = poll_text, .add = poll_put},
    {0},
};

const struct feature feature_poll = {
    .name = "poll", .operations = operations, .contents = contents};
