/* SPDX-License-Identifier: GPL-3.0-or-later */
/* XEP-0313 message archive management: what an archive answers. */
#include "config.h"

#include <string.h>

#include "xep/0313_mam_result.h"
#include "xep/time.h"

bool mam_result_parse(xmpp_stanza_t *message, struct mam_result *ret)
{
    xmpp_stanza_t *element = stanza_child_having(message, "result", NS_MAM, "id");
    struct mam_result result = {0};
    if (!element || !forward_parse(element, &result.forward))
        return false;
    result.query_id = stanza_attr(element, "queryid");
    result.id = stanza_attr(element, "id");
    *ret = result;
    return true;
}

void mam_result_take(xmpp_stanza_t *message, const struct mam_result *result)
{
    xmpp_stanza_t *element = stanza_add(message, "result", NS_MAM);
    stanza_set(element, "queryid", result->query_id);
    stanza_set(element, "id", result->id);
    forward_take(element, result->forward.stanza,
                 result->forward.has_delay ? &result->forward.delay : NULL);
}

static bool is_flag(xmpp_stanza_t *element, const char *name, const char *word, const char *digit)
{
    const char *value = stanza_attr(element, name);
    return value && (strcmp(value, word) == 0 || strcmp(value, digit) == 0);
}

bool mam_fin_parse(xmpp_stanza_t *iq, struct mam_fin *ret)
{
    xmpp_stanza_t *element = stanza_child(iq, "fin", NS_MAM);
    if (!element || g_strcmp0(stanza_attr(iq, "type"), "result") != 0)
        return false;
    struct mam_fin fin = {.page = {.first_index = -1, .count = -1}};
    fin.is_complete = is_flag(element, "complete", "true", "1");
    fin.is_unstable = is_flag(element, "stable", "false", "0");
    page_result_parse(element, &fin.page);
    *ret = fin;
    return true;
}

void mam_fin_add(xmpp_stanza_t *iq, const struct mam_fin *fin)
{
    xmpp_stanza_t *element = stanza_add(iq, "fin", NS_MAM);
    if (fin->is_complete)
        stanza_set(element, "complete", "true");
    if (fin->is_unstable)
        stanza_set(element, "stable", "false");
    page_result_add(element, &fin->page);
}

static bool read_edge(xmpp_stanza_t *metadata, const char *name, struct mam_edge *ret)
{
    xmpp_stanza_t *element = stanza_child_having(metadata, name, NS_MAM, "id");
    const char *stamp = element ? stanza_attr(element, "timestamp") : NULL;
    ret->id = element ? stanza_attr(element, "id") : NULL;
    return stamp && xep_time_parse(stamp, &ret->stamp_us);
}

bool mam_metadata_parse(xmpp_stanza_t *iq, struct mam_metadata *ret)
{
    xmpp_stanza_t *element = stanza_child(iq, "metadata", NS_MAM);
    struct mam_metadata metadata = {0};
    if (!element || g_strcmp0(stanza_attr(iq, "type"), "result") != 0)
        return false;
    if (stanza_first(element) && (!read_edge(element, "start", &metadata.start) ||
                                  !read_edge(element, "end", &metadata.end)))
        return false;
    *ret = metadata;
    return true;
}

static void add_edge(xmpp_stanza_t *metadata, const char *name, const struct mam_edge *edge)
{
    g_autofree char *stamp = xep_time_format(edge->stamp_us);
    xmpp_stanza_t *element = stanza_add(metadata, name, NS_MAM);
    stanza_set(element, "id", edge->id);
    stanza_set(element, "timestamp", stamp);
}

void mam_metadata_add(xmpp_stanza_t *iq, const struct mam_metadata *metadata)
{
    xmpp_stanza_t *element = stanza_add(iq, "metadata", NS_MAM);
    if (!metadata->start.id || !metadata->end.id)
        return;
    add_edge(element, "start", &metadata->start);
    add_edge(element, "end", &metadata->end);
}
