/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives of accounts whose server leaves the namespace of MAM to us (XEP-0355): it hands on who
 * asks, having checked that, and lets us send the results in the account's name (XEP-0356). Only
 * the account itself reads its archive. */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/options.h"
#include "bridge/bound/bound.h"
#include "bridge/bound/delegated.h"
#include "bridge/bound/host.h"
#include "bridge/bound/uid.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/feature/mam_ids.h"
#include "bridge/feature/mam_link.h"
#include "bridge/feature/mam_queue.h"
#include "bridge/xmpp/dispatch.h"
#include "bridge/xmpp/link.h"
#include "xep/0313_mam_query.h"
#include "xep/0313_mam_result.h"
#include "xep/0355_delegation.h"
#include "xep/0441_mam_preferences.h"
#include "xep/jid.h"
#include "xep/stanza_read.h"

#define ID_MAX 1024 /* bytes of ids by which a request is answered */

/* Somebody asks for a page of the own archive, or for its ends. */
struct ask {
    struct mam_job job; /* its asker is the account */
    struct core *core;
    xmpp_stanza_t *outer; /* the request of the server */
    xmpp_stanza_t *inner; /* of the account; both with addresses and id only */
    char *query_id;
    json_t *query; /* as mam_own_page() has it; NULL: the ends are asked for */
    guint32 limit;
    bool flip_page, decimal;
    const char *privilege; /* namespace under which messages are sent */
};

static struct ask *ask_of(struct mam_job *job)
{
    return (struct ask *)(void *)job;
}

static void ask_free(struct mam_job *job)
{
    struct ask *ask = ask_of(job);
    xmpp_stanza_release(ask->outer);
    xmpp_stanza_release(ask->inner);
    json_decref(ask->query);
    g_free(ask->job.asker);
    g_free(ask->query_id);
    g_free(ask);
}

/* ---- Answers --------------------------------------------------------------------------------- */

/* As the account's server spells ids where it gives them. The caller frees it. */
static char *id_spelt(const struct ask *ask, const char *id)
{
    struct uuid uid;
    return ask->decimal && uuid_parse(id, &uid) ? uid_decimal(&uid) : g_strdup(id);
}

static xmpp_stanza_t *result_build(const struct ask *ask, const struct rows *rows, int row)
{
    const char *text = rows_text(rows, row, MAM_OWN_PAGE_STANZA);
    g_autofree char *id = id_spelt(ask, rows_text(rows, row, MAM_OWN_PAGE_ID));
    xmpp_stanza_t *stanza = text ? stanza_from_text(text, strlen(text)) : NULL;
    if (!stanza)
        return NULL;
    struct mam_result result = {
        .query_id = ask->query_id,
        .id = id,
        .forward = {.stanza = stanza,
                    .delay = {.stamp_us = rows_integer(rows, row, MAM_OWN_PAGE_AT)},
                    .has_delay = true}};
    xmpp_stanza_t *message = stanza_new("message", NULL);
    stanza_set(message, "from", ask->job.asker);
    stanza_set(message, "to", xmpp_stanza_get_from(ask->inner));
    mam_result_take(message, &result);
    return privilege_build(xmpp_stanza_get_to(ask->outer), xmpp_stanza_get_from(ask->outer),
                           ask->privilege, message);
}

static xmpp_stanza_t *fin_build(const struct ask *ask, const struct rows *rows)
{
    int last = rows_count(rows) - 1;
    g_autofree char *first_id =
        last > 0 ? id_spelt(ask, rows_text(rows, 1, MAM_OWN_PAGE_ID)) : NULL;
    g_autofree char *last_id =
        last > 0 ? id_spelt(ask, rows_text(rows, last, MAM_OWN_PAGE_ID)) : NULL;
    struct mam_fin fin = {
        .is_complete = !rows_boolean(rows, 0, MAM_OWN_PAGE_MORE),
        .page = {.first = first_id, .last = last_id, .first_index = -1, .count = -1}};
    xmpp_stanza_t *reply = stanza_reply_result(ask->inner);
    mam_fin_add(reply, &fin);
    return reply;
}

static xmpp_stanza_t *ends_build(const struct ask *ask, const struct rows *rows)
{
    struct mam_metadata metadata = {0};
    struct mam_edge *edges[] = {&metadata.start, &metadata.end};
    g_auto(GStrv) ids = g_new0(char *, G_N_ELEMENTS(edges) + 1);
    for (int row = 0; row < rows_count(rows) && row < (int)G_N_ELEMENTS(edges); row++) {
        ids[row] = id_spelt(ask, rows_text(rows, row, MAM_OWN_ENDS_ID));
        *edges[row] =
            (struct mam_edge){.id = ids[row], .stamp_us = rows_integer(rows, row, MAM_OWN_ENDS_AT)};
    }
    xmpp_stanza_t *reply = stanza_reply_result(ask->inner);
    mam_metadata_add(reply, &metadata);
    return reply;
}

