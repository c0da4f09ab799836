/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the scene, and keeping the request meanwhile. */
#include "config.h"

#include <string.h>

#include "bridge/archive/archive.h"
#include "bridge/core/core.h"
#include "bridge/room/scene.h"

#define CALLS_MAX 1000 /* that wait; each holds a whole request */

static unsigned calls;

char *room_of_context(const struct stanza_context *context)
{
    return g_strndup(context->to_bare, strcspn(context->to_bare, "@"));
}

void room_answer(struct room_call *call, xmpp_stanza_t *reply)
{
    g_autoptr(xmpp_stanza_t) owned = reply;
    if (owned)
        stanza_out(call->core, owned);
    calls--;
    xmpp_stanza_release(call->stanza);
    g_free(call->room);
    g_free(call);
}

void room_refuse(struct room_call *call, const char *type, const char *condition, const char *text)
{
    room_answer(call, stanza_reply_error(call->stanza, type, condition, text));
}

static void scene_of_row(const struct rows *rows, struct room_scene *ret)
{
    uuid_parse(rows_text(rows, 0, ROOM_SCENE_CONVERSATION), &ret->conversation);
    ret->name = rows_text(rows, 0, ROOM_SCENE_NAME);
    ret->description = rows_text(rows, 0, ROOM_SCENE_DESCRIPTION);
    ret->subject = rows_text(rows, 0, ROOM_SCENE_SUBJECT);
    ret->is_public = rows_boolean(rows, 0, ROOM_SCENE_PUBLIC);
    ret->moderated = rows_boolean(rows, 0, ROOM_SCENE_MODERATED);
    muc_affiliation_find(rows_text(rows, 0, ROOM_SCENE_AFFILIATION), &ret->affiliation);
    muc_role_find(rows_text(rows, 0, ROOM_SCENE_ROLE), &ret->role);
    ret->nick = rows_text(rows, 0, ROOM_SCENE_NICK);
    ret->photo = rows_text(rows, 0, ROOM_SCENE_PHOTO);
    ret->occupants = rows_integer(rows, 0, ROOM_SCENE_OCCUPANTS);
}

static void scene_read(const struct rows *rows, enum error_code error, void *data)
{
    struct room_call *call = data;
    if (error != ERROR_NONE || !call->core->archive) {
        const struct error_info *info = error_info(ERROR_UNAVAILABLE);
        room_refuse(call, info->type, info->condition, NULL);
    } else if (rows_count(rows) == 0) {
        room_refuse(call, "cancel", "item-not-found", NULL);
    } else {
        scene_of_row(rows, &call->scene);
        call->serve(call);
    }
}

bool room_serve(const struct stanza_context *context, void (*serve)(struct room_call *call))
{
    struct room_call *call = g_new0(struct room_call, 1);
    calls++;
    call->core = context->data;
    call->stanza = xmpp_stanza_clone(context->stanza);
    call->room = room_of_context(context);
    call->serve = serve;
    const char *slash = strchr(stanza_attr(call->stanza, "to"), '/');
    call->place = slash ? slash + 1 : NULL;
    const char *values[] = {call->room, context->from, context->from_bare};
    if (calls > CALLS_MAX) {
        const struct error_info *info = error_info(ERROR_UNAVAILABLE);
        room_refuse(call, info->type, info->condition, NULL);
    } else {
        archive_query(call->core->archive, QUERY_ROOM_SCENE, values, scene_read, call);
    }
    return true;
}
