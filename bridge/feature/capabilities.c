/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What this server can do, and its limits. */
#include "config.h"

#include "bridge/account/account.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/options.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/dialect/dialect.h"
#include "bridge/feature/features.h"

#define CAPABILITIES_MAX 16384

static void write_limits(struct json_writer *json, const struct options *options)
{
    json_key(json, "limits");
    json_begin_object(json);
    json_member_integer(json, "content_bytes", options->messages_content_max);
    json_member_integer(json, "body_bytes", options->http_body_max);
    json_member_integer(json, "frame_bytes", options->websocket_message_max);
    json_member_integer(json, "page_items", 100);
    json_member_integer(json, "resume_events", options->websocket_resume_max);
    json_member_integer(json, "heartbeat_seconds", options->websocket_heartbeat);
    /* 0: there are no files here. */
    gint64 most = options->media_store ? options->media_size_max : 0;
    json_member_integer(json, "file_bytes", most);
    json_member_integer(json, "image_bytes", MIN(most, options->media_image_max));
    json_member_integer(json, "message_files", most ? 10 : 0);
    json_end_object(json);
}

static void write_rates(struct json_writer *json, struct limiter *limiter)
{
    static const struct uuid nobody;
    struct limit_state state;
    json_key(json, "rates");
    json_begin_array(json);
    for (enum limit limit = 0; limit < LIMIT_MAX; limit++) {
        limiter_look(limiter, &nobody, limit, &state);
        if (limit_whose(limit) != LIMIT_OF_USER || state.count == 0)
            continue;
        json_begin_object(json);
        json_member_string(json, "name", limit_name(limit));
        json_member_integer(json, "limit", state.count);
        json_member_integer(json, "window_seconds", state.seconds);
        json_end_object(json);
    }
    json_end_array(json);
}

/* Whether apps can call FEATURE. Features without operations only concern XMPP. */
static bool feature_is_offered(const struct feature *feature, unsigned off)
{
    if (feature->is_there && !feature->is_there())
        return false;
    for (const struct operation *row = feature->operations; row && !operation_is_last(row); row++) {
        if (off & TOGGLE_BIT(row->toggle))
            return false;
    }
    return feature->operations != NULL;
}

static void off_write(struct json_writer *json, unsigned off)
{
    json_key(json, "off");
    json_begin_array(json);
    for (enum toggle toggle = TOGGLE_NONE + 1; toggle < TOGGLE_MAX; toggle++) {
        if (off & TOGGLE_BIT(toggle))
            json_put_string(json, toggle_name(toggle));
    }
    json_end_array(json);
}

static void capabilities_get(struct request *request)
{
    const struct options *options = request->core->options;
    const struct account *caller = request->account;
    unsigned off = toggles_off(request->core, caller ? &caller->id : NULL);
    g_auto(buffer) buf = BUFFER_INIT(CAPABILITIES_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_key(&json, "features");
    json_begin_array(&json);
    for (size_t i = 0; features[i]; i++) {
        if (feature_is_offered(features[i], off))
            json_put_string(&json, features[i]->name);
    }
    json_end_array(&json);
    off_write(&json, off);
    json_key(&json, "dialects");
    json_begin_array(&json);
    for (const char *const *name = dialect_subprotocols; *name; name++)
        json_put_string(&json, *name);
    json_end_array(&json);
    write_limits(&json, options);
    write_rates(&json, request->core->limiter);
    json_member_string(&json, "domain", options->xmpp_domain);
    json_member_string(&json, "version", PACKAGE_VERSION);
    json_end_object(&json);
    request_reply(request, 200, &buf);
}

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/capabilities",
     .handle = capabilities_get,
     .flags = OPERATION_ANONYMOUS | OPERATION_KNOWS_CALLER,
     .reply = "Capabilities",
     .summary =
         "Features, dialects and limits of this server; with a token, as they are for the caller"},
    {0},
};

const struct feature feature_capabilities = {.name = "capabilities", .operations = operations};
