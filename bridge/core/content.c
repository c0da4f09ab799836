/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What messages carry besides their text. */
#include "config.h"

#include <string.h>

#include "bridge/base/options.h"
#include "bridge/core/content.h"
#include "bridge/core/core.h"
#include "bridge/core/message.h"
#include "bridge/core/request.h"
#include "xep/0428_fallback.h"
#include "xep/visible.h"

static const struct content *const *contents; /* of all features */

void content_use(const struct content *const *tables)
{
    contents = tables;
}

#define EACH_CONTENT(row)                                                                          \
    for (const struct content *const *table_ = contents; table_ && *table_; table_++)              \
        for (const struct content *row = *table_; row->key; row++)

/* ---- Sends ----------------------------------------------------------------------------------- */

enum carried {
#define TRESTLE_CARRIED(NAME, name, type, minimum, maximum, KIND, with) CARRIED_##NAME,
#include "bridge/core/content.def"
    CARRIED_MAX
};

enum carried_text { NEEDED, MAYBE, NEVER };

static const struct {
    const char *type;
    enum carried_text text;
} carriers[] = {
#define TRESTLE_CARRIER(KIND, type, text) {type, text},
#include "bridge/core/content.def"
};

const char *const content_types[] = {
#define TRESTLE_CARRIER(KIND, type, text) type,
#include "bridge/core/content.def"
    NULL};

#define CARRIED_BY_(kind) (1u << (kind))
#define CARRIED_BY(KIND) CARRIED_BY_(CARRIER_##KIND)
#define CARRIED_BY_ALL (~0u)

