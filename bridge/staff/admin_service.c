/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The service itself, as administrators see it and steer it: state, log, configuration, keys of
 * backends, announcements. */
#include "config.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "bridge/account/account.h"
#include "bridge/account/secret.h"
#include "bridge/account/session.h"
#include "bridge/archive/archive.h"
#include "bridge/base/clock.h"
#include "bridge/base/json_writer.h"
#include "bridge/base/log.h"
#include "bridge/base/metrics.h"
#include "bridge/base/options.h"
#include "bridge/base/rollout.h"
#include "bridge/base/words.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/event.h"
#include "bridge/core/feature.h"
#include "bridge/core/toggle.h"

#define REPLY_MAX 65536
#define TOPIC "admin"
#define OWN "urn:trestle:admin:"

/* ---- State ----------------------------------------------------------------------------------- */

static const struct {
    const char *part, *name;
    enum metric metric;
} numbers[] = {
    {"link", "stanzas_received", METRIC_STANZAS_IN},
    {"link", "stanzas_sent", METRIC_STANZAS_OUT},
    {"link", "stanzas_refused", METRIC_STANZAS_REFUSED},
    {"link", "connects", METRIC_LINK_CONNECTS},
    {"database", "queue", METRIC_ARCHIVE_QUEUE},
    {"database", "statements", METRIC_ARCHIVE_STATEMENTS},
    {"database", "connections_lost", METRIC_ARCHIVE_RECONNECTS},
    {"outbox", "pending", METRIC_OUTBOX_PENDING},
    {"outbox", "resent", METRIC_OUTBOX_RESENT},
    {"jobs", "running", METRIC_JOBS_RUNNING},
    {"jobs", "due", METRIC_JOBS_DUE},
    {"jobs", "late_seconds", METRIC_JOBS_LATE},
    {"jobs", "failing", METRIC_JOBS_FAILING},
    {"clients", "sockets", METRIC_WS_SOCKETS},
    {"clients", "connections", METRIC_HTTP_CONNECTIONS},
    {"clients", "streams", METRIC_HTTP_STREAMS},
    {"clients", "requests", METRIC_HTTP_REQUESTS},
    {"clients", "rate_limited", METRIC_RATE_LIMITED},
    {"messages", "stored", METRIC_MESSAGES_STORED},
    {"messages", "repeated", METRIC_MESSAGES_DUPLICATE},
};

static void state_flags(struct json_writer *json, const char *part)
{
    if (strcmp(part, "link") == 0) {
        json_member_boolean(json, "up", metric_get(METRIC_LINK_UP) > 0);
        json_member_boolean(json, "rooms_up", metric_get(METRIC_ROOMS_LINK_UP) > 0);
    } else if (strcmp(part, "database") == 0) {
        json_member_boolean(json, "connected", metric_get(METRIC_ARCHIVE_CONNECTED) > 0);
    }
}

static void switches_put(struct json_writer *json, const struct core *core)
{
    json_key(json, "features");
    json_begin_array(json);
    for (enum toggle toggle = TOGGLE_NONE + 1; toggle < TOGGLE_MAX; toggle++) {
        json_begin_object(json);
        json_member_string(json, "name", toggle_name(toggle));
        json_member_integer(json, "percent", ROLLOUT_ALL - core->toggles.withheld[toggle]);
        json_end_object(json);
    }
    json_end_array(json);
}

static void state_show(struct request *request)
{
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    struct json_writer json;
    const char *part = NULL;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_string(&json, "version", PACKAGE_VERSION);
    json_member_string(&json, "domain", request->core->options->xmpp_domain);
    json_member_integer(&json, "up_seconds",
                        (clock_monotonic() - request->core->started) / G_USEC_PER_SEC);
    json_member_integer(&json, "other_instances", bus_others(request->core));
    for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (!part || strcmp(part, numbers[i].part) != 0) {
            if (part)
                json_end_object(&json);
            part = numbers[i].part;
            json_key(&json, part);
            json_begin_object(&json);
            state_flags(&json, part);
        }
        json_member_integer(&json, numbers[i].name, metric_get(numbers[i].metric));
    }
    json_end_object(&json);
    switches_put(&json, request->core);
    json_end_object(&json);
    request_reply(request, 200, &buf);
}