static xmpp_stanza_t *error_build(const struct ask *ask, enum error_code error)
{
    const struct error_info *info = error_info(error);
    return stanza_reply_error(ask->inner, info->type, info->condition, NULL);
}

static void ask_read(const struct rows *rows, enum error_code error, void *data)
{
    struct ask *ask = data;
    GPtrArray *stanzas =
        g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))xmpp_stanza_release);
    bool unknown = error == ERROR_NONE && ask->query &&
                   rows_integer(rows, 0, MAM_OWN_PAGE_OUTCOME) != OUTCOME_DONE;
    int count = error == ERROR_NONE && ask->query && !unknown ? rows_count(rows) : 0;
    for (int n = 1; n < count; n++) {
        xmpp_stanza_t *result = result_build(ask, rows, ask->flip_page ? count - n : n);
        if (result)
            g_ptr_array_add(stanzas, result);
    }
    xmpp_stanza_t *reply = error != ERROR_NONE ? error_build(ask, ERROR_UNAVAILABLE)
                           : unknown           ? error_build(ask, ERROR_NOT_FOUND)
                           : ask->query        ? fin_build(ask, rows)
                                               : ends_build(ask, rows);
    xmpp_stanza_t *wrapped = reply ? delegation_build_result(ask->outer, reply) : NULL;
    if (wrapped)
        g_ptr_array_add(stanzas, wrapped);
    mam_queue_answer(&ask->job, stanzas);
}

static void ask_begin(struct mam_job *job)
{
    struct ask *ask = ask_of(job);
    struct archive *archive = ask->core->archive;
    if (!ask->query) {
        archive_query(archive, QUERY_MAM_OWN_ENDS, (const char *[]){job->asker}, ask_read, ask);
        return;
    }
    g_autofree char *limit = g_strdup_printf("%u", ask->limit);
    char *query = json_dumps(ask->query, JSON_COMPACT);
    archive_query(archive, QUERY_MAM_OWN_PAGE, (const char *[]){job->asker, query, limit}, ask_read,
                  ask);
    free(query);
}

/* ---- Asking ---------------------------------------------------------------------------------- */

/* What is asked; NULL and the stanza error: it cannot be had. */
static json_t *page_pack(const struct mam_query *asked, const char **ret_condition)
{
    json_t *query = json_pack("{s:b}", "backward", asked->page.before != NULL);
    g_autofree char *with = asked->with ? jid_prepare_bare(asked->with) : NULL;
    if (asked->has_start)
        json_object_set_new(query, "start", json_integer(asked->start_us));
    if (asked->has_end)
        json_object_set_new(query, "end", json_integer(asked->end_us));
    if (with)
        json_object_set_new(query, "with", json_string(with));
    *ret_condition = asked->page.has_index || asked->fulltext ? "feature-not-implemented"
                     : asked->with && !with                   ? "jid-malformed"
                     : !mam_ids_put(query, asked, uid_parse)  ? "item-not-found"
                                                              : NULL;
    if (*ret_condition)
        g_clear_pointer(&query, json_decref);
    return query;
}

/* A request that the server of an account hands on. */
struct delegated {
    const struct stanza_context *context;
    struct bound_host *host;
    xmpp_stanza_t *inner;
    char *owner;
};

/* Answers with REPLY, which is given away. Always true. */
static bool delegated_reply(const struct delegated *delegated, xmpp_stanza_t *reply)
{
    g_autoptr(xmpp_stanza_t) answer =
        reply ? delegation_build_result(delegated->context->stanza, reply) : NULL;
    if (answer)
        link_send(delegated->context->link, answer);
    return true;
}

static bool delegated_refuse(const struct delegated *delegated, const char *type,
                             const char *condition)
{
    return delegated_reply(delegated, stanza_reply_error(delegated->inner, type, condition, NULL));
}

