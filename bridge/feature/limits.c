/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is left of the limits of who asks. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/options.h"
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

static void write_states(struct json_writer *json, struct request *request)
{
    struct limiter *limiter = request->core->limiter;
    struct limit_state state;
    json_key(json, "limits");
    json_begin_array(json);
    if (request->by_key) {
        limiter_look(limiter, &request->grant.credential, LIMIT_SERVER, &state);
        write_state(json, &state);
    }
    for (enum limit limit = 0; limit < LIMIT_MAX && !request->by_key; limit++) {
        if (limit_whose(limit) != LIMIT_OF_USER ||
            limit_is_waived(request->core->limiter, request->account, limit))
            continue;
        limiter_look(limiter, &request->account->id, limit, &state);
        write_state(json, &state);
    }
    json_end_array(json);
}

/* USED: bytes of files; negative: there are none here. */
static void limits_reply(struct request *request, gint64 used)
{
    gint64 most = request->core->options->media_quota_user;
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    write_states(&json, request);
    json_key(&json, "storage");
    if (used < 0) {
        json_put_null(&json);
    } else {
        json_begin_object(&json);
        json_member_integer(&json, "used_bytes", used);
        if (most > 0)
            json_member_integer(&json, "limit_bytes", most);
        else
            json_member_string(&json, "limit_bytes", NULL);
        json_end_object(&json);
    }
    json_end_object(&json);
    request_reply(request, 200, &buf);
}

static void room_read(const struct rows *rows, enum error_code error, void *data)
{
    struct request *request = data;
    if (error == ERROR_NONE)
        limits_reply(request, rows_integer(rows, 0, FILE_USED_BYTES));
    else
        request_fail(request, error, NULL);
}

static void limits_show(struct request *request)
{
    if (request->by_key || !request->core->options->media_store)
        limits_reply(request, -1);
    else
        archive_query(request->core->archive, QUERY_FILE_USED,
                      (const char *[]){request->account->id_text}, room_read, request);
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