/* ---- Log ------------------------------------------------------------------------------------- */

static const char *const levels[] = {"error", "warning", "info", "debug", NULL};
static const char *const areas[] = {"main", "config", "link", "stanza", "archive",
                                    "http", "ws",     "core", "auth",   NULL};

static const struct field log_fields[] = {
    {.name = "level", .type = FIELD_CHOICE, .flags = FIELD_REQUIRED, .choices = levels},
    {.name = "areas",
     .type = FIELD_CHOICES,
     .choices = areas,
     .minimum = 1,
     .maximum = G_N_ELEMENTS(areas) - 1,
     .label = "Areas (none: as they are)"},
    {0},
};

static void log_reply(struct request *request)
{
    g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
    struct json_writer json;
    json_writer_init(&json, &buf);
    json_begin_object(&json);
    json_member_string(&json, "level", log_level_text());
    json_key(&json, "areas");
    json_begin_array(&json);
    for (size_t i = 0; areas[i]; i++) {
        if (log_area_is_on((enum log_area)i))
            json_put_string(&json, areas[i]);
    }
    json_end_array(&json);
    json_end_object(&json);
    request_reply(request, 200, &buf);
}

static void log_switch_by(const json_t *wanted)
{
    const json_t *list = json_object_get(wanted, "areas");
    g_autoptr(GString) text = g_string_new(NULL);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *area = json_string_value(json_array_get(list, i));
        g_string_append_printf(text, "%s%s", i > 0 ? "," : "", area ? area : "");
    }
    const char *level = json_string_value(json_object_get(wanted, "level"));
    if (level && log_switch(level, text->len > 0 ? text->str : NULL))
        log_info(AREA_CONFIG, "log-switched", "level=%s", level);
}

/* ---- What all instances do ------------------------------------------------------------------- */

/* As the signal does, to the last line of the log. */
static void configuration_reload(void)
{
    kill(getpid(), SIGHUP);
}

static void announcement_hand_out(struct core *core, const json_t *facts);

static void order_follow(struct core *core, const json_t *order)
{
    const char *what = json_string_value(json_object_get(order, "what"));
    if (g_strcmp0(what, "log") == 0)
        log_switch_by(order);
    else if (g_strcmp0(what, "reload") == 0)
        configuration_reload();
    else if (g_strcmp0(what, "announcement") == 0)
        announcement_hand_out(core, order);
}

static void on_order(struct core *core, const json_t *message, void *data)
{
    (void)data;
    order_follow(core, message);
}

/* ORDER is taken. */
static void order_give(struct core *core, json_t *order)
{
    order_follow(core, order);
    if (bus_is_heard(core))
        bus_publish(core, TOPIC, order);
    else
        json_decref(order);
}

static void log_put(struct request *request)
{
    json_t *list = request_value(request, "areas")->list;
    json_t *order = json_pack("{s:s, s:s}", "what", "log", "level", request_text(request, "level"));
    if (list)
        json_object_set(order, "areas", list);
    order_give(request->core, order);
    log_reply(request);
}

static void configuration_ask(struct request *request)
{
    order_give(request->core, json_pack("{s:s}", "what", "reload"));
    request_reply_nothing(request);
}

/* ---- Announcements --------------------------------------------------------------------------- */

static const struct field announce_fields[] = {
    {.name = "subject", .type = FIELD_TEXT, .minimum = 1, .maximum = 255},
    {.name = "body",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_PROSE,
     .minimum = 1,
     .maximum = 4096,
     .var = "announcement",
     .label = "What everybody who is there is told"},
    {0},
};

