/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an application sends beside a text: its own data, with a type by which its clients know it.
 * From elsewhere it is shown to apps as it came: whoever wrote it vouches for it. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/core/content.h"
#include "bridge/core/feature.h"
#include "bridge/core/json_check.h"
#include "bridge/xmpp/dispatch.h"
#include "xep/json_payload.h"

#define TYPE_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/-"

static bool type_is_fine(const char *type)
{
    size_t length = strlen(type);
    return length > 0 && length <= JSON_PAYLOAD_TYPE_MAX &&
           type[strspn(type, TYPE_LETTERS)] == '\0';
}

/* DATA as text; NULL: it is too much. The caller frees it with free(). */
static char *data_text(const json_t *data)
{
    char *text = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text && strlen(text) <= JSON_PAYLOAD_MAX)
        return text;
    free(text);
    return NULL;
}

static json_t *payload_take(const json_t *value, const char *content, struct field_problem *problem)
{
    static const char *const members[] = {"type", "data", NULL};
    (void)content;
    if (!json_has_only(value, members, problem))
        return NULL;
    const char *type = json_get_text(value, "type", JSON_PAYLOAD_TYPE_MAX, problem);
    const json_t *data = json_object_get(value, "data");
    if (!type)
        return json_refuse(problem, "type", "is required");
    if (!type_is_fine(type))
        return json_refuse(problem, "type", "is not a word of letters, digits and . _ : / -");
    if (!data)
        return json_refuse(problem, "data", "is required");
    if (!json_is_xml_safe(data))
        return json_refuse(problem, "data", "holds characters that cannot be carried");
    char *text = data_text(data);
    if (!text)
        return json_refuse(problem, "data", "is more than 16384 bytes");
    free(text);
    return json_deep_copy(value);
}

static void payload_put(xmpp_stanza_t *stanza, const struct content_scene *scene,
                        const json_t *value)
{
    (void)scene;
    const json_t *data = json_object_get(value, "data");
    char *text = data_text(data ? data : json_null());
    struct json_payload payload = {.type = json_string_value(json_object_get(value, "type")),
                                   .json = text};
    if (text)
        json_payload_add(stanza, &payload);
    free(text);
}

static void payload_read(const struct stanza_context *context, const struct content_text *said,
                         json_t *details)
{
    struct json_payload payload;
    (void)said;
    if (!json_payload_parse(context->stanza, &payload) || !type_is_fine(payload.type))
        return;
    json_t *data = json_loads(payload.json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    char *text = data && json_is_xml_safe(data) ? data_text(data) : NULL;
    if (text)
        json_object_set_new(details, "payload",
                            json_pack("{s:s, s:O}", "type", payload.type, "data", data));
    free(text);
    json_decref(data);
}

static const struct content contents[] = {
    {.key = "payload", .take = payload_take, .add = payload_put, .read = payload_read},
    {0},
};

const struct feature feature_payload = {.name = "payload", .contents = contents};
