/* SPDX-License-Identifier: GPL-3.0-or-later */
/* By which device somebody asks, and answers with a call in them. */
#include "config.h"

#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/subscriber.h"
#include "bridge/base/json_writer.h"
#include "bridge/call/ice.h"
#include "bridge/core/core.h"
#include "bridge/call/request.h"

#define CALL_JSON_MAX (64 * 1024) /* of a Call: two users, and as many participants */

/* ---- Who asks, and by which device ----------------------------------------------------------- */

/* The only socket of the account that was let in by the same credential; nil: there is none, or
 * several. */
static struct uuid only_session(const struct request *request)
{
    const GPtrArray *subscribers = request->account->subscribers;
    struct uuid session = {0};
    for (guint i = 0; subscribers && i < subscribers->len; i++) {
        const struct subscriber *subscriber = subscribers->pdata[i];
        if (uuid_is_nil(&subscriber->session) ||
            !uuid_equal(&subscriber->grant.credential, &request->grant.credential))
            continue;
        if (!uuid_is_nil(&session))
            return (struct uuid){0};
        session = subscriber->session;
    }
    return session;
}

struct call_actor call_request_actor(const struct request *request, const struct uuid *session)
{
    struct call_actor actor = {.user = request->account->id};
    actor.device.credential = request->grant.credential;
    if (request->origin)
        actor.device.session = request->origin->session;
    else if (session)
        actor.device.session = *session;
    else
        actor.device.session = only_session(request);
    return actor;
}

/* ---- Answers --------------------------------------------------------------------------------- */

void call_reply_json(struct request *request, unsigned status, const json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    g_auto(buffer) buf = BUFFER_INIT(text ? strlen(text) : 0);
    if (text)
        buffer_append_string(&buf, text);
    free(text);
    request_reply(request, status, &buf);
}

void call_reply_begun(struct request *request, unsigned status, const json_t *call,
                      const struct uuid *id, bool strangers)
{
    g_auto(buffer) buf = BUFFER_INIT(CALL_JSON_MAX + ICE_JSON_MAX);
    struct json_writer json;
    const char *name;
    json_t *value;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_object_foreach((json_t *)(guintptr)call, name, value) /* only for jansson not const */
    {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
        json_member_raw(&json, name, text);
        free(text);
    }
    ice_servers_for(&json, id, ice_policy_of(request->core->options, strangers));
    json_end_object(&json);
    request_reply(request, status, &buf);
}