/* To the sockets and streams of this instance. */
static void announcement_hand_out(struct core *core, const json_t *facts)
{
    const char *subject = json_string_value(json_object_get(facts, "subject"));
    const char *body = json_string_value(json_object_get(facts, "body"));
    g_auto(buffer) payload = BUFFER_INIT(REPLY_MAX);
    struct json_writer json;
    json_writer_init(&json, &payload);
    json_begin_object(&json);
    json_member_string(&json, "subject", subject);
    json_member_string(&json, "body", body ? body : "");
    json_end_object(&json);
    g_autoptr(trestle_event) event = event_new(EVENT_ANNOUNCEMENT, 0, clock_wall(), &payload);
    g_autoptr(GPtrArray) heard = g_ptr_array_new_with_free_func((GDestroyNotify)account_unref);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, core->accounts->by_id);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct account *account = value;
        if (account->subscribers)
            g_ptr_array_add(heard, account_ref(value));
    }
    for (guint i = 0; i < heard->len; i++)
        event_deliver(heard->pdata[i], event);
}

static void announcement_make(struct request *request)
{
    order_give(request->core,
               json_pack("{s:s, s:s?, s:s}", "what", "announcement", "subject",
                         request_text(request, "subject"), "body", request_text(request, "body")));
    request_reply_nothing(request);
}

/* ---- Keys of backends ------------------------------------------------------------------------ */

static const char *const scopes[] = WORDS_ARRAY(KEY_SCOPES);

static const struct field key_fields[] = {
    {.name = "name",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_LINE,
     .minimum = 1,
     .maximum = 255},
    {.name = "scopes",
     .type = FIELD_CHOICES,
     .flags = FIELD_REQUIRED,
     .choices = scopes,
     .minimum = 1,
     .maximum = G_N_ELEMENTS(scopes) - 1,
     .label = "What it may do"},
    {0},
};
static const struct field revoke_fields[] = {
    {.name = "name",
     .type = FIELD_TEXT,
     .flags = FIELD_REQUIRED | FIELD_IN_PATH,
     .minimum = 1,
     .maximum = 255,
     .label = "Name of the key"},
    {0},
};

static void key_made(const struct change_result *result, void *data)
{
    struct request *request = data;
    char *key = g_steal_pointer(&request->data);
    if (change_succeeded(result)) {
        g_auto(buffer) buf = BUFFER_INIT(REPLY_MAX);
        struct json_writer json;
        json_writer_init(&json, &buf);
        json_begin_object(&json);
        json_member_string(&json, "name", request_text(request, "name"));
        json_member_string(&json, "key", key);
        json_end_object(&json);
        request_reply(request, 201, &buf);
    } else {
        change_reply(request, 201, result);
    }
    explicit_bzero(key, strlen(key));
    g_free(key);
}

/* Only the SHA-256 of its whole text reaches the database, so that the answer is the only copy. */
static void key_make(struct request *request)
{
    char *key = server_key_new();
    if (!key) {
        request_fail(request, ERROR_INTERNAL, NULL);
        return;
    }
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, key, -1);
    request->data = key;
    change_submit(request->core, "key_make", request->account ? &request->account->id : NULL,
                  json_pack("{s:s, s:O, s:s}", "name", request_text(request, "name"), "scopes",
                            request_value(request, "scopes")->list, "digest", digest),
                  key_made, request);
}

/* ---- Rooms ----------------------------------------------------------------------------------- */

static const struct field room_fields[] = {
    {.name = "q",
     .type = FIELD_TEXT,
     .flags = FIELD_IN_QUERY,
     .minimum = 1,
     .maximum = 255,
     .label = "Beginning of the room's address"},
    FIELD_PAGE_LIMIT(100),
    FIELD_PAGE_AFTER(1023),
    {0},
};

static void service_start(struct core *core)
{
    bus_subscribe(core, TOPIC, on_order, NULL);
}

