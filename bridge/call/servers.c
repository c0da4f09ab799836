/* SPDX-License-Identifier: GPL-3.0-or-later */
/* STUN and TURN servers for calls, to apps. */
#include "config.h"

#include "bridge/base/json_writer.h"
#include "bridge/call/ice.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"

/* Whom the call will be with is not known here: what only strangers must do comes with the call. */
static void servers_show(struct request *request)
{
    g_auto(buffer) buf = BUFFER_INIT(ICE_JSON_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    ice_servers_for(&json, NULL, ice_policy_of(request->core->options, false));
    json_end_object(&json);
    request_reply(request, 200, &buf);
}

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/calls/ice-servers",
     .toggle = TOGGLE_CALLS,
     .handle = servers_show,
     .reply = "IceServers",
     .summary = "STUN and TURN servers for a call, with credentials for the next minutes"},
    {0},
};

static const struct part part = {
    .name = "ice_servers", .link_up = ice_link_up, .secrets_read = ice_secrets_read};

const struct feature feature_ice = {.name = "ice_servers",
                                    .part = &part,
                                    .operations = operations,
                                    .start = ice_start,
                                    .stop = ice_stop};
