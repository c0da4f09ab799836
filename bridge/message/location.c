/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Places (XEP-0080, RFC 5870), and where somebody is for a while. On XMPP such a message is sent
 * once, and edited when it is over; what moves meanwhile only apps see. See
 * sql/function/location.sql. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "bridge/account/account.h"
#include "bridge/account/limit.h"
#include "bridge/base/clock.h"
#include "bridge/core/change.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/feature.h"
#include "bridge/core/json_check.h"
#include "bridge/core/request.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/0080_geoloc.h"
#include "xep/name.h"
#include "xep/time.h"

#define LABEL_MAX 255

/* ---- Apps ------------------------------------------------------------------------------------ */

/* The number NAME of VALUE, from LEAST to MOST. False: absent, or anything else, which PROBLEM
 * says. */
static bool get_number(const json_t *value, const char *name, double least, double most,
                       struct field_problem *problem)
{
    const json_t *number = json_object_get(value, name);
    if (!number || json_is_null(number))
        return false;
    double real = json_number_value(number);
    if (json_is_number(number) && isfinite(real) && real >= least && real <= most)
        return true;
    json_refuse(problem, name, "is not a number within its bounds");
    return false;
}

static bool check_point(const json_t *value, struct field_problem *problem)
{
    if (!get_number(value, "lat", -90, 90, problem))
        return json_refuse(problem, "lat", "is required") != NULL;
    if (!get_number(value, "lon", -180, 180, problem))
        return json_refuse(problem, "lon", "is required") != NULL;
    get_number(value, "accuracy", 0, GEO_ACCURACY_MAX, problem);
    return !problem->detail;
}

/* The time until which the place is live, in the form in which times are shown. */
static void take_until(json_t *place, struct field_problem *problem)
{
    int64_t until;
    char shown[CLOCK_TIMESTAMP_SIZE];
    const char *text = json_get_text(place, "live_until", 40, problem);
    if (!text)
        return;
    if (!xep_time_parse(text, &until)) {
        json_refuse(problem, "live_until", "is not a time (RFC 3339)");
        return;
    }
    clock_format(until, shown);
    json_object_set_new(place, "live_until", json_string(shown));
}

static void drop_nulls(json_t *object)
{
    const char *key;
    json_t *member;
    void *next;
    json_object_foreach_safe(object, next, key, member)
    {
        if (json_is_null(member))
            json_object_del(object, key);
    }
}

static json_t *location_take(const json_t *value, const char *content,
                             struct field_problem *problem)
{
    static const char *const members[] = {"lat", "lon", "accuracy", "label", "live_until", NULL};
    (void)content;
    if (!json_has_only(value, members, problem) || !check_point(value, problem))
        return NULL;
    json_t *place = json_deep_copy(value);
    drop_nulls(place);
    const char *label = json_get_text(place, "label", LABEL_MAX, problem);
    if (label && !name_is_fine(label, NAME_LINE))
        json_refuse(problem, "label", "must be one line that can be seen");
    take_until(place, problem);
    if (!problem->detail)
        return place;
    json_decref(place);
    return NULL;
}

static const struct field move_fields[] = {
    FIELD_ID_IN_PATH("message_id"),
    {.name = "location", .type = FIELD_JSON, .flags = FIELD_REQUIRED},
    {0},
};

static void location_moved(const struct change_result *result, void *data)
{
    change_reply(data, 200, result);
}

static void location_move(struct request *request)
{
    static const char *const members[] = {"lat", "lon", "accuracy", NULL};
    struct field_problem problem = {.code = ERROR_UNPROCESSABLE, .pointer = "/location"};
    json_t *place = request_value(request, "location")->list;
    if (!json_has_only(place, members, &problem) || !check_point(place, &problem)) {
        request_fail_field(request, &problem);
        return;
    }
    json_t *copy = json_deep_copy(place);
    drop_nulls(copy);
    change_submit(request->core, "location_move", &request->account->id,
                  json_pack("{s:s, s:o}", "message_id", request_text(request, "message_id"),
                            "location", copy),
                  location_moved, request);
}

static const struct field stop_fields[] = {FIELD_ID_IN_PATH("message_id"), {0}};

static const struct operation operations[] = {
    {.method = "PUT",
     .path = "/api/messages/:message_id/location",
     .command = "message.location",
     .fields = move_fields,
     .handle = location_move,
     .limit = LIMIT_REACTIONS,
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .reply = "Message",
     .summary = "Says where the caller is now, in a live location of the caller's"},
    {.method = "DELETE",
     .path = "/api/messages/:message_id/location",
     .command = "message.location.stop",
     .fields = stop_fields,
     .change = "location_stop",
     .limit = LIMIT_REACTIONS,
     .errors = OPERATION_ERROR(FORBIDDEN) | OPERATION_ERROR(CONFLICT),
     .reply = "Message",
     .summary = "Ends a live location; it stays where it was last"},
    {0},
};

/* ---- XMPP ------------------------------------------------------------------------------------ */

static struct geo_point point_of(const json_t *value)
{
    const json_t *accuracy = json_object_get(value, "accuracy");
    return (struct geo_point){.latitude = json_number_value(json_object_get(value, "lat")),
                              .longitude = json_number_value(json_object_get(value, "lon")),
                              .has_accuracy = json_is_number(accuracy),
                              .accuracy = json_number_value(accuracy)};
}

/* What clients that know places by their text show. */
static char *location_text(const json_t *value)
{
    struct geo_point point = point_of(value);
    return geo_uri_format(&point);
}

static void location_put(xmpp_stanza_t *stanza, const struct content_scene *scene,
                         const json_t *value)
{
    (void)scene;
    struct geoloc geoloc = {.point = point_of(value),
                            .text = json_string_value(json_object_get(value, "label"))};
    geoloc_add(stanza, &geoloc);
}

static json_t *place_json(const struct geo_point *point)
{
    json_t *place = json_pack("{s:f, s:f}", "lat", point->latitude, "lon", point->longitude);
    if (point->has_accuracy)
        json_object_set_new(place, "accuracy", json_real(point->accuracy));
    return place;
}

/* Said by an element, by a text that is nothing but a place, or both. */
static void location_read(const struct stanza_context *context, const struct content_text *said,
                          json_t *details)
{
    struct geoloc geoloc = {0};
    struct geo_point point;
    bool has_element = geoloc_parse(context->stanza, &geoloc);
    bool alone = !said->body || geo_uri_parse(said->body, &point);
    if (!has_element && !(said->body && alone))
        return;
    json_t *place = place_json(has_element ? &geoloc.point : &point);
    const char *called = geoloc.text ? geoloc.text : geoloc.description;
    g_autofree char *label = called ? name_clean(called, LABEL_MAX, NAME_LINE) : NULL;
    if (label)
        json_object_set_new(place, "label", json_string(label));
    json_object_set_new(place, "alone", json_boolean(alone));
    json_object_set_new(details, "location", place);
}

static const struct content contents[] = {
    {.key = "location",
     .take = location_take,
     .text = location_text,
     .add = location_put,
     .read = location_read},
    {0},
};

const struct feature feature_location = {
    .name = "location", .operations = operations, .contents = contents};
