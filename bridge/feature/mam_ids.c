/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "config.h"

#include "bridge/feature/mam_ids.h"

static bool put_id(json_t *query, const char *member, const char *id,
                   bool (*parse)(const char *text, struct uuid *ret_id))
{
    struct uuid uuid;
    char text[UUID_TEXT_SIZE];
    if (!parse(id, &uuid))
        return false;
    uuid_format(&uuid, text);
    json_t *ids = json_object_get(query, member);
    if (!ids) {
        ids = json_array();
        json_object_set_new(query, member, ids);
    }
    json_array_append_new(ids, json_string(text));
    return true;
}

bool mam_ids_put(json_t *query, const struct mam_query *asked,
                 bool (*parse)(const char *text, struct uuid *ret_id))
{
    bool good = (!asked->after_id || put_id(query, "after", asked->after_id, parse)) &&
                (!asked->page.after || put_id(query, "after", asked->page.after, parse)) &&
                (!asked->before_id || put_id(query, "before", asked->before_id, parse)) &&
                (!asked->page.before || !*asked->page.before ||
                 put_id(query, "before", asked->page.before, parse));
    for (size_t i = 0; good && i < asked->id_count; i++)
        good = put_id(query, "ids", asked->ids[i], parse);
    return good;
}