static bool ask_submit(const struct delegated *delegated, const struct mam_query *query,
                       json_t *page)
{
    const struct stanza_context *context = delegated->context;
    struct core *core = context->data;
    struct limit_state state;
    struct uuid subject = limit_subject_of(delegated->owner);
    const char *id = xmpp_stanza_get_id(context->stanza);
    const char *inner_id = xmpp_stanza_get_id(delegated->inner);
    gint64 most = core->options->archive_page_max;
    if (!limiter_take(core->limiter, &subject, LIMIT_XMPP_ARCHIVE, &state)) {
        json_decref(page);
        return delegated_refuse(delegated, "wait", "resource-constraint");
    }
    struct ask *ask = g_new0(struct ask, 1);
    ask->job = (struct mam_job){.asker = g_strdup(delegated->owner),
                                .link = context->link,
                                .begin = ask_begin,
                                .free = ask_free};
    ask->core = core;
    ask->outer = stanza_new_iq("set", id, context->from, context->to);
    ask->inner =
        stanza_new_iq("get", inner_id, xmpp_stanza_get_from(delegated->inner), delegated->owner);
    ask->query = page;
    ask->query_id = g_strdup(query ? query->query_id : NULL);
    ask->limit = (guint32)(query && query->page.has_max ? MIN(query->page.max, most) : most);
    ask->flip_page = query && query->flip_page;
    ask->decimal = delegated->host->decimal || g_strcmp0(delegated->host->server, "ejabberd") == 0;
    ask->privilege = delegated->host->privilege;
    if (mam_queue_add(mam_queue_of(core), &ask->job))
        return true;
    ask_free(&ask->job);
    return delegated_refuse(delegated, "wait", "resource-constraint");
}

static bool take_query(const struct delegated *delegated)
{
    struct mam_query asked;
    const char *condition;
    enum mam_request request = mam_request_parse(delegated->inner, &asked);
    if (request == MAM_FORM)
        return delegated_reply(delegated, mam_form_build_result(delegated->inner));
    if (request == MAM_METADATA)
        return ask_submit(delegated, NULL, NULL);
    if (request == MAM_UNKNOWN_FIELD)
        return delegated_refuse(delegated, "cancel", "feature-not-implemented");
    if (request != MAM_QUERY || (asked.query_id && strlen(asked.query_id) > ID_MAX))
        return delegated_refuse(delegated, "modify", "bad-request");
    if (!delegated->host->privilege) /* its results could not be sent */
        return delegated_refuse(delegated, "cancel", "feature-not-implemented");
    json_t *page = page_pack(&asked, &condition);
    if (!page)
        return delegated_refuse(
            delegated, strcmp(condition, "jid-malformed") == 0 ? "modify" : "cancel", condition);
    return ask_submit(delegated, &asked, page);
}

/* Everything is kept; whom not to keep is for the server's own module to know. */
static bool take_preferences(const struct delegated *delegated)
{
    if (!mam_preferences_is_request(delegated->inner))
        return delegated_refuse(delegated, "cancel", "feature-not-implemented");
    g_autoptr(mam_preferences) preferences = mam_preferences_new(MAM_DEFAULT_ALWAYS);
    xmpp_stanza_t *reply = stanza_reply_result(delegated->inner);
    mam_preferences_add(reply, preferences);
    return delegated_reply(delegated, reply);
}

/* ---- What comes in --------------------------------------------------------------------------- */

static bool on_delegated(const struct stanza_context *context)
{
    struct bound_host *host = bound_delegating_host(context);
    xmpp_stanza_t *inner = delegation_parse(context->stanza);
    if (!host || !inner)
        return false;
    const char *from = xmpp_stanza_get_from(inner), *to = xmpp_stanza_get_to(inner);
    const char *id = xmpp_stanza_get_id(inner), *outer_id = xmpp_stanza_get_id(context->stanza);
    g_autofree char *owner = from ? jid_bare(from) : NULL;
    if (!owner || !id || strlen(id) > ID_MAX || !outer_id || strlen(outer_id) > ID_MAX)
        return false;
    const struct delegated delegated = {context, host, inner, owner};
    const char *at = strchr(owner, '@');
    if (!at || strcmp(at + 1, host->domain) != 0 || (to && strcmp(to, owner) != 0))
        return delegated_refuse(&delegated, "auth", "forbidden");
    if (stanza_child(inner, "prefs", NS_MAM))
        return take_preferences(&delegated);
    if (stanza_child(inner, "query", NS_MAM) || stanza_child(inner, "metadata", NS_MAM))
        return take_query(&delegated);
    return delegated_refuse(&delegated, "cancel", "service-unavailable");
}

static void on_privilege(const struct stanza_context *context)
{
    struct bound_host *host = bound_delegating_host(context);
    const char *ns = host ? privilege_parse(context->stanza) : NULL;
    if (ns)
        host->privilege = strcmp(ns, NS_PRIVILEGE) == 0 ? NS_PRIVILEGE : NS_PRIVILEGE_1;
}

static const struct stanza_handler stanzas[] = {
    {"iq", "set", "delegation", NS_DELEGATION, TARGET_DOMAIN, .claim = on_delegated},
    {"message", "normal", "privilege", NS_PRIVILEGE, TARGET_DOMAIN, .observe = on_privilege},
    {"message", "normal", "privilege", NS_PRIVILEGE_1, TARGET_DOMAIN, .observe = on_privilege},
    {0},
};

const struct feature feature_mam_delegated = {.name = "mam_delegated", .stanzas = stanzas};
