/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is left of the limits of who asks. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"

#define REPLY_MAX 8192

static void write_state(struct json_writer *json, const struct limit_state *state)
{
    char reset[CLOCK_TIMESTAMP_SIZE];
    if (state->count == 0)
        return;
    clock_format(clock_wall() + state->full_in, reset);
    json_begin_object(json);
    json_member_string(json, "name", limit_name(state->limit));
    json_member_integer(json, "limit", state->count);
    json_member_integer(json, "window_seconds", state->seconds);
    json_member_integer(json, "remaining", state->remaining);
    json_member_string(json, "reset_at", reset);
    json_end_object(json);
}

static void limits_show(struct request *request)
{
    struct limiter *limiter = request->core->limiter;
    struct limit_state state;
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_key(&json, "limits");
    json_begin_array(&json);
    if (request->by_key) {
        limiter_look(limiter, &request->grant.credential, LIMIT_SERVER, &state);
        write_state(&json, &state);
    }
    for (enum limit limit = 0; limit < LIMIT_MAX && !request->by_key; limit++) {
        if (limit_whose(limit) != LIMIT_OF_USER ||
            limit_is_waived(request->core->limiter, request->account, limit))
            continue;
        limiter_look(limiter, &request->account->id, limit, &state);
        write_state(&json, &state);
    }
    json_end_array(&json);
    json_end_object(&json);
    request_reply(request, 200, &buf);
}

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/limits",
     .handle = limits_show,
     .limit = LIMIT_NONE,
     .reply = "Limits",
     .summary = "What is left of each limit"},
    {0},
};

const struct feature feature_limits = {.name = "limits", .operations = operations};
