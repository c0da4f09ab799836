/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Limits of single users, in place of those of the configuration. They are rows; each process has
 * them in memory, reads them anew when it hears that one has changed, and once a minute. */
#include "config.h"

#include "bridge/account/limit.h"
#include "bridge/archive/archive.h"
#include "bridge/base/rate.h"
#include "bridge/cluster/bus.h"
#include "bridge/core/change.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"

#define TOPIC "limits"
#define REFRESH_SECONDS 60
#define FIRST_SECONDS 1

static guint timer;
static bool is_first;

/* Those that are counted for a user. */
#define NAME_USER(name) #name,
#define NAME_KEY(name)
#define NAME_ADDRESS(name)
#define NAME_PEER(name)
static const char *const names[] = {
#define TRESTLE_LIMIT(symbol, name, fallback, whose, text) NAME_##whose(name)
#include "bridge/base/limits.def"
    NULL};

static const struct field show_fields[] = {FIELD_NAMED_USER, {0}};
static const struct field put_fields[] = {
    FIELD_NAMED_USER,
    {.name = "limit", .type = FIELD_CHOICE, .flags = FIELD_REQUIRED, .choices = names},
    {.name = "rate",
     .type = FIELD_TEXT,
     .flags = FIELD_RATE,
     .minimum = 1,
     .maximum = 32,
     .label = "Rate (300/60; 0: no limit; empty: as all others)"},
    {0},
};

static void limits_read(const struct rows *rows, enum error_code error, void *data)
{
    struct core *core = data;
    if (error != ERROR_NONE || !core->archive)
        return; /* as it was */
    limiter_override_none(core->limiter);
    for (int row = 0; row < rows_count(rows); row++) {
        struct uuid user;
        struct rate rate;
        if (rows_uuid(rows, row, ADMIN_LIMITS_USER_ID, &user) &&
            rate_parse(rows_text(rows, row, ADMIN_LIMITS_RATE), &rate))
            limiter_override(core->limiter, &user,
                             limit_find(rows_text(rows, row, ADMIN_LIMITS_NAME)), &rate);
    }
}

static void limits_ask(struct core *core)
{
    archive_query(core->archive, QUERY_ADMIN_LIMITS, NULL, limits_read, core);
}

static gboolean on_time(void *data)
{
    struct core *core = data;
    if (core->archive)
        limits_ask(core);
    if (!is_first)
        return G_SOURCE_CONTINUE;
    is_first = false;
    timer = g_timeout_add_seconds(REFRESH_SECONDS, on_time, core);
    return G_SOURCE_REMOVE;
}

static void on_changed(struct core *core, const json_t *message, void *data)
{
    (void)message;
    (void)data;
    if (core->archive)
        limits_ask(core);
}

static void limit_changed(struct request *request, const struct change_result *result)
{
    (void)result;
    limits_ask(request->core);
    if (bus_is_heard(request->core))
        bus_publish(request->core, TOPIC, json_object());
}

static void limits_drain(struct core *core)
{
    (void)core;
    if (timer)
        g_source_remove(timer);
    timer = 0;
}

static void limits_start(struct core *core)
{
    bus_subscribe(core, TOPIC, on_changed, NULL);
    is_first = true;
    timer = g_timeout_add_seconds(FIRST_SECONDS, on_time, core);
}

static const struct operation operations[] = {
    {.method = "GET",
     .path = "/api/admin/users/:user/limits",
     .fields = show_fields,
     .read = QUERY_ADMIN_LIMITS_OF,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.limits",
     .adhoc =
         &(const struct adhoc){.node = "urn:trestle:admin:limits", .name = "Users: limits of one"},
     .reply = "OwnLimits",
     .summary = "Limits that a user has in place of those of the configuration"},
    {.method = "PUT",
     .path = "/api/admin/users/:user/limits",
     .fields = put_fields,
     .change = "admin_limit",
     .changed = limit_changed,
     .flags = OPERATION_SERVER_KEY,
     .scope = "admin",
     .role = "admin",
     .audit = "user.limit",
     .adhoc = &(const struct adhoc){.node = "urn:trestle:admin:set-limit",
                                    .name = "Users: change a limit of one"},
     .reply = "OwnLimits",
     .errors = OPERATION_ERROR(NOT_FOUND) | OPERATION_ERROR(CONFLICT),
     .summary = "Gives a user a limit of their own, or without a rate that of all others"},
    {0},
};

static const struct part limit_part = {.name = "admin_limit", .drain = limits_drain};

const struct feature feature_admin_limit = {
    .name = "admin_limit", .part = &limit_part, .operations = operations, .start = limits_start};