static const struct {
    const char *name;
    enum field_type type;
    enum carrier kind;
    unsigned with;
} carried[] = {
#define TRESTLE_CARRIED(NAME, name, type, minimum, maximum, KIND, with)                            \
    {name, FIELD_##type, CARRIER_##KIND, with},
#include "bridge/core/content.def"
};

static const struct field_value *value_of(const struct request *request, const char *name)
{
    return field_value(request->operation->fields, request->values, name);
}

/* What the message is because of what it carries. */
static bool find_kind(struct request *request, enum carrier *ret_kind)
{
    enum carrier kind = CARRIER_TEXT;
    unsigned others = 0; /* what it may be as well */
    for (unsigned i = 0; i < CARRIED_MAX; i++) {
        if (carried[i].kind == CARRIER_TEXT || !value_of(request, carried[i].name)->present)
            continue;
        if (kind != CARRIER_TEXT)
            return request_refuse_field(request, carried[i].name,
                                        "does not go with what else it is");
        kind = carried[i].kind;
        others = carried[i].with;
    }
    const struct field_value *type = value_of(request, "message_type");
    for (unsigned i = 0; type->present && i < CARRIERS; i++) {
        if ((others & CARRIED_BY_(i)) && strcmp(type->text, carriers[i].type) == 0)
            kind = (enum carrier)i;
    }
    if (type->present && strcmp(type->text, carriers[kind].type) != 0)
        return request_refuse_field(request, "message_type", "is not what it carries");
    *ret_kind = kind;
    return true;
}

static bool check_text(struct request *request, enum carrier kind)
{
    const struct field_value *content = value_of(request, "content");
    gint64 most = request->core->options->messages_content_max;
    if (!content->present)
        return carriers[kind].text != NEEDED ||
               request_refuse_field(request, "content", "is required");
    if (carriers[kind].text == NEVER)
        return request_refuse_field(request, "content", "does not go with what else it is");
    if ((gint64)content->length > most) {
        request_fail_large(request, "the content is too long", most);
        return false;
    }
    return text_is_visible(content->text, content->length) ||
           request_refuse_field(request, "content", "shows nothing");
}

bool content_check_text(struct request *request)
{
    return check_text(request, CARRIER_TEXT);
}

static const struct content *row_of(const char *key)
{
    EACH_CONTENT(row)
    {
        if (strcmp(row->key, key) == 0)
            return row;
    }
    return NULL;
}

static json_t *carried_json(const struct field_value *value, enum field_type type)
{
    char id[UUID_TEXT_SIZE];
    if (type == FIELD_UUID) {
        uuid_format(&value->uuid, id);
        return json_string(id);
    }
    if (type == FIELD_INTEGER)
        return json_integer(value->integer);
    if (type == FIELD_BOOLEAN)
        return json_boolean(value->integer);
    if (type == FIELD_TEXT || type == FIELD_CHOICE)
        return json_stringn(value->text, value->length);
    return json_incref(value->list);
}

/* Adds what REQUEST has for the field that carried[INDEX] names, if it has it. */
static bool take_one(struct request *request, unsigned index, enum carrier kind, json_t **details)
{
    const char *name = carried[index].name;
    const struct field_value *value = value_of(request, name);
    if (!value->present)
        return true;
    if (!(carried[index].with & CARRIED_BY_(kind)))
        return request_refuse_field(request, name, "does not go with what else it is");
    json_t *json = carried_json(value, carried[index].type);
    const struct content *row = row_of(name);
    if (row && row->take) {
        struct field_problem problem = {.code = ERROR_UNPROCESSABLE};
        g_snprintf(problem.pointer, sizeof problem.pointer, "/%s", name);
        json_t *taken = row->take(json, value_of(request, "content")->text, &problem);
        json_decref(json);
        if (!taken) {
            request_fail_field(request, &problem);
            return false;
        }
        json = taken;
    }
    if (!*details)
        *details = json_object();
    json_object_set_new(*details, name, json);
    return true;
}

bool content_take(struct request *request, struct message_draft *draft)
{
    enum carrier kind = CARRIER_TEXT;
    if (!find_kind(request, &kind) || !check_text(request, kind))
        return false;
    json_t *details = NULL;
    for (unsigned i = 0; i < CARRIED_MAX; i++) {
        if (!take_one(request, i, kind, &details)) {
            json_decref(details);
            return false;
        }
    }
    if (kind != CARRIER_TEXT)
        json_object_set_new(details, "type", json_string(carriers[kind].type));
    draft->content = value_of(request, "content")->text;
    draft->details = details;
    return true;
}

/* ---- Stanzas --------------------------------------------------------------------------------- */

/* What WIRE says for ROW; NULL: nothing. */
static const json_t *value_for(const json_t *wire, const struct content *row)
{
    return json_object_get(wire, row->key);
}

/* What goes before the text; each part is declared to be only for who needs it. */
static void add_leads(xmpp_stanza_t *stanza, const json_t *wire, GString *text)
{
    EACH_CONTENT(row)
    {
        const json_t *value = row->lead ? value_for(wire, row) : NULL;
        g_autofree char *lead = value ? row->lead(value) : NULL;
        if (!lead)
            continue;
        guint32 before = (guint32)g_utf8_strlen(text->str, -1);
        struct text_range range = {before, before + (guint32)g_utf8_strlen(lead, -1)};
        g_string_append(text, lead);
        fallback_add(stanza, row->ns, &range);
    }
}

static void append_text(const json_t *wire, GString *text)
{
    const char *body = json_string_value(json_object_get(wire, "body"));
    if (body) {
        g_string_append(text, body);
        return;
    }
    EACH_CONTENT(row)
    {
        const json_t *value = row->text ? value_for(wire, row) : NULL;
        g_autofree char *stands = value ? row->text(value) : NULL;
        if (stands)
            g_string_append(text, stands);
    }
}

void content_add(xmpp_stanza_t *stanza, const struct content_scene *scene, const json_t *wire)
{
    struct content_scene own = *scene;
    g_autoptr(GString) text = g_string_new(NULL);
    /* Ahead of what has a <body/> in it: Converse takes the first one that it finds anywhere. */
    xmpp_stanza_t *body = stanza_add(stanza, "body", NULL);
    add_leads(stanza, wire, text);
    own.shift = (unsigned)g_utf8_strlen(text->str, -1);
    append_text(wire, text);
    if (text->len > 0)
        stanza_put_text(body, text->str, text->len);
    EACH_CONTENT(row)
    {
        const json_t *value = row->add ? value_for(wire, row) : NULL;
        if (value)
            row->add(stanza, &own, value);
    }
}

json_t *content_of_stanza(const struct stanza_context *context, const struct content_text *said)
{
    json_t *details = json_object();
    EACH_CONTENT(row)
    {
        if (row->read)
            row->read(context, said, details);
    }
    if (json_object_size(details) == 0) {
        json_decref(details);
        return NULL;
    }
    return details;
}
