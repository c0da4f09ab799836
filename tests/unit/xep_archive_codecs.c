/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives and their pages. */
#include "config.h"

#include "tests/unit/xep_codecs.h"
#include "xep/0313_mam_query.h"
#include "xep/0313_mam_result.h"
#include "xep/0355_delegation.h"
#include "xep/0441_mam_preferences.h"
#include "xep/message.h"

static json_t *page_request_json(const struct page_request *page)
{
    return json_pack("{sIss?ss?sI}", "max", page->has_max ? (json_int_t)page->max : (json_int_t)-1,
                     "after", page->after, "before", page->before, "index",
                     page->has_index ? (json_int_t)page->index : (json_int_t)-1);
}

static json_t *page_result_json(const struct page_result *page)
{
    return json_pack("{ss?ss?sIsI}", "first", page->first, "last", page->last, "first_index",
                     (json_int_t)page->first_index, "count", (json_int_t)page->count);
}

/* In a query get it is a request, in a query of a result an answer. */
static json_t *dump_rsm(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *query = stanza_child(stanza, "query", NS_DISCO_ITEMS);
    struct page_request request;
    struct page_result result;
    bool is_answer = g_strcmp0(stanza_attr(stanza, "type"), "result") == 0;
    if (query && is_answer)
        return page_result_parse(query, &result) ? page_result_json(&result) : NULL;
    return query && page_request_parse(query, &request) ? page_request_json(&request) : NULL;
}

static xmpp_stanza_t *rebuild_rsm(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *query = stanza_child(stanza, "query", NS_DISCO_ITEMS);
    struct page_request request;
    struct page_result result;
    bool is_answer = g_strcmp0(stanza_attr(stanza, "type"), "result") == 0;
    bool is_there = query && (is_answer ? page_result_parse(query, &result)
                                        : page_request_parse(query, &request));
    if (!is_there)
        return NULL;
    xmpp_stanza_t *iq = stanza_new_iq(is_answer ? "result" : "get", NULL, NULL, NULL);
    xmpp_stanza_t *written = stanza_add(iq, "query", NS_DISCO_ITEMS);
    if (is_answer)
        page_result_add(written, &result);
    else
        page_request_add(written, &request);
    return iq;
}

static json_t *query_json(const struct mam_query *query)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < query->id_count; i++)
        json_array_append_new(ids, json_string(query->ids[i]));
    json_t *json =
        json_pack("{ss?ss?ss?ss?ss?sisosbso}", "queryid", query->query_id, "with", query->with,
                  "before", query->before_id, "after", query->after_id, "fulltext", query->fulltext,
                  "groupchat", (int)query->groupchat, "ids", ids, "flip", (int)query->flip_page,
                  "page", page_request_json(&query->page));
    if (query->has_start)
        json_object_set_new(json, "start", json_integer(query->start_us));
    if (query->has_end)
        json_object_set_new(json, "end", json_integer(query->end_us));
    return json;
}

static json_t *dump_mam_query(xmpp_stanza_t *stanza)
{
    static const char *const names[] = {"none",  "form", "metadata",
                                        "query", "bad",  "unknown field"};
    struct mam_query query;
    enum mam_request request = mam_request_parse(stanza, &query);
    return request == MAM_QUERY ? query_json(&query) : json_string(names[request]);
}

static xmpp_stanza_t *rebuild_mam_query(xmpp_stanza_t *stanza)
{
    struct mam_query query;
    enum mam_request request = mam_request_parse(stanza, &query);
    if (request != MAM_QUERY && request != MAM_METADATA)
        return NULL;
    xmpp_stanza_t *iq = stanza_new_iq(request == MAM_QUERY ? "set" : "get", NULL, NULL, NULL);
    if (request == MAM_QUERY)
        mam_query_add(iq, &query);
    else
        mam_metadata_add_request(iq);
    return iq;
}

