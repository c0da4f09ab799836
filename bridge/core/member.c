/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Members of conversations. */
#include "config.h"

#include "bridge/core/member.h"

static const struct member *member_at(const GArray *members, guint i)
{
    return &g_array_index(members, struct member, i);
}

gint64 member_number(const GArray *members, const struct uuid *user)
{
    for (guint i = 0; i < members->len; i++) {
        if (uuid_equal(&member_at(members, i)->id, user))
            return member_at(members, i)->number;
    }
    return 0;
}

gint64 member_peer_number(const GArray *members, const struct uuid *user)
{
    if (members->len != 2)
        return 0;
    return member_at(members, uuid_equal(&member_at(members, 0)->id, user) ? 1 : 0)->number;
}

struct event_parties member_parties(const struct member_scene *scene)
{
    return (struct event_parties){
        .conversation = scene->conversation,
        .message = scene->message,
        .actor = scene->actor,
        .actor_number = member_number(scene->members, &scene->actor),
        .peer_number = scene->direct ? member_peer_number(scene->members, &scene->actor) : 0,
        .many = !scene->direct};
}

GArray *member_ids(const GArray *members)
{
    GArray *ids = g_array_sized_new(FALSE, FALSE, sizeof(struct uuid), members->len);
    for (guint i = 0; i < members->len; i++)
        g_array_append_val(ids, member_at(members, i)->id);
    return ids;
}

bool member_ids_remove(GArray *ids, const struct uuid *id)
{
    for (guint i = 0; i < ids->len; i++) {
        if (!uuid_equal(&g_array_index(ids, struct uuid, i), id))
            continue;
        g_array_remove_index(ids, i);
        return true;
    }
    return false;
}