#define BY_ADMIN .flags = OPERATION_SERVER_KEY, .scope = "admin", .role = "admin"

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/admin/status",
     .handle = state_show,
     BY_ADMIN,
     .adhoc = &(const struct adhoc){.node = OWN "status", .name = "Service: state and statistics"},
     .reply = "ServiceState",
     .summary = "How links, database, outbox, jobs and clients of this instance stand"},
    {.method = "GET",
     .path = "/api/admin/log",
     .handle = log_reply,
     BY_ADMIN,
     .reply = "LogState",
     .summary = "What is logged"},
    {.method = "PUT",
     .path = "/api/admin/log",
     .fields = log_fields,
     .handle = log_put,
     BY_ADMIN,
     .audit = "service.log",
     .adhoc = &(const struct adhoc){.node = OWN "log-level", .name = "Service: what is logged"},
     .reply = "LogState",
     .summary = "What all instances log, until the configuration is read again"},
    {.method = "POST",
     .path = "/api/admin/reload",
     .handle = configuration_ask,
     BY_ADMIN,
     .audit = "service.reload",
     .adhoc = &(const struct adhoc){.node = OWN "reload",
                                    .name = "Service: read the configuration again"},
     .reply = "Nothing",
     .summary = "Lets all instances read again what SIGHUP reads again"},
    {.method = "POST",
     .path = "/api/admin/announcements",
     .fields = announce_fields,
     .handle = announcement_make,
     BY_ADMIN,
     .audit = "service.announce",
     .adhoc = &(const struct adhoc){.node = "http://jabber.org/protocol/admin#announce",
                                    .name = "Service: tell everybody who is there"},
     .reply = "Nothing",
     .summary = "Tells all users who are there something, once"},
    {.method = "GET",
     .path = "/api/admin/keys",
     .read = QUERY_ADMIN_KEY_LIST,
     BY_ADMIN,
     .audit = "key.list",
     .adhoc = &(const struct adhoc){.node = OWN "keys", .name = "Keys of backends: list"},
     .reply = "ServerKeys",
     .summary = "Keys of application backends, without what is secret of them"},
    {.method = "POST",
     .path = "/api/admin/keys",
     .fields = key_fields,
     .handle = key_make,
     .flags = OPERATION_SERVER_KEY | OPERATION_MAKES,
     .scope = "admin",
     .role = "admin",
     .audit = "key.make",
     .adhoc = &(const struct adhoc){.node = OWN "add-key", .name = "Keys of backends: make one"},
     .reply = "ServerKeyMade",
     .errors = OPERATION_ERROR(CONFLICT),
     .summary = "Makes a key, which is told this once"},
    {.method = "DELETE",
     .path = "/api/admin/keys/:name",
     .fields = revoke_fields,
     .change = "key_revoke",
     .flags = OPERATION_SERVER_KEY | OPERATION_REVOKES,
     .scope = "admin",
     .role = "admin",
     .audit = "key.revoke",
     .adhoc = &(const struct adhoc){.node = OWN "revoke-key",
                                    .name = "Keys of backends: revoke one",
                                    .confirm = "Whatever uses the key is refused from now on."},
     .reply = "ServerKey",
     .errors = OPERATION_ERROR(NOT_FOUND),
     .summary = "Makes a key invalid, and ends what it has let in"},
    {.method = "GET",
     .path = "/api/admin/rooms",
     .fields = room_fields,
     .read = QUERY_ADMIN_ROOM_LIST,
     .flags = OPERATION_SERVER_KEY | OPERATION_LISTS,
     .scope = "admin",
     .role = "admin",
     .audit = "room.list",
     .adhoc = &(const struct adhoc){.node = OWN "rooms", .name = "Rooms: find"},
     .reply = "AdminRoomPage",
     .summary = "Groups by the address of their room"},
    {0},
};

const struct feature feature_admin_service = {
    .name = "admin_service", .operations = operations, .start = service_start};