static json_t *edge_json(const struct mam_edge *edge)
{
    return json_pack("[s?I]", edge->id, (json_int_t)edge->stamp_us);
}

static json_t *dump_mam_result(xmpp_stanza_t *stanza)
{
    struct mam_result result;
    struct mam_fin fin;
    struct mam_metadata metadata;
    if (mam_result_parse(stanza, &result)) {
        json_int_t us = result.forward.has_delay ? (json_int_t)result.forward.delay.stamp_us : 0;
        return json_pack("{ss?sssssI}", "queryid", result.query_id, "id", result.id, "name",
                         stanza_name(result.forward.stanza), "us", us);
    }
    if (mam_fin_parse(stanza, &fin))
        return json_pack("{sbsbso}", "complete", (int)fin.is_complete, "unstable",
                         (int)fin.is_unstable, "page", page_result_json(&fin.page));
    if (mam_metadata_parse(stanza, &metadata))
        return json_pack("{soso}", "start", edge_json(&metadata.start), "end",
                         edge_json(&metadata.end));
    return NULL;
}

static xmpp_stanza_t *rebuild_mam_result(xmpp_stanza_t *stanza)
{
    struct mam_result result;
    struct mam_fin fin;
    struct mam_metadata metadata;
    xmpp_stanza_t *written = NULL;
    if (mam_result_parse(stanza, &result)) {
        written = message_new(NULL, NULL, NULL, NULL);
        result.forward.stanza = xmpp_stanza_copy(result.forward.stanza);
        mam_result_take(written, &result);
    } else if (mam_fin_parse(stanza, &fin)) {
        written = stanza_new_iq("result", NULL, NULL, NULL);
        mam_fin_add(written, &fin);
    } else if (mam_metadata_parse(stanza, &metadata)) {
        written = stanza_new_iq("result", NULL, NULL, NULL);
        mam_metadata_add(written, &metadata);
    }
    return written;
}

static json_t *list_json(const GPtrArray *list)
{
    json_t *json = json_array();
    for (guint i = 0; i < list->len; i++)
        json_array_append_new(json, json_string(list->pdata[i]));
    return json;
}

static json_t *dump_preferences(xmpp_stanza_t *stanza)
{
    if (mam_preferences_is_request(stanza))
        return json_string("request");
    g_autoptr(mam_preferences) preferences = mam_preferences_parse(stanza);
    if (!preferences)
        return NULL;
    return json_pack("{sisbsoso}", "default", (int)preferences->otherwise, "more",
                     (int)preferences->has_more, "always", list_json(preferences->always), "never",
                     list_json(preferences->never));
}

static xmpp_stanza_t *rebuild_preferences(xmpp_stanza_t *stanza)
{
    g_autoptr(mam_preferences) preferences = mam_preferences_parse(stanza);
    if (!preferences || preferences->has_more)
        return NULL;
    xmpp_stanza_t *iq = stanza_new_iq(stanza_attr(stanza, "type"), NULL, NULL, NULL);
    mam_preferences_add(iq, preferences);
    return iq;
}

static json_t *dump_delegation(xmpp_stanza_t *stanza)
{
    xmpp_stanza_t *inner = delegation_parse(stanza);
    return inner ? json_pack("{ss?ss?}", "from", xmpp_stanza_get_from(inner), "id",
                             xmpp_stanza_get_id(inner))
                 : NULL;
}

static json_t *dump_privilege(xmpp_stanza_t *stanza)
{
    const char *ns = privilege_parse(stanza);
    return ns ? json_pack("{ss}", "ns", ns) : NULL;
}

const struct xep_codec xep_archive_codecs[] = {
    {"0059", dump_rsm, rebuild_rsm},
    {"0313_query", dump_mam_query, rebuild_mam_query},
    {"0313_result", dump_mam_result, rebuild_mam_result},
    {"0441", dump_preferences, rebuild_preferences},
    {"0355", dump_delegation, NULL},
    {"0356", dump_privilege, NULL},
    {0},
};
