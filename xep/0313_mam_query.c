/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0313 message archive management: what an archive is asked. */
#include "config.h"

#include <string.h>

#include "xep/0004_data_forms.h"
#include "xep/0313_mam_query.h"
#include "xep/time.h"

#define FULLTEXT_FIELD "{urn:xmpp:fulltext:0}fulltext"

static bool read_text(const struct data_field *field, const char **ret)
{
    *ret = field->values->len == 1 ? field->values->pdata[0] : NULL;
    return *ret && **ret;
}

static bool read_time(const struct data_field *field, bool *ret_there, int64_t *ret_us)
{
    const char *text;
    *ret_there = read_text(field, &text) && xep_time_parse(text, ret_us);
    return *ret_there;
}

static bool read_ids(const struct data_field *field, struct mam_query *query)
{
    for (guint i = 0; i < field->values->len && i < MAM_IDS_MAX; i++) {
        const char *id = field->values->pdata[i];
        if (!*id)
            return false;
        query->ids[query->id_count++] = id;
    }
    return query->id_count == field->values->len && query->id_count > 0;
}

static bool read_groupchat(const struct data_field *field, enum mam_groupchat *ret)
{
    const char *text;
    bool is_wanted;
    if (!read_text(field, &text) || !data_form_flag_parse(text, &is_wanted))
        return false;
    *ret = is_wanted ? GROUPCHAT_WITH : GROUPCHAT_WITHOUT;
    return true;
}

/* The strings of a query, by field. */
static const struct {
    const char *var;
    size_t offset;
} text_fields[] = {
    {"with", offsetof(struct mam_query, with)},
    {"before-id", offsetof(struct mam_query, before_id)},
    {"after-id", offsetof(struct mam_query, after_id)},
    {FULLTEXT_FIELD, offsetof(struct mam_query, fulltext)},
};

static enum mam_request read_field(const struct data_field *field, struct mam_query *query)
{
    bool is_good = false;
    for (size_t i = 0; i < G_N_ELEMENTS(text_fields); i++) {
        void *member = (char *)query + text_fields[i].offset;
        if (strcmp(field->var, text_fields[i].var) == 0)
            return read_text(field, member) ? MAM_QUERY : MAM_BAD;
    }
    if (strcmp(field->var, "start") == 0)
        is_good = read_time(field, &query->has_start, &query->start_us);
    else if (strcmp(field->var, "end") == 0)
        is_good = read_time(field, &query->has_end, &query->end_us);
    else if (strcmp(field->var, "ids") == 0)
        is_good = read_ids(field, query);
    else if (strcmp(field->var, "include-groupchat") == 0)
        is_good = read_groupchat(field, &query->groupchat);
    else
        return MAM_UNKNOWN_FIELD;
    return is_good ? MAM_QUERY : MAM_BAD;
}

static enum mam_request read_form(xmpp_stanza_t *x, struct mam_query *query)
{
    g_autoptr(data_form) form = data_form_parse(x);
    enum mam_request read = MAM_QUERY;
    if (form->has_more || g_strcmp0(form->type, "submit") != 0 ||
        g_strcmp0(data_form_value(form, "FORM_TYPE"), NS_MAM) != 0)
        return MAM_BAD;
    for (guint i = 0; i < form->fields->len && read == MAM_QUERY; i++) {
        const struct data_field *field = form->fields->pdata[i];
        if (strcmp(field->var, "FORM_TYPE") != 0)
            read = read_field(field, query);
    }
    return read;
}

static enum mam_request read_query(xmpp_stanza_t *element, struct mam_query *ret)
{
    struct mam_query query = {.query_id = stanza_attr(element, "queryid")};
    xmpp_stanza_t *x = stanza_child(element, "x", NS_DATA);
    enum mam_request read = x ? read_form(x, &query) : MAM_QUERY;
    query.flip_page = stanza_child(element, "flip-page", NS_MAM) != NULL;
    if (read == MAM_QUERY && !page_request_parse(element, &query.page))
        read = MAM_BAD;
    if (read == MAM_QUERY)
        *ret = query;
    return read;
}

enum mam_request mam_request_parse(xmpp_stanza_t *iq, struct mam_query *ret)
{
    const char *type = stanza_attr(iq, "type");
    if (!type || !stanza_is(iq, "iq", NS_CLIENT))
        return MAM_NONE;
    xmpp_stanza_t *query = stanza_child(iq, "query", NS_MAM);
    if (strcmp(type, "set") == 0)
        return query ? read_query(query, ret) : MAM_NONE;
    if (strcmp(type, "get") != 0)
        return MAM_NONE;
    if (query)
        return MAM_FORM;
    return stanza_child(iq, "metadata", NS_MAM) ? MAM_METADATA : MAM_NONE;
}

static void put_text(struct data_form *form, const char *var, const char *text)
{
    if (text)
        data_form_put(form, var, NULL, text);
}

static void query_form_add(xmpp_stanza_t *element, const struct mam_query *query)
{
    g_autoptr(data_form) form = data_form_new("submit");
    g_autofree char *start = query->has_start ? xep_time_format(query->start_us) : NULL;
    g_autofree char *end = query->has_end ? xep_time_format(query->end_us) : NULL;
    data_form_put(form, "FORM_TYPE", "hidden", NS_MAM);
    put_text(form, "start", start);
    put_text(form, "end", end);
    for (size_t i = 0; i < G_N_ELEMENTS(text_fields); i++) {
        const char *member = (const char *)query + text_fields[i].offset;
        put_text(form, text_fields[i].var, *(const char *const *)(const void *)member);
    }
    if (query->groupchat != GROUPCHAT_UNSAID)
        put_text(form, "include-groupchat", query->groupchat == GROUPCHAT_WITH ? "true" : "false");
    for (size_t i = 0; i < query->id_count; i++)
        put_text(form, "ids", query->ids[i]);
    data_form_add(element, form);
}

void mam_query_add(xmpp_stanza_t *iq, const struct mam_query *query)
{
    xmpp_stanza_t *element = stanza_add(iq, "query", NS_MAM);
    stanza_set(element, "queryid", query->query_id);
    query_form_add(element, query);
    page_request_add(element, &query->page);
    if (query->flip_page)
        stanza_add(element, "flip-page", NS_MAM);
}

void mam_metadata_add_request(xmpp_stanza_t *iq)
{
    stanza_add(iq, "metadata", NS_MAM);
}

xmpp_stanza_t *mam_form_build_result(xmpp_stanza_t *iq)
{
    static const struct {
        const char *var;
        const char *type;
    } fields[] = {
        {"with", "jid-single"},           {"start", "text-single"},        {"end", "text-single"},
        {"before-id", "text-single"},     {"after-id", "text-single"},     {"ids", "list-multi"},
        {"include-groupchat", "boolean"}, {FULLTEXT_FIELD, "text-single"},
    };
    xmpp_stanza_t *result = stanza_reply_result(iq);
    if (!result)
        return NULL;
    g_autoptr(data_form) form = data_form_new("form");
    data_form_put(form, "FORM_TYPE", "hidden", NS_MAM);
    for (size_t i = 0; i < G_N_ELEMENTS(fields); i++)
        data_form_put_field(form, fields[i].var, fields[i].type);
    data_form_add(stanza_add(result, "query", NS_MAM), form);
    return result;
}
